package aee

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// What is run by hand in the environment of a session that is held leaves the
// session's results, its log and the state of components as they are.
func TestRerunWhereASessionIsHeldIsNotRecorded(t *testing.T) {
	s := newSite(t)
	t.Setenv("HOME", t.TempDir())
	repo, commit := repository(t, map[string]string{"site.yml": `
- hosts: Compute
  gather_facts: false
  tasks:
    - fail: {msg: broken}
      when: not (again | default(false) | bool)
    - debug: {msg: whole}
`})
	d := Dir(filepath.Join(t.TempDir(), "cfs-1"))
	if err := create(string(d), cfs.Job{ID: "cfs-1", Session: "s1", Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t),
		RecordState: true, DebugWait: time.Hour, Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}}, s.Settings); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- supervise(t.Context(), d, stepProgram()) }()
	held := awaitHeld(t, d, over)
	type record struct {
		Results  []cfs.TaskResult
		Statuses map[string]string
		Log      string
	}
	recorded := func() record { return record{allResults(t, d), s.statuses(), readLog(d, StepAnsible)} }
	before := recorded()
	if len(before.Results) != 1 || before.Statuses["a"] != "failed" {
		t.Fatalf("%+v", before)
	}
	for _, args := range [][]string{nil, {"-e", "again=true"}} {
		again := exec.CommandContext(t.Context(), "ansible-playbook", append([]string{"site.yml"}, args...)...)
		again.Dir, again.Env = held.Dir, held.Env
		out, err := again.CombinedOutput()
		if (err == nil) != (args != nil) || !strings.Contains(string(out), "PLAY RECAP") {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if diff := cmp.Diff(before, recorded()); diff != "" {
			t.Errorf("%v: the record changed: %s", args, diff)
		}
	}
	if err := d.Write("complete", nil); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if result, err := d.Result(); err != nil || !strings.Contains(result.Message, "broken") {
		t.Errorf("%+v, %v", result, err)
	}
}

// awaitHeld waits until the job is held.
func awaitHeld(t *testing.T, d Dir, over <-chan error) Held {
	t.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for {
		if held, err := ReadHeld(string(d)); err == nil && strings.Contains(readLog(d, StepAnsible), "drover cfs sessions shell s1") {
			return held
		}
		select {
		case <-tick.C:
		case err := <-over:
			t.Fatalf("the job was not held: %v\n%s", err, readLog(d, StepAnsible))
		case <-deadline:
			t.Fatalf("the job is not held\n%s", readLog(d, StepAnsible))
		}
	}
}

func readLog(d Dir, step string) string {
	return job.Tail(d.Log(step), 1<<20)
}
