package aee

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// newExecutor returns an open one of this test binary.
func newExecutor(t *testing.T, change func(*ExecutorConfig)) *Executor {
	t.Helper()
	cfg := ExecutorConfig{Dir: filepath.Join(t.TempDir(), "jobs"), Program: stepProgram(), Parallel: 1}
	cfg.Settings = Settings{CacheDir: filepath.Join(t.TempDir(), "repositories"), GitDelay: time.Hour}
	change(&cfg)
	e, err := NewExecutor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, id := range []string{"cfs-1", "cfs-2"} {
			if err := e.Stop(context.Background(), id); err != nil {
				t.Error(err)
			}
		}
		e.Close()
	})
	return e
}

// until waits for the state, waking on hints.
func until(t *testing.T, e *Executor, id string, is func(cfs.JobState) bool) cfs.JobState {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		s, err := e.State(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if is(s) {
			return s
		}
		select {
		case <-e.Changed():
		case <-deadline:
			t.Fatalf("job %s is %+v", id, s)
		}
	}
}

// A job whose git server is dead says so at its first try, not after the last,
// and leaves its room to others.
func TestJobTellsThatItsGitServerIsDead(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	e := newExecutor(t, func(*ExecutorConfig) {})
	j := cfs.Job{ID: "cfs-1", Layers: []cfs.JobLayer{{Name: "base", CloneURL: "http://" + address + "/base.git"}}}
	if err := e.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	s := until(t, e, "cfs-1", func(s cfs.JobState) bool { return s.Waiting != nil })
	if s.Phase != job.Running || s.Step != StepClone {
		t.Errorf("%+v", s)
	}
	for _, words := range []string{"layer 0 base", address, "(try 1 of 61)"} {
		if !strings.Contains(s.Waiting.Reason, words) {
			t.Errorf("reason %q does not say %q", s.Waiting.Reason, words)
		}
	}
	if left := time.Until(s.Waiting.Until); left < 50*time.Minute || left > time.Hour {
		t.Errorf("waits until %s", s.Waiting.Until)
	}
	second := cfs.Job{ID: "cfs-2", Layers: []cfs.JobLayer{{CloneURL: filepath.Join(t.TempDir(), "none")}}}
	if err := e.Start(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	// and holds up nobody
	until(t, e, "cfs-2", func(s cfs.JobState) bool { return s.Phase == job.Failed })
}

func TestLoginsOfSourcesAreTheOwnersAlone(t *testing.T) {
	e := newExecutor(t, func(c *ExecutorConfig) {
		c.Repository = func(_ context.Context, source string) (cfs.Repository, error) {
			if source != "s1" {
				return cfs.Repository{}, fmt.Errorf("no source %s", source)
			}
			return cfs.Repository{Secret: &cfs.Secret{Username: "u", Password: "p"}}, nil
		}
	})
	with := func(id, source string) cfs.Job {
		return cfs.Job{ID: id, Layers: []cfs.JobLayer{{CloneURL: "x", Source: source}}}
	}
	if err := e.Start(t.Context(), with("cfs-2", "s2")); err == nil {
		t.Error("a job started without its source's login")
	}
	if err := e.Start(t.Context(), with("cfs-1", "s1")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(e.cfg.Dir, "cfs-1", "logins.json")
	text, err := os.ReadFile(path)
	if err != nil || string(text) != `{"s1":{"username":"u","password":"p"}}` {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A killed job cannot take back that it is held.
func TestJobThatIsOverIsNotHeld(t *testing.T) {
	e := newExecutor(t, func(*ExecutorConfig) {})
	d, _ := e.Dir("cfs-gone")
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(heldFile, Held{Dir: string(d), Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if held, err := e.Held(t.Context(), "cfs-gone"); held != nil || err != nil || !e.jobs.State("cfs-gone").Over() {
		t.Errorf("%+v, %v", held, err)
	}
}
