package operator_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

func TestJobsAreCountedWhenTheyEnd(t *testing.T) {
	f := newFixture(t)
	begin := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	f.exec.went = job.Account{Limit: "session-memory", Steps: []job.Step{
		{Name: "clone", Started: begin, Ended: begin.Add(2 * time.Second)},
		{Name: "inventory", Started: begin, Ended: begin.Add(time.Second)},
		{Name: "ansible", Started: begin, Ended: begin.Add(time.Minute), Exit: -1},
		{Name: "teardown", Started: begin},
		{Name: "of another time", Started: begin, Ended: begin},
	}}
	o := f.operator(0)
	for _, name := range []string{"good", "bad"} {
		f.create(name, "")
	}
	f.until("the starts", func() bool { return f.started("good") == 1 && f.started("bad") == 1 })
	f.exec.set(f.job("good"), cfs.JobState{Phase: job.Running, Step: "clone"})
	f.untilStage("good", cfs.StageRunning, cfs.SucceededNone)
	f.exec.set(f.job("good"), cfs.JobState{Phase: job.Succeeded, Ended: begin})
	f.untilStage("good", cfs.StageComplete, cfs.SucceededTrue)
	f.exec.set(f.job("bad"), cfs.JobState{Phase: job.Failed, Ended: begin})
	f.untilStage("bad", cfs.StageComplete, cfs.SucceededFalse)
	o.Stop() // what is saved is counted then
	figures := o.Figures()
	if good, bad, limited := figures.Ended[0].Load(), figures.Ended[1].Load(), figures.Limited[0].Load(); good != 1 || bad != 1 || limited != 2 {
		t.Errorf("%d succeeded and %d failed, %d beyond their memory; want 1, 1 and 2", good, bad, limited)
	}
	for _, c := range []struct {
		name string
		took *tally.Durations
		n    int64
		sum  time.Duration
	}{
		{"clone", figures.Took[0], 2, 4 * time.Second}, {"inventory", figures.Took[1], 2, 2 * time.Second}, {"ansible", figures.Took[2], 0, 0},
		{"ansible in vain", figures.TookInVain[2], 2, 2 * time.Minute}, {"teardown", figures.Took[3], 0, 0},
	} {
		if _, n, sum := c.took.Read(); n != c.n || sum != c.sum {
			t.Errorf("%s: %d took %v, want %d and %v", c.name, n, sum, c.n, c.sum)
		}
	}
	if n := figures.Ended[2].Load() + figures.Refused.Load() + figures.Limited[1].Load(); n != 0 {
		t.Errorf("%d were lost, refused or had too many processes", n)
	}
}

func TestJobsThatCannotBeStartedAreCounted(t *testing.T) {
	f := newFixture(t)
	f.exec.refuse = errors.New("no process left")
	o := f.operator(0)
	f.create("s", "")
	f.until("the count", func() bool { return o.Figures().Refused.Load() > 0 })
}

func TestTheLogTellsOfSessions(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	f := newFixture(t)
	o := f.operator(0)
	f.create("good", "")
	f.create("bad", "")
	f.until("the starts", func() bool { return f.started("good") == 1 && f.started("bad") == 1 })
	begin := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	f.exec.set(f.job("good"), cfs.JobState{Phase: job.Succeeded, Started: begin, Ended: begin.Add(time.Minute)})
	f.untilStage("good", cfs.StageComplete, cfs.SucceededTrue)
	f.exec.set(f.job("bad"), cfs.JobState{Phase: job.Failed, Step: "clone", Message: "no such repository"})
	f.untilStage("bad", cfs.StageComplete, cfs.SucceededFalse)
	o.Stop()
	for _, want := range []string{
		`level=INFO msg="configuration session begins" session=good configuration=c job=`,
		`level=INFO msg="configuration session has ended" session=good configuration=c outcome=succeeded step="" took=1m0s message=""`,
		`level=WARN msg="configuration session has ended" session=bad configuration=c outcome=failed step=clone took=0s message="no such repository"`,
	} {
		if n := strings.Count(said.String(), want); n != 1 {
			t.Errorf("%s: %d lines in\n%s", want, n, said.String())
		}
	}
}
