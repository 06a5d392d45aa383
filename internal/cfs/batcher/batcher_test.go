package batcher

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
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
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "cfs.db"), f.hub.Changed)
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
	f.job(session, cfs.JobState{Phase: cfs.JobSucceeded, Started: f.now, Ended: f.now})
}

// start has the session's job run.
func (f *fixture) start(session string) {
	f.t.Helper()
	f.job(session, cfs.JobState{Phase: cfs.JobRunning, Started: f.now})
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
	f.job("batcher-0001", cfs.JobState{Phase: cfs.JobRunning, Step: "clone", Started: f.now,
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

func TestBackoff(t *testing.T) {
	var b backoff
	now := time.Unix(0, 0)
	limit := 3 * time.Minute
	for range 19 {
		if b.fail(now, limit); !b.until.IsZero() {
			t.Fatal("twenty may fail before there is a back-off")
		}
	}
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute} {
		b.fail(now, limit)
		if got := b.until.Sub(now); got != want {
			t.Errorf("back-off %d: %s, want %s", i, got, want)
		}
		b.fail(now, limit) // it is not over yet
		if got := b.until.Sub(now); got != want {
			t.Errorf("back-off %d was prolonged to %s", i, got)
		}
		now = b.until
	}
	b = backoff{}
	for range 20 {
		b.fail(now, 0)
	}
	if b.until.After(now) {
		t.Error("a limit of 0 disables it")
	}
}

func TestSuccessEndsTheBackoff(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.look(time.Hour)
	f.look(time.Second)
	name, _, _ := strings.Cut(f.sessions()[0], ": ")
	for _, p := range []string{"a", "b"} {
		f.report("bad", p, "applied", name)
	}
	f.play(name)
	f.look(time.Second)
	if len(f.batcher.backoffs) != 0 {
		t.Error("the back-off outlived a success")
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

// fail has sessions of the component fail, without end, until none is made.
func (f *fixture) fail(id string) {
	f.t.Helper()
	f.patch(`{"id":"` + id + `","retry_policy":-1}`)
	for range 30 {
		f.look(time.Second)
		f.look(time.Second)
		open := f.sessions()
		if len(open) == 0 {
			return
		}
		name, _, _ := strings.Cut(open[0], ": ")
		f.report(id, "a", "failed", name)
		f.end(name, cfs.SucceededFalse)
	}
	f.t.Fatal("sessions of a configuration that always fails are made without a pause")
}

func TestBackoffOfOneConfigurationDelaysNoOther(t *testing.T) {
	f := newFixture(t)
	f.configure("d", "z")
	f.add("bad", "good")
	f.patch(`{"id":"good","enabled":false}`)
	f.fail("bad")
	f.patch(`{"id":"good","desired_config":"d","enabled":true}`)
	f.look(time.Second)
	f.look(time.Second)
	if got := f.sessions(); len(got) != 1 || !strings.HasSuffix(got[0], ": good") {
		t.Errorf("sessions %q, want one of good", got)
	}
}

func TestChangeOfTheConfigurationEndsItsBackoff(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.configure("c", "repaired")
	if err := f.batcher.run(t.Context(), events.Wake{Keys: []string{"c"}}); err != nil { // the hint of the change
		t.Fatal(err)
	}
	f.look(time.Second)
	if got := f.sessions(); len(got) != 1 {
		t.Errorf("sessions %q, want one of bad", got)
	}
}
