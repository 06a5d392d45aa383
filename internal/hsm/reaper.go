package hsm

import (
	"context"
	"log/slog"
	"time"
)

// reaper clears expired reservations away from time to time.
type reaper struct {
	service *Service
	cancel  context.CancelFunc
	stopped chan struct{}
}

func (r *reaper) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	r.stopped = make(chan struct{})
	go func() {
		defer close(r.stopped)
		tick := time.NewTicker(reapEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := r.service.reap(ctx); err != nil && ctx.Err() == nil {
				slog.Error("expired reservations not removed", "error", err)
			}
		}
	}()
}

func (r *reaper) stop() {
	if r.cancel != nil {
		r.cancel()
		<-r.stopped
	}
}
