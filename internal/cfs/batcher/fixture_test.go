package batcher

import (
	"encoding/json"
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
	"github.com/drover-hpc/drover/internal/store/storetest"
)

const repo = "https://git/repo"

var commit = strings.Repeat("a", 40)

// fixture drives the batcher's looks by hand, in a time of its own.
type fixture struct {
	t       *testing.T
	db      *store.DB
	hub     *events.Hub
	journal *journal.Journal
	service *cfs.Service
	batcher *Batcher
	now     time.Time
	ids     int
	maxJobs int
	held    bool
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, hub: events.NewHub(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), maxJobs: 100}
	db, err := store.Open(t.Context(), storetest.Migrated(t), f.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := func() time.Time { return f.now }
	f.db, f.journal = db, journal.New(db, now)
	f.service = cfs.NewService(cfs.Config{DB: db, Journal: f.journal, Hub: f.hub, Now: now})
	f.configure("c", "a", "b")
	f.restart()
	return f
}

func (f *fixture) configure(name string, playbooks ...string) {
	f.t.Helper()
	c := cfs.Configuration{Name: name}
	for _, p := range playbooks {
		c.Layers = append(c.Layers, cfs.Layer{CloneURL: repo, Playbook: p, Commit: commit})
	}
	if _, err := f.service.PutConfiguration(f.t.Context(), c, cfs.PutOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

// restart forgets what the batcher had in memory.
func (f *fixture) restart() {
	f.batcher = New(Config{DB: f.db, CFS: f.service, Journal: f.journal, Hub: f.hub, MaxJobs: f.maxJobs, Held: f.held, Now: func() time.Time { return f.now },
		NewID: func() string { f.ids++; return fmt.Sprintf("%04d", f.ids) }})
}

// look is one pass over everything, d later.
func (f *fixture) look(d time.Duration) {
	f.t.Helper()
	f.now = f.now.Add(d)
	if err := f.batcher.run(f.t.Context(), events.Wake{All: true}); err != nil {
		f.t.Fatal(err)
	}
	f.agrees()
}

func (f *fixture) patch(patches ...string) {
	f.t.Helper()
	var in []cfs.ComponentPatch
	if err := json.Unmarshal([]byte("["+strings.Join(patches, ",")+"]"), &in); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.service.PatchComponents(f.t.Context(), in, true); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) add(ids ...string) {
	f.t.Helper()
	if _, err := f.service.CreateComponents(f.t.Context(), ids); err != nil {
		f.t.Fatal(err)
	}
	for _, id := range ids {
		f.patch(`{"id":"` + id + `","desired_config":"c","tags":{"bos_session":"b1","node":"` + id + `"}}`)
	}
}

func (f *fixture) report(id, playbook, status, session string) {
	f.t.Helper()
	f.patch(fmt.Sprintf(`{"id":"%s","state_append":{"clone_url":"%s","playbook":"%s","commit":"%s","status":"%s","session_name":"%s"}}`,
		id, repo, playbook, commit, status, session))
}

func (f *fixture) options(text string) {
	f.t.Helper()
	var p cfs.OptionsPatch
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.service.PatchOptions(f.t.Context(), p); err != nil {
		f.t.Fatal(err)
	}
}

// sessions are those that are open, as "name: members".
func (f *fixture) sessions() []string {
	f.t.Helper()
	open, err := f.service.OpenSessions(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	out := []string{}
	for _, s := range open {
		out = append(out, s.Session.Name+": "+*s.Session.Ansible.Limit)
	}
	return out
}

func (f *fixture) wantSessions(want ...string) {
	f.t.Helper()
	if got := f.sessions(); !slices.Equal(got, want) {
		f.t.Fatalf("sessions %q, want %q", got, want)
	}
}

func (f *fixture) end(session string, how cfs.Succeeded) {
	f.t.Helper()
	patch := map[string]json.RawMessage{"status": json.RawMessage(`{"session":{"status":"complete","succeeded":"` + string(how) + `"}}`)}
	if _, err := f.service.PatchSession(f.t.Context(), session, patch, true); err != nil {
		f.t.Fatal(err)
	}
}

// play has the session's job succeed: each playbook ran and reported.
func (f *fixture) play(session string) {
	f.t.Helper()
	f.job(session, cfs.JobState{Phase: job.Succeeded, Started: f.now, Ended: f.now})
}

// start has the session's job run.
func (f *fixture) start(session string) {
	f.t.Helper()
	f.job(session, cfs.JobState{Phase: job.Running, Started: f.now})
}

func (f *fixture) job(session string, state cfs.JobState) {
	f.t.Helper()
	open, err := f.service.OpenSessions(f.t.Context(), []string{session})
	if err != nil || len(open) != 1 {
		f.t.Fatalf("session %s: %d are open, %v", session, len(open), err)
	}
	run := open[0].Run
	run.State = state
	if err := f.service.SaveRuns(f.t.Context(), []cfs.Run{run}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) component(id string) cfs.Component {
	f.t.Helper()
	c, err := f.service.Component(f.t.Context(), id, cfs.ComponentDetails{State: true, Config: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}
