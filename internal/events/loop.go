package events

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Wake says what a Loop's function should look at.
type Wake struct {
	// Keys were hinted or are due, sorted, each once. Without any it is empty, not nil,
	// unless All is set: a query of the keys finds nothing then, not everything.
	Keys []string
	// All asks for everything: at start, at each resync, after an overflow.
	All bool
}

// Loop runs a function when something it depends on changes. Runs never
// overlap; hints that arrive meanwhile are collected for the next run. After a
// run a loop rests twice as long as the run took, at most maxRest: of hints
// that stream in many are handled together, and a lone hint after a quiet while
// waits for nothing.
type Loop struct {
	// Name appears in logs.
	Name string
	// Hub and Tables are the hints to wake on; a loop that only looks now and
	// then has neither.
	Hub    *Hub
	Tables []string
	// Resync is the time between runs with Wake.All, asked anew each time;
	// nil or a non-positive time means only at start.
	Resync func() time.Duration
	// Run does the work. What fails for one key alone is told by Later; an error
	// is for what fails for all: it is logged, and the same wake is repeated
	// after a pause, of a second at first and of 15 s at most.
	Run func(ctx context.Context, w Wake) error
	// Log receives the errors; nil is slog.Default.
	Log *slog.Logger

	mu      sync.Mutex
	sub     *Subscription
	timers  timers
	late    map[string]*lateness
	nudge   chan struct{}
	cancel  context.CancelFunc
	started chan struct{}
	stopped chan struct{}
	work    tally.Work
}

const (
	// retryPause is the wait before a failed run is repeated; it doubles up to
	// maxRetryPause while the run goes on failing.
	retryPause    = time.Second
	maxRetryPause = 15 * time.Second
	// maxRest bounds the rest after a run.
	maxRest = 100 * time.Millisecond
)

// Start begins to run; the first run is Wake.All. It returns at once.
func (l *Loop) Start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.mu.Lock()
	l.ensure()
	l.mu.Unlock()
	if l.Hub == nil {
		l.Hub = NewHub()
	}
	l.Hub.attach(l.sub, l.Tables)
	l.Hub.join(l)
	go func() {
		defer close(l.stopped)
		defer l.sub.Close()
		l.loop(ctx, l.sub)
	}()
}

// Started is closed when the first run is over.
func (l *Loop) Started() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ensure()
	return l.started
}

// Stop ends the loop and waits for a run in progress, whose context is
// cancelled. Stop of a loop that was never started does nothing.
func (l *Loop) Stop() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	<-l.stopped
}

// Now has the keys looked at without delay, all together, as a hint does.
func (l *Loop) Now(keys ...string) {
	if len(keys) == 0 {
		return
	}
	l.mu.Lock()
	l.ensure()
	l.mu.Unlock()
	l.sub.add(keys)
}

// At has the key looked at when the time comes; the zero time is never. Loops
// forget these at a restart: the first run, which sees everything, sets them
// again.
func (l *Loop) At(key string, at time.Time) {
	if at.IsZero() {
		return
	}
	l.mu.Lock()
	l.ensure()
	first := l.timers.set(key, at)
	l.mu.Unlock()
	if first {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

func (l *Loop) ensure() {
	if l.nudge == nil {
		l.nudge = make(chan struct{}, 1)
		l.sub, l.late = newSubscription(), map[string]*lateness{}
		l.started, l.stopped = make(chan struct{}), make(chan struct{})
	}
}

func (l *Loop) loop(ctx context.Context, sub *Subscription) {
	wake := Wake{All: true}
	first := true
	resync := l.resyncAt()
	pause := time.Duration(0)
	for {
		began := time.Now()
		err := l.Run(ctx, wake)
		if ctx.Err() != nil {
			return
		}
		took := time.Since(began)
		l.work.Done(len(wake.Keys), took)
		if log := l.log(); log.Enabled(ctx, slog.LevelDebug) {
			log.Debug("pass", "loop", l.Name, "everything", wake.All, "items", len(wake.Keys), "took", took)
		}
		if first {
			close(l.started)
			first = false
		}
		if wake.All {
			resync = l.resyncAt()
		}
		if err != nil {
			l.work.Failed(1)
			pause = min(max(retryPause, 2*pause), maxRetryPause)
			l.log().Error("run failed; will be repeated", "loop", l.Name, "after", pause, "error", err)
		} else {
			pause = 0
			l.settle(wake)
			wake = Wake{Keys: []string{}}
			if !rest(ctx, min(2*time.Since(began), maxRest)) {
				return
			}
		}
		if !l.wait(ctx, sub, &wake, resync, pause) {
			return
		}
	}
}

// rest waits for d; it returns false if ctx is done before.
func rest(ctx context.Context, d time.Duration) bool {
	if d < time.Millisecond { // not worth a timer
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// wait blocks until there is something to do and adds it to w. With a pause it
// waits just that long, whatever arrives.
func (l *Loop) wait(ctx context.Context, sub *Subscription, w *Wake, resync time.Time, pause time.Duration) bool {
	for {
		now := time.Now()
		until := l.next(resync)
		ready, nudge := sub.Ready(), (<-chan struct{})(l.nudge)
		if pause > 0 {
			until, ready, nudge = now.Add(pause), nil, nil
		}
		tick := time.NewTimer(time.Until(until))
		if until.IsZero() {
			tick.Stop()
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return false
		case <-ready:
		case <-nudge:
		case <-tick.C:
		}
		tick.Stop()
		keys, all, hinted := sub.take()
		keys = append(keys, l.due(time.Now())...)
		all = all || !resync.IsZero() && !time.Now().Before(resync)
		if hinted || all || len(keys) > 0 || pause > 0 {
			w.All = w.All || all
			w.Keys = append(w.Keys, keys...)
			slices.Sort(w.Keys)
			w.Keys = slices.Compact(w.Keys)
			return true
		}
	}
}

// next is the earlier of the resync and the first timer; zero is never.
func (l *Loop) next(resync time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.timers.first(); !at.IsZero() && (resync.IsZero() || at.Before(resync)) {
		return at
	}
	return resync
}

func (l *Loop) due(now time.Time) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.timers.due(now)
}

func (l *Loop) resyncAt() time.Time {
	if l.Resync == nil || l.Hub.NoResync {
		return time.Time{}
	}
	if d := l.Resync(); d > 0 {
		return time.Now().Add(d)
	}
	return time.Time{}
}

// worked is what it did so far; its keys that are hinted wait.
func (l *Loop) worked() tally.Worked {
	did := l.work.Read()
	did.Waiting = l.sub.waiting()
	return did
}

func (l *Loop) log() *slog.Logger {
	if l.Log != nil {
		return l.Log
	}
	return slog.Default()
}
