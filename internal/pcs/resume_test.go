package pcs_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/store"
)

// doomed starts a service on a database connection of its own, which kill cuts:
// nothing that the service does afterwards is kept.
func (w *world) doomed(path string) (kill func()) {
	w.t.Helper()
	db, err := store.Open(context.Background(), path, w.hub.Changed)
	if err != nil {
		w.t.Fatal(err)
	}
	w.start(func(c *pcs.Config) { c.DB = db })
	service := w.service
	return func() {
		db.Close()
		service.Stop()
	}
}

// savedAsSent tells whether the database knows that a BMC accepted a request.
func (w *world) savedAsSent() bool {
	type doc struct {
		ID    string `json:"transitionID"`
		Tasks []map[string]json.RawMessage
	}
	table := store.NewTable(w.db, store.Spec[doc]{Name: "pcs_tasks", Kind: "tasks", Key: func(d *doc) string { return d.ID }})
	docs, err := table.List(context.Background(), store.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.ContainsFunc(docs, func(d doc) bool {
		return slices.ContainsFunc(d.Tasks, func(t map[string]json.RawMessage) bool { return t["sent"] != nil })
	})
}

func TestKilledServerGoesOnWithoutDrivingANodeTwice(t *testing.T) {
	tests := map[string]struct {
		op, before string
		want       []string
	}{
		"on":           {"On", "Off", []string{"On"}},
		"off":          {"Off", "On", []string{"GracefulShutdown"}},
		"hard restart": {"Hard-Restart", "On", []string{"GracefulShutdown", "On"}},
	}
	for name, tt := range tests {
		// The crash comes while the BMC answers, so that nothing of it is saved,
		// or after the answer was saved.
		for _, when := range []string{"unsaved", "saved"} {
			t.Run(name+" "+when, func(t *testing.T) {
				w := newWorld(t)
				w.add(n0, tt.before)
				w.hardware.slow[n0] = true
				cut := make(chan func(), 1)
				if when == "unsaved" {
					w.hardware.onReset = func() { (<-cut)() }
				}
				path := filepath.Join(t.TempDir(), "db")
				w.reopen(path)
				kill := w.doomed(path)
				killed := make(chan struct{})
				cut <- func() { go func() { kill(); close(killed) }(); w.hardware.onReset = nil }

				id := w.transition(tt.op, 5, n0)
				w.eventually("reset arrives", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
				if when == "saved" {
					w.eventually("saved", w.savedAsSent)
					(<-cut)()
				}
				<-killed

				w.start()
				if task := w.finished(w.transition("Force-Off", 5, n0))[n0]; !strings.HasPrefix(task.Error, "Unable to reserve component") {
					t.Errorf("after the restart the node is not reserved: %+v", task)
				}
				w.eventually("end", func() bool {
					w.hardware.settle()
					return w.describe(id).TransitionStatus == pcs.TransitionCompleted
				})
				if task := tasksOf(w.describe(id))[n0]; task.TaskStatus != pcs.TaskSucceeded {
					t.Errorf("task %+v", task)
				}
				if got := w.hardware.resetsOf(n0); !slices.Equal(got, tt.want) {
					t.Errorf("resets %v, want %v", got, tt.want)
				}
			})
		}
	}
}

func TestStoppedServiceGoesOn(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.hardware.slow[n0] = true
	w.start()
	id := w.transition("On", -1, n0)
	w.eventually("reset arrives", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	w.service.Stop()
	if _, err := w.client.Transition(context.Background(), "On", []string{n0}, 1); err == nil {
		t.Error("a stopped service took a transition")
	}
	w.hardware.settle()
	w.start()
	if task := w.finished(id)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
	if got := w.hardware.resetsOf(n0); len(got) != 1 {
		t.Errorf("resets %v", got)
	}
}
