package batcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// Section B, steps 4 and 5.
func TestBatchesBySizeAndQuietTime(t *testing.T) {
	f := newFixture(t)
	f.options(`{"batch_size":2}`)
	f.add("x0", "x1", "x2", "x3", "x4", "off")
	f.patch(`{"id":"off","enabled":false}`)
	f.look(0)
	f.wantSessions("batcher-0001: x0,x1", "batcher-0002: x2,x3")
	f.look(299 * time.Millisecond)
	if len(f.sessions()) != 2 {
		t.Fatal("somebody may still join the third batch")
	}
	f.look(time.Millisecond)
	f.wantSessions("batcher-0001: x0,x1", "batcher-0002: x2,x3", "batcher-0003: x4")
	s, err := f.service.Session(t.Context(), "batcher-0001")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tags) != 1 || s.Tags["bos_session"] != "b1" || s.Configuration.Limit != "0,1" || s.Configuration.Name != "c" {
		t.Errorf("%+v", s)
	}
	f.look(time.Hour / 20) // nobody gets a second session
	if got := f.sessions(); len(got) != 3 {
		t.Error(got)
	}
}

func TestWindowIsTheLongestWait(t *testing.T) {
	f := newFixture(t)
	f.options(`{"batch_window":1}`)
	for i := range 4 { // somebody joins before each quiet time is over
		f.add(fmt.Sprintf("x%d", i))
		f.look(200 * time.Millisecond)
	}
	f.wantSessions()
	f.add("x4")
	f.look(400 * time.Millisecond)
	f.wantSessions("batcher-0001: x0,x1,x2,x3,x4")
}

func TestWithoutCapacityTheWindowCounts(t *testing.T) {
	f := newFixture(t)
	f.maxJobs = 1
	f.restart()
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.add("x1")
	f.look(0)
	f.look(50 * time.Second)
	f.wantSessions("batcher-0001: x0")
	f.look(10 * time.Second)
	f.wantSessions("batcher-0001: x0", "batcher-0002: x1")
}

// Sessions that wait for a dead git server take no place, so they are no reason
// for others to wait for their window.
func TestSessionsThatWaitForGitTakeNoCapacity(t *testing.T) {
	f := newFixture(t)
	f.maxJobs = 1
	f.restart()
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.job("batcher-0001", cfs.JobState{Phase: job.Running, Step: "clone", Started: f.now,
		Waiting: &cfs.Waiting{Reason: "git server does not answer", Until: f.now.Add(time.Minute)}})
	f.add("x1")
	f.look(0)
	f.look(time.Second)
	f.wantSessions("batcher-0001: x0", "batcher-0002: x1")
	stand, err := f.batcher.Stand(t.Context(), "x1")
	if err != nil || stand.Waiting == nil || !strings.Contains(stand.Waiting.Reason, "session batcher-0001 waits for the same repositories: git server does not answer") {
		t.Errorf("%+v, %v", stand.Waiting, err)
	}
}

func TestGroupsNeverMix(t *testing.T) {
	f := newFixture(t)
	f.configure("d", "a")
	f.add("fresh", "failed", "partly", "other")
	f.report("failed", "a", "failed", "s")
	f.report("partly", "a", "applied", "s")
	f.patch(`{"id":"other","desired_config":"d"}`)
	f.look(0)
	f.look(time.Second)
	got := f.sessions()
	for i := range got {
		_, got[i], _ = strings.Cut(got[i], ": ")
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"failed", "fresh", "other", "partly"}) {
		t.Error(got)
	}
}

// Section B, step 9: nodes that Ansible did not touch.
func TestUntouchedNodesAreSkipped(t *testing.T) {
	f := newFixture(t)
	f.add("done", "untouched", "rebooted")
	f.look(0)
	f.look(time.Second)
	f.wantSessions("batcher-0001: done,rebooted,untouched")
	for _, p := range []string{"a", "b"} {
		f.report("done", p, "applied", "batcher-0001")
	}
	f.patch(`{"id":"rebooted","state":[],"enabled":true}`)
	f.play("batcher-0001")
	f.look(time.Second)
	if c := f.component("untouched"); c.Status != cfs.Configured || c.State[0].Status != cfs.LayerSkipped || len(c.State) != 2 {
		t.Errorf("%+v", c)
	}
	if c := f.component("rebooted"); c.Status != cfs.Pending || len(c.State) != 0 {
		t.Errorf("a node that booted in mid-session counts as configured: %+v", c)
	}
	f.look(time.Second)
	f.wantSessions("batcher-0002: rebooted")
}

// A session that is called successful though its job did not succeed proves
// nothing of nodes that no report came of.
func TestLostReportIsNotConfigured(t *testing.T) {
	f := newFixture(t)
	f.add("done", "lost")
	f.patch(`{"id":"lost","retry_policy":2}`)
	f.look(0)
	f.look(time.Second)
	f.wantSessions("batcher-0001: done,lost")
	for _, p := range []string{"a", "b"} {
		f.report("done", p, "applied", "batcher-0001")
	}
	f.end("batcher-0001", cfs.SucceededTrue)
	f.look(time.Second)
	if c := f.component("done"); c.Status != cfs.Configured || c.ErrorCount != 0 {
		t.Errorf("%+v", c)
	}
	c := f.component("lost")
	if c.Status != cfs.Pending || c.ErrorCount != 1 || len(c.State) != 1 || c.State[0].Status != cfs.LayerFailed {
		t.Errorf("%+v", c)
	}
	f.look(time.Second)
	f.wantSessions("batcher-0002: lost")
	f.end("batcher-0002", cfs.SucceededTrue)
	f.look(time.Second)
	if c := f.component("lost"); c.Status != cfs.Failed || c.ErrorCount != 2 {
		t.Errorf("attempts without a report have no end: %+v", c)
	}
	lines, err := f.journal.List(t.Context(), "lost", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	const want = "session 'batcher-0001' ended without a report of this component"
	if !slices.ContainsFunc(lines, func(l journal.Entry) bool { return l.Text == want && l.Failed && l.Session == "batcher-0001" }) {
		t.Errorf("journal %+v, expected a line %q", lines, want)
	}
}

func TestDesiredChangeWaitsForTheSession(t *testing.T) {
	f := newFixture(t)
	f.configure("d", "z")
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.patch(`{"id":"x0","desired_config":"d"}`)
	f.look(time.Minute)
	f.wantSessions("batcher-0001: x0")
	f.play("batcher-0001")
	f.look(time.Second)
	if c := f.component("x0"); len(c.State) != 0 {
		t.Errorf("layers that were not in the session are skipped: %+v", c.State)
	}
	f.look(time.Second)
	f.wantSessions("batcher-0002: x0")
}

// Section B, step 10.
func TestFailuresEndAtTheLimit(t *testing.T) {
	f := newFixture(t)
	f.add("x0")
	for i := range 3 {
		f.look(time.Second)
		f.look(time.Second)
		name := fmt.Sprintf("batcher-%04d", i+1)
		f.wantSessions(name + ": x0")
		f.report("x0", "a", "failed", name)
		f.end(name, cfs.SucceededFalse)
	}
	f.look(time.Second)
	f.look(time.Minute)
	f.wantSessions()
	if c := f.component("x0"); c.Status != cfs.Failed || c.ErrorCount != 3 {
		t.Errorf("%s, %d errors", c.Status, c.ErrorCount)
	}
	f.patch(`{"id":"x0","error_count":0}`)
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessions("batcher-0004: x0")
}

// A session that fails before any node did counts against each of its nodes.
func TestInfrastructureFailureCounts(t *testing.T) {
	f := newFixture(t)
	f.add("x0", "x1")
	f.look(0)
	f.look(time.Second)
	f.end("batcher-0001", cfs.SucceededUnknown)
	f.look(time.Second)
	for _, id := range []string{"x0", "x1"} {
		c := f.component(id)
		if c.ErrorCount != 1 || len(c.State) != 1 || c.State[0].Status != cfs.LayerFailed || c.State[0].Playbook != "a" {
			t.Errorf("%+v", c)
		}
	}
}

// One node's failure is not the others'.
func TestOthersOfAFailedSessionGoOn(t *testing.T) {
	f := newFixture(t)
	f.add("bad", "good")
	f.look(0)
	f.look(time.Second)
	f.report("bad", "a", "failed", "batcher-0001")
	f.report("good", "a", "applied", "batcher-0001")
	f.end("batcher-0001", cfs.SucceededFalse)
	f.look(time.Second)
	if c := f.component("good"); c.ErrorCount != 0 || c.Status != cfs.Pending {
		t.Errorf("%+v", c)
	}
	f.look(time.Second)
	f.wantSessions("batcher-0002: bad", "batcher-0003: good")
}

func TestPendingTooLong(t *testing.T) {
	f := newFixture(t)
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.look(299 * time.Second)
	f.wantSessions("batcher-0001: x0")
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessions("batcher-0002: x0")
	if c := f.component("x0"); c.ErrorCount != 0 || len(c.State) != 0 {
		t.Errorf("%+v", c)
	}
}

// A session that is held is not replaced by another one.
func TestHeldSessionIsNotOverdue(t *testing.T) {
	f := newFixture(t)
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.held = true
	f.restart()
	f.look(time.Hour)
	f.look(time.Second)
	f.wantSessions("batcher-0001: x0")
	f.held = false
	f.restart()
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessions("batcher-0002: x0")
}

func TestSessionDeletedByHand(t *testing.T) {
	f := newFixture(t)
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	if err := f.service.DeleteSession(t.Context(), "batcher-0001"); err != nil {
		t.Fatal(err)
	}
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessions("batcher-0002: x0")
}

func TestRestartMakesNoSecondSession(t *testing.T) {
	f := newFixture(t)
	f.add("x0", "x1")
	f.look(0)
	f.look(time.Second)
	f.report("x0", "a", "applied", "batcher-0001") // its group is another one now
	f.restart()
	f.look(0)
	f.look(time.Minute)
	f.wantSessions("batcher-0001: x0,x1")
	f.play("batcher-0001")
	f.restart() // the end is noticed by another one
	f.look(0)
	if c := f.component("x1"); c.Status != cfs.Configured {
		t.Errorf("%+v", c)
	}
	left, err := f.batcher.batches.List(t.Context(), store.Query{})
	if err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

func TestDisabled(t *testing.T) {
	f := newFixture(t)
	f.options(`{"batcher_disable":true}`)
	f.add("x0")
	f.look(0)
	f.look(2 * time.Minute)
	f.wantSessions()
	f.options(`{"batcher_disable":false}`)
	f.look(0)
	f.look(time.Second)
	f.wantSessions("batcher-0001: x0")
}

// Hints are enough: only what they name is looked at.
func TestHints(t *testing.T) {
	f := newFixture(t)
	f.options(`{"batch_size":1}`)
	f.add("x0", "x1")
	wake := func(keys ...string) {
		t.Helper()
		if err := f.batcher.run(t.Context(), events.Wake{Keys: keys}); err != nil {
			t.Fatal(err)
		}
	}
	wake("x1")
	f.wantSessions("batcher-0001: x1")
	f.end("batcher-0001", cfs.SucceededFalse)
	wake("batcher-0001")
	f.wantSessions("batcher-0002: x1")
	if c := f.component("x1"); c.ErrorCount != 1 {
		t.Error(c.ErrorCount)
	}
}

// The loop, with real hints and in real time.
func TestLoop(t *testing.T) {
	f := newFixture(t)
	b := New(Config{DB: f.db, CFS: f.service, Journal: f.journal, Hub: f.hub, Quiet: time.Millisecond})
	b.Start(t.Context())
	defer b.Stop()
	<-b.Started()
	f.add("x0")
	deadline := time.Now().Add(20 * time.Second)
	for len(f.sessions()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no session for a pending component")
		}
		<-time.After(time.Millisecond)
	}
}
