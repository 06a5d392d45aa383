package job

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/events"
)

const (
	// feedLook is the time between looks at a log that is followed, and feedPause
	// between two that hints cause at the least.
	feedLook  = 2 * time.Second
	feedPause = 50 * time.Millisecond
)

// Feed gives somebody what the steps of a job wrote, and what they write.
type Feed struct {
	// Log is read: a *Reader's Next.
	Log interface{ Next() ([]byte, error) }
	// Offset is how many bytes of the text are left out.
	Offset int64
	// Over tells that no more is to come; it is asked before each look, so that what
	// is there then is all.
	Over func(ctx context.Context) bool
	// Grown receives after there may be more, and Changes after Over may tell
	// otherwise. Hints get lost: both are looked at now and then as well.
	Grown   <-chan struct{}
	Changes *events.Subscription
	// Stopping is closed when nobody is to wait any more.
	Stopping <-chan struct{}
}

// Write calls write with what there is, on and on until Over, the end of the context
// or Stopping.
func (f *Feed) Write(ctx context.Context, write func([]byte) error) error {
	for {
		last := f.Over(ctx)
		if err := f.drain(write); err != nil || last {
			return err
		}
		look := time.NewTimer(feedLook)
		select {
		case <-ctx.Done():
		case <-f.Stopping:
			look.Stop()
			return nil
		case <-f.Grown:
			rest(ctx, feedPause)
		case <-f.Changes.Ready():
			f.Changes.Take()
			rest(ctx, feedPause)
		case <-look.C:
		}
		look.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// drain writes what there is now.
func (f *Feed) drain(write func([]byte) error) error {
	for {
		text, err := f.Log.Next()
		if err != nil || len(text) == 0 {
			return err
		}
		skip := min(f.Offset, int64(len(text)))
		f.Offset -= skip
		if err := write(text[skip:]); err != nil {
			return err
		}
	}
}

func rest(ctx context.Context, pause time.Duration) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
