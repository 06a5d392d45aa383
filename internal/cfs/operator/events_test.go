package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/store"
)

// onEachQueue runs the test with an operator that gets events from the database,
// and with ones that get them through Kafka.
func onEachQueue(t *testing.T, test func(f *fixture, c operator.Config)) {
	t.Run("database", func(t *testing.T) { test(newFixture(t), operator.Config{}) })
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			address := start(t).Address()
			f := newFixture(t)
			test(f, f.throughKafka(address))
		})
	}
}

// throughKafka has the service's events go through the brokers; only they bring
// sessions.
func (f *fixture) throughKafka(address string) operator.Config {
	f.t.Helper()
	broker := connect(f.t, address, "events-"+filepath.Base(filepath.Dir(f.t.TempDir())))
	relay := kafka.NewRelay(broker, store.NewQueue(f.db, cfs.EventsTopic, time.Now), f.hub, cfs.EventKey)
	relay.Start(f.t.Context())
	f.t.Cleanup(relay.Stop)
	q, err := broker.NewQueue(f.t.Context(), func(table string) { f.hub.Changed(table, nil) }, time.Now)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(q.Close)
	return operator.Config{Queue: q, EventWait: time.Hour}
}

// send puts an event as if the service had.
func (f *fixture) send(payloads ...string) {
	f.t.Helper()
	for _, p := range payloads {
		if err := store.NewQueue(f.db, cfs.EventsTopic, time.Now).Put(f.t.Context(), []byte(p)); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) eventOf(kind cfs.EventType, name string) string {
	f.t.Helper()
	s, err := f.service.Session(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := json.Marshal(cfs.Event{Type: kind, Data: s})
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *fixture) dead() []cfs.DeadEvent {
	f.t.Helper()
	list, err := f.service.DeadEvents(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// An event that comes again and again makes no second job, whether the session
// waits, runs, is complete or is gone.
func TestRepeatedEventsChangeNothing(t *testing.T) {
	onEachQueue(t, func(f *fixture, c operator.Config) {
		o := f.start(c)
		f.create("s", "")
		created := f.eventOf(cfs.EventCreate, "s")
		f.send(created, created)
		f.until("the start", func() bool { return f.started("s") == 1 })
		id := f.job("s")
		f.exec.set(id, cfs.JobState{Phase: job.Running})
		f.untilStage("s", cfs.StageRunning, cfs.SucceededNone)
		f.send(created)
		f.until("four are handled", func() bool { return o.EventsHandled() >= 4 })
		f.exec.set(id, cfs.JobState{Phase: job.Succeeded, Ended: time.Now()})
		f.untilStage("s", cfs.StageComplete, cfs.SucceededTrue)
		f.send(created)
		f.until("five are handled", func() bool { return o.EventsHandled() >= 5 })
		deleted := f.eventOf(cfs.EventDelete, "s")
		if err := f.service.DeleteSession(f.t.Context(), "s"); err != nil {
			f.t.Fatal(err)
		}
		f.send(deleted, created, deleted) // as a relay that died would
		f.until("all are handled", func() bool { return o.EventsHandled() >= 9 })
		if n := f.started("s"); n != 1 {
			f.t.Errorf("started %d times", n)
		}
		f.exec.do(func() {
			if slices.ContainsFunc(f.exec.stopped, func(stopped string) bool { return stopped != id }) {
				f.t.Errorf("stopped %q, the session's job is %s", f.exec.stopped, id)
			}
		})
		f.until("no event is left aside", func() bool { return len(f.dead()) == 0 })
	})
}

func TestEventsThatNobodyCanActOnAreSetAside(t *testing.T) {
	onEachQueue(t, func(f *fixture, c operator.Config) {
		o := f.start(c)
		bad := []string{"no JSON \x01", `{"type":"UPDATE","data":{"name":"s"}}`, `{"type":"CREATE","data":{}}`, "[]"}
		f.send(bad...)
		f.send(bad[0]) // again: the same
		f.create("s", "")
		f.until("the session behind them is started", func() bool { return f.started("s") == 1 })
		f.until("all are aside", func() bool { return len(f.dead()) == len(bad) && o.EventsSetAside() == int64(len(bad)+1) })
		var kept []string
		for _, e := range f.dead() {
			kept = append(kept, string(e.Payload))
			if want := map[bool]int{true: 2, false: 1}[string(e.Payload) == bad[0]]; e.Times != want || e.Reason == "" {
				f.t.Errorf("%+v", e)
			}
		}
		slices.Sort(kept)
		slices.Sort(bad)
		if !slices.Equal(kept, bad) {
			f.t.Errorf("kept %q", kept)
		}
	})
}

// Through Kafka anybody may send, so that an event whose session is not there
// says that something is wrong, unless its deletion follows.
func TestEventOfASessionThatIsNotThere(t *testing.T) {
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			address := start(t).Address()
			f := newFixture(t)
			f.start(f.throughKafka(address))
			f.send(`{"type":"CREATE","data":{"name":"ghost"}}`)
			f.until("it is aside", func() bool {
				dead := f.dead()
				return len(dead) == 1 && dead[0].Session == "ghost" && strings.Contains(dead[0].Reason, "does not exist")
			})
			f.send(`{"type":"DELETE","data":{"name":"ghost"}}`)
			f.until("it is explained", func() bool { return len(f.dead()) == 0 })
		})
	}
}

// A session whose event is late is run by its record; the event, once it comes,
// changes nothing.
func TestSessionWaitsForItsEventAndNotForEver(t *testing.T) {
	f := newFixture(t)
	o := f.start(operator.Config{Queue: store.NewQueue(f.db, "another topic", time.Now), EventWait: 3 * time.Second, Resync: time.Hour})
	<-o.Started()
	began := time.Now()
	f.create("s", "")
	f.until("the start", func() bool { return f.started("s") == 1 })
	if waited := time.Since(began); waited < time.Second { // start times are whole seconds
		t.Errorf("waited %s for its event", waited)
	}
	if err := store.NewQueue(f.db, "another topic", time.Now).Put(t.Context(), []byte(f.eventOf(cfs.EventCreate, "s"))); err != nil {
		t.Fatal(err)
	}
	f.until("the event is handled", func() bool { return o.EventsHandled() == 1 })
	if n := f.started("s"); n != 1 {
		t.Errorf("started %d times", n)
	}
}

// An operator that ends between the note of an event and its confirmation is
// handed the event again.
func TestTakenUpIsNotedBeforeTheEventIsConfirmed(t *testing.T) {
	f := newFixture(t)
	q := &unconfirmed{Queue: store.NewQueue(f.db, cfs.EventsTopic, time.Now), f: f}
	f.create("s", "")
	f.start(operator.Config{Queue: q, EventWait: time.Hour})
	f.until("the start", func() bool { return f.started("s") == 1 })
	run, err := f.service.Run(t.Context(), "s")
	if err != nil || run.TakenUp.IsZero() {
		t.Errorf("taken up at %s, %v", run.TakenUp, err)
	}
}

// unconfirmed is a queue whose Done looks whether the session has been noted.
type unconfirmed struct {
	operator.Queue
	f *fixture
}

func (u *unconfirmed) Done(ctx context.Context, ids ...int64) error {
	if run, err := u.f.service.Run(ctx, "s"); err != nil || run.TakenUp.IsZero() {
		u.f.t.Errorf("the event is confirmed before it is noted: %v, %v", run.TakenUp, err)
	}
	return u.Queue.Done(ctx, ids...)
}

func TestDeadEventsAreBounded(t *testing.T) {
	f := newFixture(t)
	for i := range 1010 {
		if err := f.service.SetAside(t.Context(), fmt.Appendf(nil, "%d", i), "", "no event"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.dead()); n != 1000 {
		t.Errorf("%d are kept", n)
	}
	if n, err := f.service.ForgetDeadEvents(t.Context(), ""); n != 1000 || err != nil || len(f.dead()) != 0 {
		t.Errorf("forgot %d, %v; left %d", n, err, len(f.dead()))
	}
}
