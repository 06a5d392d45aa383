package watch

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/progress"
)

// Source is where the session is asked for.
type Source interface {
	// Snapshot is the session now.
	Snapshot(ctx context.Context) (*progress.Snapshot, error)
	// Changes receives when something changed, until ctx is done. It is
	// closed when changes cannot be told, at once or later.
	Changes(ctx context.Context) <-chan struct{}
}

// View shows the session.
type View interface {
	Show(t *progress.Tally, now time.Time)
	Note(text string)
	Close(outcome string)
}

// Follow shows the session until it is over and returns its last tally.
func Follow(ctx context.Context, from Source, view View, pace Pace) (*progress.Tally, error) {
	var t *progress.Tally
	answered := time.Now()
	look := func() (over bool, err error) {
		s, err := from.Snapshot(ctx)
		switch {
		case err == nil:
			answered = time.Now()
			t = progress.Count(s)
			view.Show(t, answered)
			return t.Over(), nil
		case t == nil || ctx.Err() != nil || time.Since(answered) > pace.Patience:
			return false, err
		}
		view.Note("no answer from the server; trying again")
		return false, nil
	}
	err := pace.Repeat(ctx, from.Changes(ctx), look, func(now time.Time) {
		if s, ok := view.(interface{ Tick(time.Time) }); ok {
			s.Tick(now)
		}
	})
	if t != nil {
		view.Close(t.Outcome(time.Now()))
	}
	return t, err
}
