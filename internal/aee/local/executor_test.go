package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/cfs"
)

// TestMain lets the test binary be the program: the supervisor is the real
// one, the steps are stand-ins that do what the job's passthrough says.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "aee" {
		os.Exit(program(os.Args[2:]))
	}
	if len(os.Args) > 4 && os.Args[1] == "serve" {
		os.Exit(serve(os.Args[2], os.Args[3], os.Args[4]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else each step of a -race build takes a second more
	os.Exit(m.Run())
}

func program(args []string) int {
	if args[0] == "run" {
		return aee.Run(context.Background(), os.Args[:2], args, os.Stdout, os.Stderr)
	}
	dir := args[2]
	job, err := aee.Dir(dir).Job()
	if err == nil && job.Passthrough == "clone" && args[0] == aee.StepClone { // the real one
		return aee.Run(context.Background(), os.Args[:2], args, os.Stdout, os.Stderr)
	}
	if err != nil || args[0] != aee.StepAnsible {
		return 0
	}
	f, err := os.OpenFile(beside(dir, job.ID, "ran"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	f.WriteString("ran\n")
	f.Close()
	switch job.Passthrough {
	case "fail":
		fmt.Println("this went wrong")
		return 3
	case "daemon": // as SSH's masters do: out of the session, out of the group
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if cmd.Start() != nil {
			return 1
		}
		os.WriteFile(beside(dir, job.ID, "daemon"), fmt.Append(nil, cmd.Process.Pid), 0o600)
		time.Sleep(time.Hour)
	case "block":
		for {
			if _, err := os.Stat(beside(dir, job.ID, "go")); err == nil {
				return 0
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return 0
}

// beside is a file next to the directory of jobs.
func beside(dir, id, what string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(dir)), id+"."+what)
}

type bench struct {
	*Executor
	t   *testing.T
	cfg Config
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, cfg: Config{Dir: filepath.Join(t.TempDir(), "jobs"), Program: []string{os.Args[0], "aee"}}}
	if change != nil {
		change(&b.cfg)
	}
	b.open()
	t.Cleanup(func() {
		entries, _ := os.ReadDir(b.cfg.Dir)
		for _, e := range entries {
			if err := b.Stop(context.Background(), e.Name()); err != nil {
				t.Error(err)
			}
		}
		b.Close()
	})
	return b
}

func (b *bench) open() {
	b.t.Helper()
	e, err := New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := e.Open(); err != nil {
		b.t.Fatal(err)
	}
	b.Executor = e
}

// restart is what a restart of the server is to jobs.
func (b *bench) restart() {
	b.t.Helper()
	b.Close()
	b.open()
}

func (b *bench) start(id, behaviour string) {
	b.t.Helper()
	if err := b.Start(b.t.Context(), cfs.Job{ID: id, Passthrough: behaviour}); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for the job's phase, waking on hints.
func (b *bench) until(id string, phase cfs.JobPhase) cfs.JobState {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		s, err := b.State(b.t.Context(), id)
		if err != nil {
			b.t.Fatal(err)
		}
		if s.Phase == phase {
			return s
		}
		select {
		case <-b.Changed():
		case <-deadline:
			b.t.Fatalf("job %s is %+v, expected phase %s", id, s, phase)
		}
	}
}

// file waits for the file beside the jobs and returns its text.
func (b *bench) file(id, what string) string {
	b.t.Helper()
	path := beside(string(b.dir(id)), id, what)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			return string(text)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s did not appear", path)
		}
	}
}

func (b *bench) letGo(id string) {
	b.t.Helper()
	if err := os.WriteFile(beside(string(b.dir(id)), id, "go"), nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func TestJobSucceeds(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "")
	s := b.until("cfs-1", cfs.JobSucceeded)
	if s.Started.IsZero() || s.Ended.Before(s.Started) {
		t.Errorf("%+v", s)
	}
}

func TestJobFailsWithItsOutput(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "fail")
	s := b.until("cfs-1", cfs.JobFailed)
	if s.Step != aee.StepAnsible || !strings.Contains(s.Message, "this went wrong") || !strings.Contains(s.Message, "3") {
		t.Errorf("%+v", s)
	}
}

func TestStartTwiceRunsOnce(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "block")
	b.start("cfs-1", "block")
	b.until("cfs-1", cfs.JobRunning)
	b.restart()
	b.start("cfs-1", "block")
	b.letGo("cfs-1")
	b.until("cfs-1", cfs.JobSucceeded)
	b.start("cfs-1", "block")
	if ran := b.file("cfs-1", "ran"); ran != "ran\n" {
		t.Errorf("ran %q", ran)
	}
}

func TestSecondSupervisorDoesNothing(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "block")
	b.file("cfs-1", "ran")
	if code := aee.Run(t.Context(), b.cfg.Program, []string{"run", "--job", string(b.dir("cfs-1"))}, os.Stdout, os.Stderr); code != 0 {
		t.Errorf("exit %d", code)
	}
	b.letGo("cfs-1")
	b.until("cfs-1", cfs.JobSucceeded)
	if ran := b.file("cfs-1", "ran"); ran != "ran\n" {
		t.Errorf("ran %q", ran)
	}
}

func TestRunningJobIsAdopted(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "block")
	b.file("cfs-1", "ran")
	b.restart()
	if s := b.until("cfs-1", cfs.JobRunning); s.Step != aee.StepAnsible {
		t.Errorf("%+v", s)
	}
	b.letGo("cfs-1")
	b.until("cfs-1", cfs.JobSucceeded)
}

func TestKilledSupervisorIsLost(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "daemon")
	var daemon int
	fmt.Sscan(b.file("cfs-1", "daemon"), &daemon)
	killSupervisor(t, b, "cfs-1")
	s := b.until("cfs-1", cfs.JobLost)
	if s.Step != aee.StepAnsible || s.Message == "" {
		t.Errorf("%+v", s)
	}
	if left := aee.Processes("cfs-1"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestSupervisorThatDiedWhileTheServerWasDownIsLost(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "block")
	b.file("cfs-1", "ran")
	b.Close()
	killSupervisor(t, b, "cfs-1")
	b.open()
	b.until("cfs-1", cfs.JobLost)
}

func killSupervisor(t *testing.T, b *bench, id string) {
	t.Helper()
	s, err := b.dir(id).Supervisor()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); s.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the supervisor survived SIGKILL")
		}
	}
}

func TestReusedProcessIDIsNotTheSupervisor(t *testing.T) {
	b := newBench(t, nil)
	b.Close()
	dir := b.dir("cfs-1")
	if err := aee.Create(string(dir), cfs.Job{ID: "cfs-1"}, aee.Settings{}, nil); err != nil {
		t.Fatal(err)
	}
	// This process has the id now; the supervisor started at another time.
	record := fmt.Sprintf(`{"pid":%d,"start":"another-boot/1","started":"2030-01-01T00:00:00Z"}`, os.Getpid())
	if err := os.WriteFile(filepath.Join(string(dir), "supervisor.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.until("cfs-1", cfs.JobLost)
}

func TestStopEndsEveryProcess(t *testing.T) {
	b := newBench(t, nil)
	b.start("cfs-1", "daemon")
	b.file("cfs-1", "daemon")
	if err := b.Stop(t.Context(), "cfs-1"); err != nil {
		t.Fatal(err)
	}
	if left := aee.Processes("cfs-1"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
	if _, err := os.Stat(string(b.dir("cfs-1"))); err == nil {
		t.Error("the job's directory is left")
	}
	b.until("cfs-1", cfs.JobLost)
}

func TestUnknownJobs(t *testing.T) {
	b := newBench(t, nil)
	for _, id := range []string{"cfs-none", "", "../x", "/"} {
		if s, err := b.State(t.Context(), id); err != nil || s.Phase != cfs.JobLost {
			t.Errorf("state of %q: %+v, %v", id, s, err)
		}
		if err := b.Stop(t.Context(), id); err != nil {
			t.Errorf("stop of %q: %v", id, err)
		}
	}
	if err := b.Start(t.Context(), cfs.Job{ID: "../x"}); err == nil {
		t.Error("a job with a path as its id started")
	}
}

func TestJobsWaitForRoom(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parallel = 1 })
	b.start("cfs-1", "block")
	b.file("cfs-1", "ran")
	b.start("cfs-2", "")
	b.start("cfs-3", "")
	b.until("cfs-2", cfs.JobWaiting)
	b.restart() // waiting jobs wait on
	b.until("cfs-2", cfs.JobWaiting)
	if err := b.Stop(t.Context(), "cfs-3"); err != nil {
		t.Fatal(err)
	}
	b.letGo("cfs-1")
	b.until("cfs-2", cfs.JobSucceeded)
	if _, err := os.Stat(beside(string(b.dir("cfs-3")), "cfs-3", "ran")); err == nil {
		t.Error("a job ran that had been stopped while it waited")
	}
}

func TestOldRecordsGo(t *testing.T) {
	b := newBench(t, func(c *Config) { c.KeepFinished = 2; c.Parallel = 1 })
	for _, id := range []string{"cfs-1", "cfs-2", "cfs-3"} {
		b.start(id, "")
		b.until(id, cfs.JobSucceeded)
	}
	b.until("cfs-1", cfs.JobLost)
	b.until("cfs-2", cfs.JobSucceeded)
}

func TestLoginsOfSourcesAreTheOwnersAlone(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Repository = func(_ context.Context, source string) (cfs.Repository, error) {
			if source != "s1" {
				return cfs.Repository{}, fmt.Errorf("no source %s", source)
			}
			return cfs.Repository{Secret: &cfs.Secret{Username: "u", Password: "p"}}, nil
		}
	})
	with := func(id, source string) cfs.Job {
		return cfs.Job{ID: id, Passthrough: "block", Layers: []cfs.JobLayer{{CloneURL: "x", Source: source}}}
	}
	if err := b.Start(t.Context(), with("cfs-2", "s2")); err == nil {
		t.Error("a job started without its source's login")
	}
	if err := b.Start(t.Context(), with("cfs-1", "s1")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(string(b.dir("cfs-1")), "logins.json")
	text, err := os.ReadFile(path)
	if err != nil || string(text) != `{"s1":{"username":"u","password":"p"}}` {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
