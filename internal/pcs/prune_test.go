package pcs_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/pcs"
)

// over stores a finished transition that ended a while ago, with one task, which takes
// about 1000 bytes; it was asked for a second before it ended.
func (w *world) over(id, x, status string, ago time.Duration) {
	w.t.Helper()
	at := func(d time.Duration) string { return w.now().Add(d - ago).UTC().Format(time.RFC3339Nano) }
	// The tasks first: the service itself may prune in between.
	w.insert("pcs_tasks", id, `{"transitionID":"`+id+`","tasks":[{"xname":"`+x+`","taskStatus":"succeeded","began":"`+at(-time.Second)+
		`","taskStatusDescription":"`+strings.Repeat("a", 500)+`"}]}`)
	w.insert("pcs_transitions", id, `{"transitionID":"`+id+`","createTime":"`+at(-time.Second)+`","automaticExpirationTime":"`+at(24*time.Hour)+
		`","transitionStatus":"`+status+`","operation":"On","deadlineMinutes":5,"ended":"`+at(0)+`"}`)
}

// kept prunes and returns the transitions that are there, each with its tasks.
func (w *world) kept() []string {
	w.t.Helper()
	if err := w.service.Prune(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	list, err := w.service.Transitions(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, tr := range list {
		w.describe(tr.TransitionID) // has its tasks
		out = append(out, tr.TransitionID)
	}
	slices.Sort(out)
	return out
}

// numbered are ids of transitions that begin with the digits.
func numbered(digits string) []string {
	var out []string
	for _, d := range digits {
		out = append(out, string(d)+"1111111-1111-4111-8111-111111111111")
	}
	return out
}

func TestTheTransitionsThatEndedFirstMakeRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		size int64
		want string
	}{
		"any size":      {0, "12345"},
		"room for all":  {10_000, "12345"},
		"room for some": {3_300, "145"},
		"room for none": {1, "5"}, // a restart has to know of it
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(func(c *pcs.Config) { c.KeepSize = tt.size })
			w.over(numbered("1")[0], n0, "completed", 2*time.Hour)
			w.over(numbered("2")[0], n0, "completed", 4*time.Hour)
			w.over(numbered("3")[0], n0, "aborted", 3*time.Hour)
			w.over(numbered("4")[0], n0, "completed", time.Hour)
			w.over(numbered("5")[0], n0, "completed", time.Second)
			w.over(numbered("6")[0], n0, "completed", 25*time.Hour) // its time is over
			if got := w.kept(); !slices.Equal(got, numbered(tt.want)) {
				t.Errorf("kept %v, want %v", got, tt.want)
			}
		})
	}
}

// One that runs stays, and so does a newer one of a component that it still waits for.
func TestATransitionThatRunsMakesNoRoom(t *testing.T) {
	w := newWorld(t)
	for _, x := range []string{n0, n1} {
		w.add(x, "On")
		w.hardware.slow[x] = true
	}
	start := time.Now()
	w.now = func() time.Time { return start }
	w.start(func(c *pcs.Config) { c.KeepSize = 1 })
	runs := w.transition("Off", -1, n0)
	w.eventually("it is under way", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	w.service.Stop()
	w.now = func() time.Time { return start.Add(time.Hour) }
	w.start(func(c *pcs.Config) { c.KeepSize = 1 })
	w.over(numbered("a")[0], n0, "completed", 30*time.Minute)
	w.over(numbered("b")[0], n1, "completed", 30*time.Minute)
	w.over(numbered("c")[0], n0, "completed", 2*time.Hour) // older than the one that runs
	want := append(numbered("a"), runs)
	slices.Sort(want)
	if got := w.kept(); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}

// Power cap tasks have as much room as transitions, and the oldest make it.
func TestTheOldestPowerCapTasksMakeRoom(t *testing.T) {
	w := newWorld(t)
	start := time.Now()
	var minutes atomic.Int64
	w.now = func() time.Time { return start.Add(time.Duration(minutes.Load()) * time.Minute) }
	w.add(n0, "On")
	var ids []string
	w.start()
	for range 4 {
		minutes.Add(1)
		id := w.setCaps(limit(n0, 500))
		w.capped(id)
		ids = append(ids, id)
	}
	kept := func(size int64) (n int) {
		w.t.Helper()
		w.service.Stop()
		w.start(func(c *pcs.Config) { c.KeepSize = size })
		if err := w.service.Prune(context.Background()); err != nil {
			t.Fatal(err)
		}
		tasks, err := w.service.CapTasks(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			at := slices.Index(ids, task.TaskID)
			if full, err := w.service.CapTask(context.Background(), task.TaskID); err != nil || len(full.Components) != 1 {
				t.Errorf("task %d has lost its components: %+v, %v", at, full, err)
			}
			if at < len(ids)-len(tasks) {
				t.Errorf("with %d bytes task %d is left, and a newer one is not", size, at)
			}
		}
		return len(tasks)
	}
	if n := kept(0); n != 4 {
		t.Errorf("any size: %d are kept", n)
	}
	if n := kept(1 << 20); n != 4 {
		t.Errorf("room for all: %d are kept", n)
	}
	if n := kept(1700); n < 1 || n > 3 {
		t.Errorf("room for some: %d are kept", n)
	}
	if n := kept(1); n != 0 {
		t.Errorf("room for none: %d are kept", n)
	}
}
