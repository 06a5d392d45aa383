package watch

import (
	"context"
	"time"
)

// Pace says how often is looked.
type Pace struct {
	// Poll is the time between looks where changes are not told, Resync
	// where they are, Least the shortest time between two looks.
	Poll, Resync, Least time.Duration
	// Share is how many times as long as a look took there is none after it, so that
	// those of a large fleet do not keep the server busy.
	Share time.Duration
	// Patience is how long no answer at all is borne once there was one.
	Patience time.Duration
}

// DefaultPace looks twice a second, or at each change but no more than ten times a
// second, and for no more than a fifth of the time.
var DefaultPace = Pace{Poll: 500 * time.Millisecond, Resync: 5 * time.Second, Least: 100 * time.Millisecond, Share: 4, Patience: 30 * time.Second}

// clockPause is how often the clock on a screen moves.
const clockPause = time.Second

// Repeat looks at once, then at each change and now and then, until a look is the last
// one, fails, or ctx is done. While it waits it calls tick every second. changes is as
// Source.Changes tells; nil is none.
func (p Pace) Repeat(ctx context.Context, changes <-chan struct{}, look func() (last bool, err error), tick func(now time.Time)) error {
	for {
		began := time.Now()
		last, err := look()
		if last || err != nil {
			return err
		}
		if changes, err = p.pause(ctx, changes, time.Since(began), tick); err != nil {
			return err
		}
	}
}

// pause waits for the time to look again after a look that took that long.
func (p Pace) pause(ctx context.Context, changes <-chan struct{}, took time.Duration, tick func(now time.Time)) (<-chan struct{}, error) {
	rest := max(p.Least, p.Share*took)
	least := time.NewTimer(rest)
	defer least.Stop()
	wait := p.Resync
	if changes == nil {
		wait = p.Poll
	}
	again := time.NewTimer(max(wait, rest))
	defer again.Stop()
	moves := time.NewTicker(clockPause)
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
				again.Reset(max(p.Poll, rest))
				changed = false
			}
			continue
		case <-again.C:
			return changes, nil
		case now := <-moves.C:
			tick(now)
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
