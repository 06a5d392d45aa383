package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// orphanTimeout is long enough for a busy machine to restart a server in.
const orphanTimeout = 2 * time.Second

// TestMain lets the test binary be the program of the jobs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "program" {
		os.Exit(command.Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 4 && os.Args[1] == "serve" {
		os.Exit(serve(os.Args[2], os.Args[3], os.Args[4]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else each step of a -race build takes a second more
	os.Exit(m.Run())
}

func program() []string { return []string{os.Args[0], "program"} }

var command = job.Command{Name: "program", Steps: []string{"prepare", "work", "finish"},
	Run: func(ctx context.Context, d job.Dir) error {
		plan := job.Plan{Dir: d, Program: program(), Steps: []string{"prepare", "work"}, Last: "finish"}
		if how, _ := job.Read[string](d, "how.json"); how == "daemon" || how == "block impatiently" {
			plan.Orphan = orphanTimeout
		}
		return job.Supervise(ctx, plan)
	},
	Step: func(_ context.Context, step string, d job.Dir, _ io.Writer) error {
		if step == "work" {
			os.Exit(work(d))
		}
		return nil
	}}

// work does what the job's file says.
func work(d job.Dir) int {
	spec, err := d.Spec()
	if err != nil {
		return 1
	}
	how, err := job.Read[string](d, "how.json")
	if err != nil {
		return 1
	}
	dir, id := string(d), spec.ID
	f, err := os.OpenFile(beside(dir, id, "ran"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	f.WriteString("ran\n")
	f.Close()
	switch how {
	case "fail":
		fmt.Println("this went wrong")
		return 3
	case "daemon": // as SSH's masters do: out of the session, out of the group
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if cmd.Start() != nil {
			return 1
		}
		os.WriteFile(beside(dir, id, "daemon"), fmt.Append(nil, cmd.Process.Pid), 0o600)
		time.Sleep(time.Hour)
	case "block", "block impatiently":
		for {
			if _, err := os.Stat(beside(dir, id, "go")); err == nil {
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
	b := &bench{t: t, cfg: Config{Dir: filepath.Join(t.TempDir(), "jobs"), Program: program()}}
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

// how is the file that says what the job's step does.
func how(behaviour string) map[string]any { return map[string]any{"how.json": behaviour} }

func (b *bench) start(id, behaviour string) {
	b.t.Helper()
	if err := b.Start(job.Spec{ID: id}, how(behaviour)); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for the job's phase, waking on hints.
func (b *bench) until(id string, phase job.Phase) job.State {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		s := b.State(id)
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
	b.start("job-1", "")
	s := b.until("job-1", job.Succeeded)
	if s.Started.IsZero() || s.Ended.Before(s.Started) {
		t.Errorf("%+v", s)
	}
}

func TestJobFailsWithItsOutput(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "fail")
	s := b.until("job-1", job.Failed)
	if s.Step != "work" || !strings.Contains(s.Message, "this went wrong") || !strings.Contains(s.Message, "3") {
		t.Errorf("%+v", s)
	}
}

func TestStartTwiceRunsOnce(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block")
	b.start("job-1", "block")
	b.until("job-1", job.Running)
	b.restart()
	b.start("job-1", "block")
	b.letGo("job-1")
	b.until("job-1", job.Succeeded)
	b.start("job-1", "block")
	if ran := b.file("job-1", "ran"); ran != "ran\n" {
		t.Errorf("ran %q", ran)
	}
}

func TestSecondSupervisorDoesNothing(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block")
	b.file("job-1", "ran")
	if code := command.Main(t.Context(), []string{"run", "--job", string(b.dir("job-1"))}, os.Stdout, os.Stderr); code != 0 {
		t.Errorf("exit %d", code)
	}
	b.letGo("job-1")
	b.until("job-1", job.Succeeded)
	if ran := b.file("job-1", "ran"); ran != "ran\n" {
		t.Errorf("ran %q", ran)
	}
}

func TestRunningJobIsAdopted(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block")
	b.file("job-1", "ran")
	b.restart()
	if s := b.until("job-1", job.Running); s.Step != "work" {
		t.Errorf("%+v", s)
	}
	b.letGo("job-1")
	b.until("job-1", job.Succeeded)
}

func TestKilledSupervisorIsLost(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "daemon")
	var daemon int
	fmt.Sscan(b.file("job-1", "daemon"), &daemon)
	killSupervisor(t, b, "job-1")
	s := b.until("job-1", job.Lost)
	if s.Step != "work" || s.Message == "" {
		t.Errorf("%+v", s)
	}
	if left := job.Processes("job-1"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestSupervisorThatDiedWhileTheServerWasDownIsLost(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block")
	b.file("job-1", "ran")
	b.Close()
	killSupervisor(t, b, "job-1")
	b.open()
	b.until("job-1", job.Lost)
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
	dir := b.dir("job-1")
	if err := job.Create(string(dir), job.Spec{ID: "job-1"}, nil); err != nil {
		t.Fatal(err)
	}
	// This process has the id now; the supervisor started at another time.
	record := fmt.Sprintf(`{"pid":%d,"start":"another-boot/1","started":"2030-01-01T00:00:00Z"}`, os.Getpid())
	if err := os.WriteFile(filepath.Join(string(dir), "supervisor.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.until("job-1", job.Lost)
}

func TestStopEndsEveryProcess(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "daemon")
	b.file("job-1", "daemon")
	if err := b.Stop(t.Context(), "job-1"); err != nil {
		t.Fatal(err)
	}
	if left := job.Processes("job-1"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
	if _, err := os.Stat(string(b.dir("job-1"))); err == nil {
		t.Error("the job's directory is left")
	}
	b.until("job-1", job.Lost)
}

func TestJobsLeaveTheProcessorsToOthers(t *testing.T) {
	b := newBench(t, nil)
	b.start("job-1", "block")
	b.file("job-1", "ran")
	all := job.Processes("job-1")
	if len(all) < 2 {
		t.Fatalf("processes %v: expected the supervisor and a step", all)
	}
	for _, pid := range all {
		if left, err := syscall.Getpriority(syscall.PRIO_PROCESS, pid); err != nil || 20-left != niceness { // as getpriority(2) has it
			t.Errorf("process %d has niceness %d, %v", pid, 20-left, err)
		}
	}
	b.letGo("job-1")
	b.until("job-1", job.Succeeded)
}

func TestEndLeavesTheTraces(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parallel = 1 })
	b.start("job-1", "daemon")
	b.file("job-1", "daemon")
	b.start("job-2", "")
	for _, end := range [][2]string{{"job-2", "before it began"}, {"job-1", "ended without a result"}} {
		id, words := end[0], end[1]
		if err := b.End(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if s := b.State(id); s.Phase != job.Lost || !strings.Contains(s.Message, words) {
			t.Errorf("%s: %+v", id, s)
		}
	}
	if left := job.Processes("job-1"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestUnknownJobs(t *testing.T) {
	b := newBench(t, nil)
	for _, id := range []string{"job-none", "", "../x", "/"} {
		if s := b.State(id); s.Phase != job.Lost {
			t.Errorf("state of %q: %+v", id, s)
		}
		if err := b.Stop(t.Context(), id); err != nil {
			t.Errorf("stop of %q: %v", id, err)
		}
	}
	if err := b.Start(job.Spec{ID: "../x"}, nil); err == nil {
		t.Error("a job with a path as its id started")
	}
}

func TestJobsWaitForRoom(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Parallel = 1 })
	b.start("job-1", "block")
	b.file("job-1", "ran")
	b.start("job-2", "")
	b.start("job-3", "")
	b.until("job-2", job.Waiting)
	b.restart() // waiting jobs wait on
	b.until("job-2", job.Waiting)
	if err := b.Stop(t.Context(), "job-3"); err != nil {
		t.Fatal(err)
	}
	b.letGo("job-1")
	b.until("job-2", job.Succeeded)
	if _, err := os.Stat(beside(string(b.dir("job-3")), "job-3", "ran")); err == nil {
		t.Error("a job ran that had been stopped while it waited")
	}
}

func TestOldRecordsGo(t *testing.T) {
	b := newBench(t, func(c *Config) { c.KeepFinished = 2; c.Parallel = 1 })
	for _, id := range []string{"job-1", "job-2", "job-3"} {
		b.start(id, "")
		b.until(id, job.Succeeded)
	}
	b.until("job-1", job.Lost)
	b.until("job-2", job.Succeeded)
}
