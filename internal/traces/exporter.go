package traces

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
)

// Sessions are what the boot service tells of sessions.
type Sessions interface {
	Sessions(ctx context.Context, tenant string, f bos.SessionFilter) ([]bos.Session, error)
	Session(ctx context.Context, name, tenant string) (bos.Session, error)
	SessionNodes(ctx context.Context, sessions ...bos.Session) (map[string]bos.SessionNodes, error)
	Owned(ctx context.Context, session *bos.Session, after string, limit int) ([]bos.Component, error)
	ChangeSession(ctx context.Context, name, tenant string, alter func(*bos.Session) error) (bos.Session, error)
}

// Journal is what happened to nodes.
type Journal interface {
	List(ctx context.Context, node, after string, limit int) ([]journal.Entry, error)
}

// Sender has a collector take spans. A fault.Invalid is that it never will.
type Sender interface {
	Send(ctx context.Context, spans []Span) error
}

// Config is what an Exporter stands on.
type Config struct {
	Sessions Sessions
	Journal  Journal
	Sender   Sender
	Hub      *events.Hub
	// Nodes are told of in one trace, at most.
	Nodes int
	// Settle is how long after its end a session is looked at: notes of the journal wait
	// as long to be written. Pause is the wait after a failure, which doubles up to
	// longestPause.
	Settle, Pause time.Duration
	// Now is the clock, Log where it is told that the collector is away; nil is slog.Default.
	Now func() time.Time
	Log *slog.Logger
}

// The usual waits.
const (
	Settle = 2 * time.Second
	Pause  = 5 * time.Second

	longestPause = 5 * time.Minute
)

const (
	// Lasts is how long after its end a session is told of; one that could not be told by
	// then never is.
	Lasts = 24 * time.Hour
	// maxQueue bounds the sessions that wait. The oldest go first.
	maxQueue = 1000
)

// Exporter tells a collector of each session that ended, until Stop.
type Exporter struct {
	Config

	loop *events.Loop
	// queue are the sessions that are to be told of, by tenant/name.
	queue []string
	// away: the collector did not answer last time; it is asked again after the time.
	away  bool
	pause time.Duration
	again time.Time

	sent, failed, refused, lost, waiting atomic.Int64
	trouble                              atomic.Pointer[error]
}

// Counted is what came of telling so far: sessions that were sent, refused by the
// collector, or lost because they could not be sent in time; Failed are attempts.
type Counted struct{ Sent, Failed, Refused, Lost, Waiting int64 }

// New returns what does nothing until Start.
func New(c Config) *Exporter {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	x := &Exporter{Config: c}
	x.loop = &events.Loop{Name: "traces", Hub: c.Hub, Tables: []string{bos.SessionsTable}, Run: x.run, Log: c.Log}
	return x
}

// Start begins; the first look is at all sessions that ended lately.
func (x *Exporter) Start(ctx context.Context) { x.loop.Start(ctx) }

// Stop ends it. What was not sent is left for the next start.
func (x *Exporter) Stop() { x.loop.Stop() }

// Counted tells what came of it so far.
func (x *Exporter) Counted() Counted {
	return Counted{x.sent.Load(), x.failed.Load(), x.refused.Load(), x.lost.Load(), x.waiting.Load()}
}

// Trouble is why the collector did not take what it was told last; nil if it did, or if
// there was nothing yet.
func (x *Exporter) Trouble() error {
	if why := x.trouble.Load(); why != nil {
		return *why
	}
	return nil
}

// retry is the key of a look that is only for what waits; those of sessions have a slash.
const retry = "retry"

func (x *Exporter) run(ctx context.Context, w events.Wake) error {
	if err := x.collect(ctx, w); err != nil {
		return err
	}
	for len(x.queue) > 0 && !x.Now().Before(x.again) {
		if err := x.first(ctx); err != nil {
			return err
		}
	}
	return nil
}

// collect adds the sessions that ended and were not told of.
func (x *Exporter) collect(ctx context.Context, w events.Wake) error {
	var ended []bos.Session
	if w.All {
		list, err := x.Sessions.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionComplete})
		if err != nil {
			return err
		}
		ended = list
		slices.SortFunc(ended, func(a, b bos.Session) int { return a.Status.EndTime.Compare(b.Status.EndTime) })
	}
	for _, key := range w.Keys {
		tenant, name, is := strings.Cut(key, "/")
		if !is {
			continue
		}
		s, err := x.Sessions.Session(ctx, name, tenant)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		ended = append(ended, s)
	}
	for i := range ended {
		x.add(&ended[i])
	}
	return nil
}

func (x *Exporter) add(s *bos.Session) {
	key := s.Tenant + "/" + s.Name
	due := s.Status.EndTime.Add(x.Settle)
	switch now := x.Now(); {
	case s.Status.Status != bos.SessionComplete || s.Traced || slices.Contains(x.queue, key):
	case now.Sub(s.Status.EndTime) > Lasts:
	case now.Before(due):
		x.loop.At(key, due)
	default:
		x.queue = append(x.queue, key)
		if more := len(x.queue) - maxQueue; more > 0 {
			x.queue = slices.Delete(x.queue, 0, more)
			x.lost.Add(int64(more))
		}
		x.waiting.Store(int64(len(x.queue)))
	}
}

// first tells of the session at the head of the queue, and takes it off unless the collector
// does not answer: then others come first, so that one that it never takes holds up nobody. The error is of the database.
func (x *Exporter) first(ctx context.Context) error {
	tenant, name, _ := strings.Cut(x.queue[0], "/")
	s, err := x.Sessions.Session(ctx, name, tenant)
	switch {
	case fault.Is(err, fault.NotFound): // deleted meanwhile
		x.lost.Add(1)
		x.next()
		return nil
	case err != nil:
		return err
	case x.Now().Sub(s.Status.EndTime) > Lasts:
		x.lost.Add(1)
		x.next()
		return nil
	}
	unsent, err := x.tell(ctx, &s)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil: // that it was not sent says nothing of the collector
		return ctx.Err()
	case fault.Is(unsent, fault.Invalid):
		x.refused.Add(1)
		x.Log.Warn("a trace is lost, or part of it: the collector will not have it", "session", s.Name, "why", unsent)
	case unsent != nil:
		x.failure(unsent)
		x.queue = append(x.queue[1:], x.queue[0])
		return nil
	default:
		x.sent.Add(1)
		x.back()
	}
	_, err = x.Sessions.ChangeSession(ctx, s.Name, s.Tenant, func(r *bos.Session) error {
		r.Traced = true
		return nil
	})
	if err == nil || fault.Is(err, fault.NotFound) {
		x.next()
		return nil
	}
	return err
}

func (x *Exporter) next() {
	x.queue = slices.Delete(x.queue, 0, 1)
	x.waiting.Store(int64(len(x.queue)))
}

// failure says once that the collector is away, and when it is asked again.
func (x *Exporter) failure(why error) {
	x.failed.Add(1)
	x.trouble.Store(&why)
	x.pause = min(max(2*x.pause, x.Pause), longestPause)
	x.again = x.Now().Add(x.pause)
	x.loop.At(retry, time.Now().Add(x.pause)) // a loop's time is the machine's, whatever Now says
	if !x.away {
		x.away = true
		x.Log.Warn("traces cannot be sent; sessions that end meanwhile are told of once the collector answers", "for", Lasts, "why", why)
	}
}

func (x *Exporter) back() {
	if x.away {
		x.Log.Info("traces are sent again")
	}
	x.away, x.pause, x.again = false, 0, time.Time{}
	x.trouble.Store(nil)
}
