package local

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// serve is a server that a test may kill: it starts a job and stays.
func serve(dir, id, behaviour string) int {
	e, err := New(Config{Dir: dir, Program: program()})
	if err == nil {
		err = e.Open()
	}
	if err == nil {
		err = e.Start(job.Spec{ID: id}, how(behaviour))
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
		left := job.Processes(id)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes %v of job %s go on", left, id)
			if err := job.EndProcesses(id); err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func TestJobEndsWhenItsServerDoesNotComeBack(t *testing.T) {
	b := newBench(t, nil)
	b.Close()
	id := fmt.Sprintf("job-orphan-%d", os.Getpid())
	killedServer(t, b, id)
	if len(job.Processes(id)) == 0 {
		t.Fatal("the job ended with its server, before the timeout")
	}
	nothingLeft(t, id)
	b.open()
	s := b.until(id, job.Failed)
	if s.Step != "work" || !strings.Contains(s.Message, "no server") || !strings.Contains(s.Message, orphanTimeout.String()) {
		t.Errorf("%+v", s)
	}
}

func TestJobGoesOnWhenItsServerComesBackInTime(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block impatiently")
	b.file("job-1", "ran")
	b.restart()
	began := time.Now()
	for time.Since(began) < 2*orphanTimeout { // what is promised is that nothing happens
		if s := b.State("job-1"); s.Phase != job.Running {
			t.Fatalf("%+v", s)
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.letGo("job-1")
	b.until("job-1", job.Succeeded)
}

func TestJobEndsWhenItsDirectoryIsGone(t *testing.T) {
	b := newBench(t, nil) // the server lives, and the timeout is an hour
	id := fmt.Sprintf("job-gone-%d", os.Getpid())
	b.start(id, "daemon")
	b.file(id, "daemon")
	if err := os.RemoveAll(filepath.Dir(string(b.dir(id)))); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, id)
	b.until(id, job.Lost)
}

// A job that may go on to a time only ends then, though its server is there and
// it would go on by itself.
func TestJobEndsAtTheTimeThatItIsTold(t *testing.T) {
	b := newBench(t, nil)
	id := fmt.Sprintf("job-limit-%d", os.Getpid())
	if err := job.Limit(b.cfg.Dir, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(job.Spec{ID: id}, how("daemon")); err != nil {
		t.Fatal(err)
	}
	b.file(id, "daemon")
	if err := job.Limit(b.cfg.Dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, id)
	if s := b.until(id, job.Lost); !strings.Contains(s.Message, "no longer leads") {
		t.Errorf("%+v", s)
	}
	late := id + "-late"
	if err := b.Start(job.Spec{ID: late}, how("daemon")); err != nil {
		t.Fatal(err)
	}
	if s := b.until(late, job.Lost); !strings.Contains(s.Message, "no longer leads") {
		t.Errorf("a job that starts too late: %+v", s)
	}
	if err := job.Limit(b.cfg.Dir, time.Time{}); err != nil {
		t.Fatal(err)
	}
	free := id + "-free"
	if err := b.Start(job.Spec{ID: free}, how("ok")); err != nil {
		t.Fatal(err)
	}
	b.until(free, job.Succeeded)
}

// Who takes another machine's place starts nothing, and gives nothing up, while
// jobs of that machine may run.
func TestNothingIsLostOrStartedWhileItIsQuiet(t *testing.T) {
	b := newBench(t, nil)
	b.Close()
	e, err := New(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Executor = e
	e.Succeed(Succession{Quiet: time.Now().Add(500 * time.Millisecond)})
	if err := e.Open(); err != nil {
		t.Fatal(err)
	}
	if s := e.State("elsewhere"); s.Phase != job.Running {
		t.Errorf("a job of another machine: %+v", s)
	}
	if err := e.Start(job.Spec{ID: "new"}, how("ok")); err != nil {
		t.Fatal(err)
	}
	if s := e.State("new"); s.Phase != job.Waiting {
		t.Errorf("a job of now: %+v", s)
	}
	told := map[string]bool{}
	for limit := time.After(30 * time.Second); !told["elsewhere"] || e.State("new").Phase != job.Succeeded; {
		select {
		case id := <-e.Changed():
			told[id] = true
		case <-limit:
			t.Fatalf("told of %v, the new one is %+v", told, e.State("new"))
		}
	}
	if s := e.State("elsewhere"); s.Phase != job.Lost {
		t.Errorf("%+v", s)
	}
}

// What waits since a time before another server led never begins.
func TestJobsThatWaitedTooLongNeverBegin(t *testing.T) {
	b := newBench(t, nil)
	b.Close()
	if err := job.Create(filepath.Join(b.cfg.Dir, "old"), job.Spec{ID: "old"}, how("ok")); err != nil {
		t.Fatal(err)
	}
	e, err := New(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Executor = e
	e.Succeed(Succession{Late: true})
	if err := e.Open(); err != nil {
		t.Fatal(err)
	}
	if s := e.State("old"); s.Phase != job.Lost || !strings.Contains(s.Message, "another server led") {
		t.Errorf("%+v", s)
	}
}
