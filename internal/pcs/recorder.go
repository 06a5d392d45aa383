package pcs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

// recorder writes what is seen of components' power to pcs_status, changes
// only and many at a time, and tells HSM of them.
type recorder struct {
	table *store.Table[PowerStatus]
	state State // may be nil
	now   func() time.Time

	mu      sync.Mutex
	pending map[string]observation
	seen    map[string]time.Time // when the newest look began
	wake    chan struct{}

	news     map[string]powerNews  // not told to HSM yet
	knows    map[string]PowerState // what HSM was told, or will be, since the start
	newsWake chan struct{}
	telling  chan struct{} // holds one element while HSM is being told
}

const (
	// gather is how long an observation waits for others.
	gather     = 10 * time.Millisecond
	retryPause = time.Second
)

func newRecorder(table *store.Table[PowerStatus], state State, now func() time.Time) *recorder {
	return &recorder{table: table, state: state, now: now,
		pending: map[string]observation{}, seen: map[string]time.Time{}, wake: make(chan struct{}, 1),
		news: map[string]powerNews{}, knows: map[string]PowerState{}, newsWake: make(chan struct{}, 1),
		telling: make(chan struct{}, 1)}
}

// saw takes an observation; one that is older than the newest is dropped.
func (r *recorder) saw(o observation) {
	r.mu.Lock()
	fresh := !o.at.Before(r.seen[o.component.Xname])
	if fresh {
		r.seen[o.component.Xname] = o.at
		r.pending[o.component.Xname] = o
	}
	r.mu.Unlock()
	if fresh {
		nudge(r.wake)
	}
}

// claim tells the caller to look at the component now, unless somebody has
// done so, or begun to, after since.
func (r *recorder) claim(xname string, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[xname].After(since) {
		return false
	}
	r.seen[xname] = r.now()
	return true
}

// forget removes components that are no more.
func (r *recorder) forget(ctx context.Context, xnames []string) error {
	r.mu.Lock()
	for _, x := range xnames {
		delete(r.pending, x)
		delete(r.seen, x)
		delete(r.knows, x)
	}
	r.mu.Unlock()
	_, err := r.table.Delete(ctx, xnames...)
	return err
}

// run writes until ctx is done, then writes the rest.
func (r *recorder) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			r.flush(context.WithoutCancel(ctx))
			return
		case <-r.wake:
		}
		pause(ctx, gather)
		if !r.flush(ctx) {
			pause(ctx, retryPause)
		}
	}
}

func (r *recorder) flush(ctx context.Context) bool {
	r.mu.Lock()
	batch := r.pending
	r.pending = map[string]observation{}
	r.mu.Unlock()
	if len(batch) == 0 {
		return true
	}
	if err := r.write(ctx, batch); err != nil {
		if ctx.Err() == nil {
			slog.Error("power states not written; will be repeated", "count", len(batch), "error", err)
		}
		r.putBack(batch)
		return false
	}
	return true
}

func (r *recorder) putBack(batch map[string]observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for x, o := range batch {
		if _, newer := r.pending[x]; !newer {
			r.pending[x] = o
		}
	}
	nudge(r.wake)
}

// write stores what differs from what is known. That it is compared before the
// transaction keeps a round of polls that finds nothing new off the writer.
func (r *recorder) write(ctx context.Context, batch map[string]observation) error {
	keys := make([]string, 0, len(batch))
	for x := range batch {
		keys = append(keys, x)
	}
	old, err := r.table.List(ctx, store.Query{Keys: keys})
	if err != nil {
		return err
	}
	changed := make(map[string]PowerStatus, len(batch))
	for x, o := range batch {
		changed[x] = o.status()
	}
	for i := range old {
		if now := changed[old[i].Xname]; now.same(&old[i]) {
			delete(changed, old[i].Xname)
		}
	}
	stamp := r.now().UTC().Format(time.RFC3339Nano)
	rows := make([]PowerStatus, 0, len(changed))
	for _, row := range changed {
		row.LastUpdated = stamp
		rows = append(rows, row)
	}
	fresh := r.newsIn(batch)
	offTold := r.tellOff(ctx, fresh)
	if len(rows) > 0 {
		if err := r.table.Put(ctx, rows...); err != nil {
			return err
		}
	}
	r.spread(fresh, offTold)
	return nil
}

func nudge(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
