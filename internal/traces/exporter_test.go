package traces_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/traces"
)

// world stands for boot service, journal and collector.
type world struct {
	t   *testing.T
	hub *events.Hub
	log *syncBuffer
	// later is how much later it is than it is.
	later atomic.Int64

	mu       sync.Mutex
	sessions map[string]bos.Session
	owned    []bos.Component
	began    string
	answer   func([]traces.Span) error // of the collector; nil: it takes all
	asked    chan []traces.Span        // each time that the collector was asked
	marked   chan string               // each session that the exporter changed
}

func newWorld(t *testing.T) *world {
	return &world{t: t, hub: events.NewHub(), log: &syncBuffer{}, sessions: map[string]bos.Session{},
		asked: make(chan []traces.Span, 10_000), marked: make(chan string, 10_000)}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (w *world) Sessions(context.Context, string, bos.SessionFilter) (list []bos.Session, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sessions {
		list = append(list, s)
	}
	return list, nil
}

func (w *world) Session(_ context.Context, name, tenant string) (bos.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, is := w.sessions[tenant+"/"+name]
	if !is {
		return s, fault.New(fault.NotFound, "no session %s", name)
	}
	return s, nil
}

func (w *world) SessionNodes(_ context.Context, sessions ...bos.Session) (map[string]bos.SessionNodes, error) {
	return map[string]bos.SessionNodes{"": {Components: w.began}}, nil
}

func (w *world) Owned(_ context.Context, _ *bos.Session, after string, limit int) ([]bos.Component, error) {
	first := slices.IndexFunc(w.owned, func(c bos.Component) bool { return c.ID > after })
	if first < 0 {
		return nil, nil
	}
	return w.owned[first:min(first+limit, len(w.owned))], nil
}

func (w *world) ChangeSession(ctx context.Context, name, tenant string, alter func(*bos.Session) error) (bos.Session, error) {
	s, err := w.Session(ctx, name, tenant)
	if err == nil {
		err = alter(&s)
	}
	if err == nil {
		w.put(s)
		w.marked <- name
	}
	return s, err
}

// put keeps a session, and wakes who depends on it.
func (w *world) put(s bos.Session) {
	key := s.Tenant + "/" + s.Name
	w.mu.Lock()
	w.sessions[key] = s
	w.mu.Unlock()
	w.hub.Changed(bos.SessionsTable, []string{key})
}

func (w *world) List(_ context.Context, node, after string, _ int) ([]journal.Entry, error) {
	if !strings.HasPrefix(after, node+"/") {
		w.t.Errorf("the journal of %s is asked for from %q on", node, after)
	}
	return nil, nil
}

func (w *world) Send(_ context.Context, spans []traces.Span) (err error) {
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	if answer != nil {
		err = answer(spans)
	}
	w.asked <- spans
	return err
}

func (w *world) answers(answer func([]traces.Span) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *world) start() *traces.Exporter {
	x := traces.New(traces.Config{Sessions: w, Journal: w, Sender: w, Hub: w.hub, Nodes: 10, Pause: time.Millisecond, Now: func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) },
		Log: slog.New(slog.NewTextHandler(w.log, nil))})
	x.Start(w.t.Context())
	w.t.Cleanup(x.Stop)
	return x
}

// ended is a session that ended that long ago.
func ended(name string, ago time.Duration) bos.Session {
	end := time.Now().Add(-ago)
	return bos.Session{Name: name, Operation: bos.OperationBoot, Status: bos.SessionStatus{Status: bos.SessionComplete, StartTime: end.Add(-time.Minute), EndTime: end}}
}

// told waits for the collector to be asked, and returns what about.
func (w *world) told() (session string, spans []traces.Span) {
	w.t.Helper()
	select {
	case spans = <-w.asked:
	case <-time.After(10 * time.Second):
		w.t.Fatalf("nothing is told:\n%s", w.log)
	}
	for _, a := range spans[0].Attributes {
		if a.Key == "drover.session.name" {
			session = a.Value.(string)
		}
	}
	return session, spans
}

func (w *world) isTold(session string) []traces.Span {
	w.t.Helper()
	got, spans := w.told()
	if got != session {
		w.t.Fatalf("told of %q, not of %q", got, session)
	}
	return spans
}

// A session is told of when it ends, once, whoever starts again; one that runs is not.
func TestSessionIsToldOnce(t *testing.T) {
	w := newWorld(t)
	x := w.start()
	w.put(bos.Session{Name: "running", Status: bos.SessionStatus{Status: bos.SessionRunning}})
	w.put(ended("morning", 0))
	w.isTold("morning")
	w.put(ended("noon", 0))
	w.isTold("noon")
	w.put(ended("night", 0))
	w.isTold("night")
	for _, name := range []string{"morning", "noon", "night"} { // stopped before, it would tell of the last one again
		if got := <-w.marked; got != name {
			t.Errorf("%s is marked, not %s", got, name)
		}
	}
	x.Stop()
	if got := x.Counted(); got != (traces.Counted{Sent: 3}) {
		t.Errorf("%+v", got)
	}
	w.start()
	w.put(ended("next", 0))
	w.isTold("next")
}

// What ended while nobody was there to tell of it is told at the start, the oldest first;
// what ended too long ago is not.
func TestSessionsOfBeforeTheStart(t *testing.T) {
	w := newWorld(t)
	for name, ago := range map[string]time.Duration{"ancient": traces.Lasts + time.Minute, "older": time.Hour, "newer": time.Minute} {
		w.put(ended(name, ago))
	}
	x := w.start()
	w.isTold("older")
	w.isTold("newer")
	w.put(ended("now", 0))
	w.isTold("now")
	if got := x.Counted(); got.Lost != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCollectorThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.answers(func([]traces.Span) error { return errors.New("connection refused") })
	x := w.start()
	w.put(ended("first", time.Minute))
	for range 3 {
		w.isTold("first")
	}
	if err := x.Trouble(); err == nil || err.Error() != "connection refused" {
		t.Errorf("the trouble is %v", err)
	}
	w.answers(nil)
	w.put(ended("second", 0))
	for session := "first"; session == "first"; session, _ = w.told() {
	}
	x.Stop()
	if err := x.Trouble(); err != nil {
		t.Errorf("the trouble is still %v", err)
	}
	if n := strings.Count(w.log.String(), "level=WARN"); n != 1 || !strings.Contains(w.log.String(), "connection refused") {
		t.Errorf("%d warnings:\n%s", n, w.log)
	}
	if !strings.Contains(w.log.String(), "traces are sent again") {
		t.Errorf("nobody says that it is back:\n%s", w.log)
	}
	if got := x.Counted(); got.Failed < 3 || got.Sent < 1 || got.Lost+got.Refused > 0 {
		t.Errorf("%+v", got)
	}
}

// What the collector will not have holds up nobody.
func TestTraceThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.answers(func(spans []traces.Span) error {
		if fmt.Sprint(spans[0].Attributes[0].Value) == "bad" {
			return fault.New(fault.Invalid, "too large")
		}
		return nil
	})
	w.put(ended("bad", time.Hour))
	w.put(ended("good", time.Minute))
	x := w.start()
	w.isTold("bad")
	w.isTold("good")
	w.put(ended("next", 0))
	w.isTold("next")
	if got := x.Counted(); got.Refused != 1 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(w.log.String(), "session=bad") || !strings.Contains(w.log.String(), "too large") {
		t.Errorf("nobody says so:\n%s", w.log)
	}
}

// What the collector never answers holds up nobody, either.
func TestTraceThatIsNeverTaken(t *testing.T) {
	w := newWorld(t)
	w.answers(func(spans []traces.Span) error {
		if fmt.Sprint(spans[0].Attributes[0].Value) == "bad" {
			return errors.New("the collector answered 500")
		}
		return nil
	})
	w.put(ended("bad", time.Hour))
	w.put(ended("good", time.Minute))
	w.start()
	for session := "bad"; session == "bad"; session, _ = w.told() {
	}
	w.put(ended("next", 0))
	for session := "bad"; session != "next"; session, _ = w.told() {
	}
}

// While the collector is away, only so many sessions wait; the oldest go.
func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t)
	for i := range traces.MaxQueue + 7 {
		w.put(ended(fmt.Sprintf("s%04d", i), time.Hour-time.Duration(i)*time.Second))
	}
	x := w.start()
	w.isTold("s0007")
	for range traces.MaxQueue - 1 {
		w.told()
	}
	w.put(ended("last", 0))
	w.isTold("last")
	if got := x.Counted(); got.Lost != 7 || got.Waiting > 1 {
		t.Errorf("%+v", got)
	}
}

// A session that waits for longer than that is lost.
func TestSessionThatWaitsForTooLong(t *testing.T) {
	w := newWorld(t)
	w.answers(func([]traces.Span) error { return errors.New("away") })
	x := w.start()
	w.put(ended("old", 0))
	w.isTold("old")
	w.later.Store(int64(traces.Lasts + time.Minute))
	w.answers(nil)
	w.put(ended("new", -traces.Lasts))
	for session := "old"; session == "old"; session, _ = w.told() {
	}
	if got := x.Counted(); got.Lost != 1 {
		t.Errorf("%+v", got)
	}
}

// A session that is deleted while it waits is lost.
func TestSessionThatIsDeletedWhileItWaits(t *testing.T) {
	w := newWorld(t)
	away := func([]traces.Span) error { return errors.New("away") }
	w.answers(away)
	x := w.start()
	w.put(ended("deleted", 0))
	w.isTold("deleted")
	w.mu.Lock()
	delete(w.sessions, "/deleted")
	w.answer = nil
	w.mu.Unlock()
	w.put(ended("next", 0))
	for session := "deleted"; session == "deleted"; session, _ = w.told() {
	}
	if got := x.Counted(); got.Lost != 1 {
		t.Errorf("%+v", got)
	}
}

// Notes of the journal are written a moment later: until then nobody looks.
func TestSessionSettlesFirst(t *testing.T) {
	w := newWorld(t)
	const settle = 300 * time.Millisecond
	x := traces.New(traces.Config{Sessions: w, Journal: w, Sender: w, Hub: w.hub, Nodes: 10, Settle: settle, Now: time.Now})
	x.Start(t.Context())
	defer x.Stop()
	w.put(ended("morning", 0))
	if since := time.Since(w.isTold("morning")[0].End); since < settle {
		t.Errorf("it was told of after %s", since)
	}
}

// Of many nodes all are counted and some are shown, in parts; those that another session
// has taken are among them.
func TestNodesOfALargeSession(t *testing.T) {
	w := newWorld(t)
	s := ended("morning", 0)
	const nodes, failed = 2500, 20
	var names []string
	for i := range nodes {
		c := bos.Component{ID: fmt.Sprintf("x%06d", i)}
		if i < failed {
			c.Status.StatusOverride = bos.StatusFailed
		}
		w.owned, names = append(w.owned, c), append(names, c.ID)
	}
	w.began = strings.Join(names, ",")
	w.start()
	w.put(s)
	spans := w.isTold("morning")
	want := "[{drover.nodes.total 2500} {drover.nodes.succeeded 2480} {drover.nodes.failed 20} {drover.nodes.shown 10}]"
	if got := fmt.Sprint(spans[0].Attributes[3:]); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if !spans[0].Failed || spans[0].Error != "20 of 2500 nodes failed" {
		t.Errorf("the session's status: %v %q", spans[0].Failed, spans[0].Error)
	}
	if len(spans) != 1+10 {
		t.Errorf("%d spans", len(spans))
	}

	s = ended("noon", 0)
	s.Saved = &bos.ExtendedStatus{ManagedComponentsCount: 2501, PercentFailed: 0.8, PercentSuccessful: 99.2}
	w.owned, w.began = w.owned[1:2], "x000001,x000002,x000003"
	w.put(s)
	spans = w.isTold("noon")
	want = "[{drover.nodes.total 2501} {drover.nodes.succeeded 2481} {drover.nodes.failed 20} {drover.nodes.shown 3}]"
	if got := fmt.Sprint(spans[0].Attributes[3:]); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if len(spans) != 1+3 || spans[3].Name != "x000003" {
		t.Errorf("%d spans", len(spans))
	}
}

// A part that is refused holds up no other part.
func TestPartOfATraceThatIsRefused(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.owned = append(w.owned, bos.Component{ID: fmt.Sprintf("x%06d", i)})
	}
	w.answers(func(spans []traces.Span) error {
		if len(spans[0].Attributes) > 4 { // the session's
			return fault.New(fault.Invalid, "too large")
		}
		return nil
	})
	w.put(ended("morning", time.Minute))
	x := traces.New(traces.Config{Sessions: w, Journal: w, Sender: w, Hub: w.hub, Nodes: 25, Now: time.Now, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	x.Start(t.Context())
	defer x.Stop()
	w.isTold("morning")
	for range 2 {
		w.told()
	}
	w.put(ended("noon", 0))
	w.told()
	if got := x.Counted(); got.Refused < 1 || got.Sent > 0 || !strings.Contains(w.log.String(), "too large") {
		t.Errorf("%+v\n%s", got, w.log)
	}
}
