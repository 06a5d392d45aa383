package batcher

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
)

// hint is a look at what a hint names, now.
func (f *fixture) hint(keys ...string) {
	f.t.Helper()
	if err := f.batcher.run(f.t.Context(), events.Wake{Keys: keys}); err != nil {
		f.t.Fatal(err)
	}
	f.agrees()
}

// wantSessionOf wants one session, of the component.
func (f *fixture) wantSessionOf(id string) {
	f.t.Helper()
	if got := f.sessions(); len(got) != 1 || !strings.HasSuffix(got[0], ": "+id) {
		f.t.Errorf("sessions %q, want one of %s", got, id)
	}
}

// A back-off belongs to those who failed: a node that failed nothing has its
// try, also of a configuration that others failed with.
func TestBackoffDelaysNoNodeThatFailedNothing(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.add("good")
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessionOf("good")
}

func TestChangeOfTheComponentEndsItsBackoff(t *testing.T) {
	for name, patch := range map[string]string{
		"its errors are forgotten": `{"id":"bad","error_count":0}`,
		"its state is cleared":     `{"id":"bad","state":[]}`,
		"it is to be configured":   `{"id":"bad","desired_config":"c"}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.add("bad")
			f.fail("bad")
			f.patch(patch)
			f.hint("bad")
			f.look(time.Second)
			f.wantSessionOf("bad")
		})
	}
}

// Nobody has to change anything for a back-off to end in time.
func TestBackoffEndsInTime(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	until := f.batcher.backoffs["c"].until
	f.now = until.Add(-time.Second)
	f.look(0)
	f.wantSessions()
	f.now = until
	f.hint("c") // the batcher asked to be woken then
	f.look(time.Second)
	f.wantSessionOf("bad")
}

// agrees wants the batcher to have done to each component what it says of it.
func (f *fixture) agrees() {
	f.t.Helper()
	all, err := f.service.Assess(f.t.Context(), nil, false)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, a := range all {
		stand := f.stand(a.ID)
		collects := a.Status == cfs.Pending && a.Enabled && stand.Session == "" &&
			!strings.Contains(stand.Waiting.Reason, "batcher_disable") && !strings.Contains(stand.Waiting.Reason, "in a row")
		if collects && strings.HasPrefix(stand.Waiting.Reason, "no session could be made") {
			collects = !stand.Waiting.Until.IsZero() // until the next look at all it is in none
		}
		if got := f.batcher.openOf[a.ID] != nil; got != collects {
			f.t.Fatalf("%s is in a batch: %v; it is told: %+v", a.ID, got, stand.Waiting)
		}
		if w := stand.Waiting; w != nil && !w.Until.IsZero() && !w.Until.After(f.now) {
			f.t.Fatalf("%s waits until %s, which was: %s", a.ID, w.Until, w.Reason)
		}
	}
}

func (f *fixture) stand(id string) Stand {
	f.t.Helper()
	stand, err := f.batcher.Stand(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return stand
}

// tells wants the reason, without an end if until is negative, else with the
// end in that time.
func (f *fixture) tells(id, reason string, until time.Duration) {
	f.t.Helper()
	stand := f.stand(id)
	want := cfs.Waiting{Reason: reason}
	if until >= 0 {
		want.Until = f.now.Add(until)
	}
	if reason == "" && stand.Waiting != nil || reason != "" && !stand.Waiting.Equal(&want) {
		f.t.Errorf("%s waits for %+v, want %+v", id, stand.Waiting, want)
	}
}

const never = -time.Second

func TestWhatAComponentWaitsFor(t *testing.T) {
	f := newFixture(t)
	f.maxJobs = 2
	f.restart()
	f.add("x0")
	f.tells("x0", "the batcher has not looked at it yet", never)
	f.look(0)
	f.tells("x0", "its batch waits until nobody has joined it for 300ms", 300*time.Millisecond)
	f.options(`{"batch_window":0}`)
	f.tells("x0", "its batch waits for more components (option batch_window, 0s)", 0)
	f.options(`{"batch_window":60}`)
	f.look(time.Second)
	f.tells("x0", "session batcher-0001 is about to start", never)
	f.add("x1")
	f.look(time.Second)
	f.look(time.Second)
	f.add("x2")
	f.look(time.Second)
	f.tells("x2", "2 sessions are open, as many as run at a time; its batch waits for more components (option batch_window, 1m0s)", time.Minute)
	f.look(time.Minute)
	f.tells("x2", "session batcher-0003 waits for its turn: 3 sessions are open, 2 run at a time", never)
	if got := f.stand("x2").Session; got != "batcher-0003" {
		t.Errorf("session %s", got)
	}
	f.start("batcher-0001")
	f.tells("x0", "", never)
	f.play("batcher-0001")
	f.look(time.Second)
	f.tells("x0", "", never)
}

func TestWhyAComponentIsNotConfigured(t *testing.T) {
	f := newFixture(t)
	f.add("off", "lost", "gone", "spent", "idle")
	f.configure("branch", "a")
	f.patch(`{"id":"off","enabled":false}`, `{"id":"gone","desired_config":"nowhere"}`, `{"id":"idle","desired_config":""}`,
		`{"id":"spent","error_count":3}`)
	f.tells("off", "the component is disabled", never)
	f.tells("gone", "configuration nowhere does not exist", never)
	f.tells("spent", "it failed as often as it may: error_count 3, retry_policy 3", never)
	f.tells("idle", "", never)
	f.options(`{"batcher_disable":true}`)
	f.look(time.Second)
	f.tells("lost", "the batcher is disabled (option batcher_disable)", never)
	f.options(`{"batcher_disable":false}`)
	f.held = true
	f.restart()
	f.look(time.Second)
	f.tells("lost", "its batch waits until nobody has joined it for 300ms; CFS starts no sessions (--cfs-hold-sessions)", 300*time.Millisecond)
	f.look(time.Second)
	f.tells("lost", "session batcher-0001 is not started: CFS starts none (--cfs-hold-sessions)", never)
	if _, err := f.batcher.Stand(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of a component that is not there: %v", err)
	}
}

func TestABackoffTellsUntilWhen(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.tells("bad", "20 sessions of configuration c failed in a row", f.batcher.backoffs["c"].until.Sub(f.now))
}

func TestALayerThatCannotBeComparedIsNamed(t *testing.T) {
	f := newFixture(t)
	c := cfs.Configuration{Name: "loose", Layers: []cfs.Layer{{CloneURL: repo, Playbook: "a", Commit: commit}, {CloneURL: repo, Playbook: "b"}}}
	if _, err := f.service.PutConfiguration(t.Context(), c, cfs.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	f.add("x0")
	f.patch(`{"id":"x0","desired_config":"loose"}`)
	f.tells("x0", "layer 1 of configuration loose has no commit", never)
}

// refuser makes no session while it has words.
type refuser struct {
	*cfs.Service
	words string
}

func (r *refuser) CreateSession(ctx context.Context, n cfs.NewSession, o cfs.CreateOptions) (cfs.Session, error) {
	if r.words != "" {
		return cfs.Session{}, fault.New(fault.Invalid, "%s", r.words)
	}
	return r.Service.CreateSession(ctx, n, o)
}

func TestWhyNoSessionCouldBeMade(t *testing.T) {
	f := newFixture(t)
	service := &refuser{f.service, "the limit selects no layer"}
	f.batcher.cfg.CFS = service
	f.add("x0")
	f.look(0)
	f.look(time.Second)
	f.tells("x0", "no session could be made: the limit selects no layer", never)
	service.words = ""
	f.look(time.Second)
	f.look(time.Second)
	f.tells("x0", "session batcher-0002 is about to start", never)
	f.end("batcher-0002", cfs.SucceededFalse)
	f.look(time.Second)
	f.tells("x0", "its batch waits until nobody has joined it for 300ms", 300*time.Millisecond)
}

// A back-off that begins holds who is about to get a session, too.
func TestABackoffTakesNodesOutOfOpenBatches(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.look(0)
	f.look(time.Second)
	f.add("next")
	f.patch(`{"id":"next","error_count":1}`)
	f.hint("next")
	f.batcher.backoffs["c"] = &backoff{layers: f.batcher.inFlight["batcher-0001"].Members[0].Layers, failures: patience - 1}
	f.report("bad", "a", "failed", "batcher-0001")
	f.end("batcher-0001", cfs.SucceededFalse)
	f.hint("batcher-0001")
	f.tells("next", "20 sessions of configuration c failed in a row", firstPause)
	f.now = f.now.Add(time.Second)
	f.hint("")
	f.wantSessions()
}

// Back-offs are only in memory.
func TestARestartEndsTheBackoff(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.restart()
	f.look(0)
	f.look(time.Second)
	f.wantSessionOf("bad")
}
