package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// What a job waits for stands in its session's record for as long as it waits.
func TestSessionSaysWhatItsJobWaitsFor(t *testing.T) {
	f := newFixture(t)
	f.create("s", "x0")
	f.operator(0)
	f.until("the start", func() bool { return f.started("s") == 1 })
	id := f.job("s")
	waits := &cfs.Waiting{Reason: "layer 0: git server does not answer; try 1 of 61", Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	f.exec.set(id, cfs.JobState{Phase: job.Running, Step: "clone", Waiting: waits})
	f.until("the wait is told", func() bool { w := f.session("s").Waiting; return w != nil && *w == *waits })
	again := &cfs.Waiting{Reason: "layer 0: git server does not answer; try 2 of 61", Until: waits.Until.Add(time.Minute)}
	f.exec.set(id, cfs.JobState{Phase: job.Running, Step: "clone", Waiting: again})
	f.until("the next wait is told", func() bool { w := f.session("s").Waiting; return w != nil && *w == *again })
	f.exec.set(id, cfs.JobState{Phase: job.Running, Step: "ansible"})
	f.until("the wait is over", func() bool { return f.session("s").Waiting == nil })
}

// While sessions are held, those that have a job go on.
func TestHeldSessionsStartOnceTheHoldEnds(t *testing.T) {
	f := newFixture(t)
	f.create("early", "x0")
	before := f.operator(0)
	f.until("the start", func() bool { return f.started("early") == 1 })
	before.Stop()

	held := f.start(operator.Config{Held: true})
	<-held.Started()
	f.create("late", "x1")
	f.exec.set(f.job("early"), cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
	f.untilStage("early", cfs.StageComplete, cfs.SucceededTrue)
	f.until("the event of the new session is handled", func() bool {
		due, err := store.NewQueue(f.db, cfs.EventsTopic, time.Now).Due(t.Context(), 1)
		return err == nil && len(due) == 0
	})
	held.Stop() // after the look that the event led to
	if got := f.session("late"); f.started("late") != 0 || got.Job != nil || got.Status != cfs.StagePending {
		t.Errorf("a held session: %+v, started %d times", got, f.started("late"))
	}

	f.operator(0)
	f.until("the start", func() bool { return f.started("late") == 1 })
}

// Section A, steps 4 to 7.
func TestSessionRunsToItsEnd(t *testing.T) {
	f := newFixture(t)
	f.create("early", "x1000c0s0b0n0,x1000c0s0b0n1")
	if got := f.session("early"); got.Job != nil || got.Status != cfs.StagePending {
		t.Fatalf("before the operator: %+v", got)
	}
	f.operator(0)
	f.until("the start", func() bool { return f.started("early") == 1 })
	id := f.job("early")
	if got := f.session("early").Job; got == nil || *got != id {
		t.Fatalf("the record names job %v, not %s", got, id)
	}
	f.exec.set(id, cfs.JobState{Phase: job.Running, Step: "clone"})
	f.untilStage("early", cfs.StageRunning, cfs.SucceededNone)
	ended := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	f.exec.set(id, cfs.JobState{Phase: job.Succeeded, Ended: ended})
	got := f.untilStage("early", cfs.StageComplete, cfs.SucceededTrue)
	if got.CompletionTime == nil || *got.CompletionTime != "2030-01-02T03:04:05" {
		t.Errorf("completion time %v", got.CompletionTime)
	}
	lines, err := f.journal.List(t.Context(), "x1000c0s0b0n1", "", 0)
	if err != nil || len(lines) != 2 || lines[0].Text != "configuration session 'early' started" || lines[1].Failed {
		t.Errorf("%v %v", lines, err)
	}
}

func TestFailureIsReadable(t *testing.T) {
	f := newFixture(t)
	f.operator(0)
	f.create("bad", "")
	f.create("lost", "")
	f.until("the starts", func() bool { return f.started("bad") == 1 && f.started("lost") == 1 })
	f.exec.set(f.job("bad"), cfs.JobState{Phase: job.Failed, Step: "clone", Message: "no such repository", Ended: time.Now()})
	f.untilStage("bad", cfs.StageComplete, cfs.SucceededFalse)
	lost := f.job("lost")
	f.exec.do(func() { delete(f.exec.states, lost) })
	f.exec.changed <- lost
	if got := f.untilStage("lost", cfs.StageComplete, cfs.SucceededUnknown); got.CompletionTime != nil {
		t.Errorf("nobody knows when it ended, yet %s", *got.CompletionTime)
	}
	for name, want := range map[string]string{"bad": "no such repository", "lost": "no trace"} {
		run, err := f.service.Run(t.Context(), name)
		if err != nil || !strings.Contains(run.State.Message, want) {
			t.Errorf("%s: %+v, %v", name, run.State, err)
		}
	}
}

func TestDeleteStopsTheJob(t *testing.T) {
	f := newFixture(t)
	f.operator(0)
	f.create("s", "")
	f.until("the start", func() bool { return f.started("s") == 1 })
	id := f.job("s")
	f.exec.set(id, cfs.JobState{Phase: job.Running})
	f.untilStage("s", cfs.StageRunning, cfs.SucceededNone)
	if err := f.service.DeleteSession(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	f.until("the stop", func() (done bool) {
		f.exec.do(func() { done = slices.Contains(f.exec.stopped, id) })
		return done
	})
	f.create("s", "") // the name is free again and gets a job of its own
	f.until("the second start", func() bool { return f.started("s") == 2 })
	if again := f.job("s"); again == id {
		t.Error("the new session has the old one's job")
	}
}

// A session is started once, whatever the number of operators that come and go.
func TestRestartForgetsNothingAndStartsNothingTwice(t *testing.T) {
	f := newFixture(t)
	const n = 12
	for i := range n {
		f.create(fmt.Sprintf("s%02d", i), "")
	}
	for round := range 4 {
		o := f.operator(n)
		if round == 1 { // one that is stopped in the middle
			o.Stop()
			continue
		}
		<-o.Started()
		if round == 2 {
			f.exec.set(f.job("s00"), cfs.JobState{Phase: job.Running})
			f.untilStage("s00", cfs.StageRunning, cfs.SucceededNone)
		}
		o.Stop()
	}
	for i := range n { // these end while no operator runs
		f.exec.set(f.job(fmt.Sprintf("s%02d", i)), cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
	}
	f.operator(n)
	for i := range n {
		name := fmt.Sprintf("s%02d", i)
		f.untilStage(name, cfs.StageComplete, cfs.SucceededTrue)
		if got := f.started(name); got != 1 {
			t.Errorf("%s was started %d times", name, got)
		}
	}
}

func TestPlacesAreGivenInOrder(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.create(fmt.Sprintf("s%d", i), "")
	}
	o := f.operator(2)
	<-o.Started()
	for i := range 5 {
		name := fmt.Sprintf("s%d", i)
		f.until(name+" to be started", func() bool { return f.started(name) == 1 })
		running := 0
		f.exec.do(func() {
			for _, s := range f.exec.states {
				if s.Phase == job.Waiting {
					running++
				}
			}
		})
		if running > 2 {
			t.Errorf("%d jobs at the same time", running)
		}
		f.exec.set(f.job(name), cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
		f.untilStage(name, cfs.StageComplete, cfs.SucceededTrue)
	}
}

// Jobs that wait for a dead git server leave their places to others, and more
// of them are not begun.
func TestDeadGitServerHoldsUpNoOtherConfiguration(t *testing.T) {
	f := newFixture(t)
	_, err := f.service.PutConfiguration(t.Context(), cfs.Configuration{Name: "other",
		Layers: []cfs.Layer{{CloneURL: "elsewhere", Playbook: "p", Commit: strings.Repeat("a", 40)}}}, cfs.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f.create(fmt.Sprintf("dead%d", i), "")
	}
	_, err = f.service.CreateSession(t.Context(), cfs.NewSession{Name: "fine", ConfigurationName: "other", Target: cfs.Target{Definition: cfs.TargetDynamic}}, cfs.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-f.operator(2).Started()
	wait := &cfs.Waiting{Reason: "the git server does not answer", Until: time.Now().Add(time.Hour)}
	for _, name := range []string{"dead0", "dead1"} {
		f.until(name+" to be started", func() bool { return f.started(name) == 1 })
		f.exec.set(f.job(name), cfs.JobState{Phase: job.Running, Step: "clone", Waiting: wait})
	}
	f.until("the other to be started", func() bool { return f.started("fine") == 1 })
	if f.started("dead2") != 0 {
		t.Error("one more session was begun that waits for the same git server")
	}
	for _, name := range []string{"dead0", "dead1"} {
		f.exec.set(f.job(name), cfs.JobState{Phase: job.Running, Step: "ansible"})
		f.exec.set(f.job(name), cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
	}
	f.until("the last to be started", func() bool { return f.started("dead2") == 1 })
}

func TestStartIsTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.exec.refuse = errors.New("no process left")
	f.operator(0)
	f.create("s", "")
	f.until("the reason to be shown", func() bool {
		run, err := f.service.Run(t.Context(), "s")
		return err == nil && strings.Contains(run.State.Message, "no process left")
	})
	f.exec.do(func() { f.exec.refuse = nil })
	f.until("the start", func() bool { return f.started("s") == 1 })
}

func TestOldSessionsGo(t *testing.T) {
	f := newFixture(t)
	f.create("done", "")
	f.create("open", "")
	o := f.operator(0)
	<-o.Started()
	id := f.job("done")
	f.exec.set(id, cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
	f.untilStage("done", cfs.StageComplete, cfs.SucceededTrue)
	ttl := "0m"
	if _, err := f.service.PatchOptions(t.Context(), cfs.OptionsPatch{SessionTTL: &ttl}); err != nil {
		t.Fatal(err)
	}
	f.until("the old session to go", func() bool {
		_, err := f.service.Session(t.Context(), "done")
		return fault.Is(err, fault.NotFound)
	})
	f.until("its traces to go", func() (gone bool) {
		f.exec.do(func() { gone = slices.Contains(f.exec.stopped, id) })
		return gone
	})
	f.session("open")
}
