package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/cfs"
)

// orphanTimeout is long enough for a busy machine to restart a server in.
const orphanTimeout = 2 * time.Second

func orphans(c *Config) { c.Settings.OrphanTimeout = orphanTimeout }

// serve is a server that a test may kill: it starts a job and stays.
func serve(dir, id, behaviour string) int {
	c := Config{Dir: dir, Program: []string{os.Args[0], "aee"}}
	orphans(&c)
	e, err := New(c)
	if err == nil {
		err = e.Open()
	}
	if err == nil {
		err = e.Start(context.Background(), cfs.Job{ID: id, Passthrough: behaviour})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {}
}

// killedServer starts the job in a server of its own, waits for the daemon of
// the job's step, and kills the server.
func killedServer(t *testing.T, b *bench, id string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", b.cfg.Dir, id, "daemon")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.file(id, "daemon")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // killed
}

// nothingLeft waits until no process of the job runs.
func nothingLeft(t *testing.T, id string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := aee.Processes(id)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes %v of job %s go on", left, id)
			if err := aee.EndProcesses(id); err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func TestJobEndsWhenItsServerDoesNotComeBack(t *testing.T) {
	b := newBench(t, orphans)
	b.Close()
	id := fmt.Sprintf("cfs-orphan-%d", os.Getpid())
	killedServer(t, b, id)
	if len(aee.Processes(id)) == 0 {
		t.Fatal("the job ended with its server, before the timeout")
	}
	nothingLeft(t, id)
	b.open()
	s := b.until(id, cfs.JobFailed)
	if s.Step != aee.StepAnsible || !strings.Contains(s.Message, "no server") || !strings.Contains(s.Message, orphanTimeout.String()) {
		t.Errorf("%+v", s)
	}
}

func TestJobGoesOnWhenItsServerComesBackInTime(t *testing.T) {
	b := newBench(t, orphans)
	b.start("cfs-1", "block")
	b.file("cfs-1", "ran")
	b.restart()
	began := time.Now()
	for time.Since(began) < 2*orphanTimeout { // what is promised is that nothing happens
		if s, err := b.State(t.Context(), "cfs-1"); err != nil || s.Phase != cfs.JobRunning {
			t.Fatalf("%+v, %v", s, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.letGo("cfs-1")
	b.until("cfs-1", cfs.JobSucceeded)
}

func TestJobEndsWhenItsDirectoryIsGone(t *testing.T) {
	b := newBench(t, nil) // the server lives, and the timeout is an hour
	id := fmt.Sprintf("cfs-gone-%d", os.Getpid())
	b.start(id, "daemon")
	b.file(id, "daemon")
	if err := os.RemoveAll(filepath.Dir(string(b.dir(id)))); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, id)
	b.until(id, cfs.JobLost)
}
