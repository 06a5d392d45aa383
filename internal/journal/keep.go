package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Limits say what is kept; a zero field is no limit.
type Limits struct {
	Age  time.Duration // of the newest entry of a segment
	Size int64         // bytes that all segments take together
}

// pruneEvery is the time between two looks at the limits.
const pruneEvery = time.Hour

// Run writes notes and keeps the limits until ctx is done, then writes the
// rest and returns.
func (j *Journal) Run(ctx context.Context) {
	var keeping sync.WaitGroup
	keeping.Go(func() { j.keep(ctx) })
	j.notes.Run(ctx)
	keeping.Wait()
}

func (j *Journal) keep(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		err := j.moveFormer(ctx)
		if err == nil {
			_, err = j.Prune(ctx)
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("journal not pruned; will be repeated", "after", pruneEvery, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Prune removes the oldest segments until the limits hold, and returns how
// many.
func (j *Journal) Prune(ctx context.Context) (int, error) {
	var before int64
	if j.Limits.Age > 0 {
		before = j.now().Add(-j.Limits.Age).UnixNano()
	}
	n, err := j.segments.Prune(ctx, before, j.Limits.Size)
	if n > 0 {
		slog.Info("journal pruned", "segments", n)
	}
	return n, err
}
