package watch

import (
	"context"
	"time"
)

// Source is where the session is asked for.
type Source interface {
	// Snapshot is the session now.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Changes receives when something changed, until ctx is done. It is
	// closed when changes cannot be told, at once or later.
	Changes(ctx context.Context) <-chan struct{}
}

// View shows the session.
type View interface {
	Show(t *Tally, now time.Time)
	Note(text string)
	Close(outcome string)
}

// Pace says how often is looked.
type Pace struct {
	// Poll is the time between looks where changes are not told, Resync
	// where they are, Least the shortest time between two looks.
	Poll, Resync, Least time.Duration
	// Patience is how long no answer at all is borne once there was one.
	Patience time.Duration
}

// DefaultPace looks twice a second, or at each change but no more than ten
// times a second.
var DefaultPace = Pace{Poll: 500 * time.Millisecond, Resync: 5 * time.Second, Least: 100 * time.Millisecond, Patience: 30 * time.Second}

// tick is how often the clock on a screen moves.
const tick = time.Second

// Follow shows the session until it is over and returns its last tally.
func Follow(ctx context.Context, from Source, view View, pace Pace) (*Tally, error) {
	changes := from.Changes(ctx)
	var t *Tally
	answered := time.Now()
	for {
		s, err := from.Snapshot(ctx)
		switch {
		case err == nil:
			answered = time.Now()
			t = Count(s)
			view.Show(t, answered)
			if t.Over() {
				view.Close(t.Outcome(answered))
				return t, nil
			}
		case t == nil || ctx.Err() != nil || time.Since(answered) > pace.Patience:
			if t != nil {
				view.Close(t.Outcome(time.Now()))
			}
			return t, err
		default:
			view.Note("no answer from the server; trying again")
		}
		if changes, err = pause(ctx, changes, view, pace); err != nil {
			view.Close(t.Outcome(time.Now()))
			return t, err
		}
	}
}

// pause waits for the time to look again.
func pause(ctx context.Context, changes <-chan struct{}, view View, pace Pace) (<-chan struct{}, error) {
	least := time.NewTimer(pace.Least)
	defer least.Stop()
	wait := pace.Resync
	if changes == nil {
		wait = pace.Poll
	}
	again := time.NewTimer(wait)
	defer again.Stop()
	moves := time.NewTicker(tick)
	defer moves.Stop()
	changed := false
	for {
		select {
		case <-ctx.Done():
			return changes, ctx.Err()
		case _, told := <-changes:
			changed = true
			if !told {
				changes = nil
				again.Reset(pace.Poll)
				changed = false
			}
			continue
		case <-again.C:
			return changes, nil
		case now := <-moves.C:
			if s, ok := view.(interface{ Tick(time.Time) }); ok {
				s.Tick(now)
			}
		case <-enough(changed, least.C):
			return changes, nil
		}
	}
}

// enough is the timer only if something changed.
func enough(changed bool, timer <-chan time.Time) <-chan time.Time {
	if changed {
		return timer
	}
	return nil
}
