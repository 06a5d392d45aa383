package pcs

import (
	"context"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/store"
)

// recorder writes what is seen of components' power to pcs_status, changes
// only and many at a time, and tells HSM of them.
type recorder struct {
	table *store.Table[PowerStatus]
	state State // may be nil
	now   func() time.Time

	unwritten batch.Writer[string, observation]

	mu      sync.Mutex
	watched map[string]*watched // by xname

	news     map[string]powerNews  // not told to HSM yet
	knows    map[string]PowerState // what HSM was told, or will be, since the start
	newsWake chan struct{}
	telling  chan struct{} // holds one element while HSM is being told
}

// watched is what is remembered of a component.
type watched struct {
	began   time.Time    // the newest look did
	handed  int          // observations to the writer
	waiting bool         // the last of these is not written
	plain   bool         // the newest look told whether it is on or off
	row     *observation // what the table has; nil: not known
	// off is when a transition saw the component off as it wanted; zero when
	// something was sent or seen since.
	off time.Time
}

const (
	// offFor is for how long a component is believed to be off that a transition
	// turned off, unless it is seen otherwise: those of a hundred thousand that go
	// off first wait so long for their turn to come on.
	offFor = 2 * time.Minute
	// gather is how long an observation waits for others.
	gather = 10 * time.Millisecond
	// retryPause is the wait before what failed is tried again.
	retryPause = time.Second
)

func newRecorder(table *store.Table[PowerStatus], state State, now func() time.Time) *recorder {
	r := &recorder{table: table, state: state, now: now, watched: map[string]*watched{},
		news: map[string]powerNews{}, knows: map[string]PowerState{}, newsWake: make(chan struct{}, 1),
		telling: make(chan struct{}, 1)}
	r.unwritten.What, r.unwritten.Every, r.unwritten.Write = "power states", gather, r.write
	return r
}

// watch is what is remembered of the component. The caller holds mu.
func (r *recorder) watch(xname string) *watched {
	w := r.watched[xname]
	if w == nil {
		w = &watched{}
		r.watched[xname] = w
	}
	return w
}

// saw takes an observation; one that is older than the newest is dropped, and
// so is one that says what is written already, and told to HSM. changed: the component
// went on or off since the look before.
func (r *recorder) saw(o observation) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := o.component.Xname
	w := r.watch(x)
	if o.at.Before(w.began) {
		return false
	}
	changed = o.plain && w.row != nil && w.row.plain && w.row.power != o.power
	w.plain = o.plain
	w.began = o.at
	switch {
	case o.turnedOff:
		w.off = o.at
	case !o.isOff:
		w.off = time.Time{}
	}
	if !w.waiting && w.row != nil && w.row.same(&o) && !r.isNews(&o) {
		return changed
	}
	w.handed++
	o.of, o.number, w.waiting = w, w.handed, true
	r.unwritten.Put(x, o)
	return changed
}

// isOff tells whether a transition turned the component off a moment ago, and
// nobody saw it otherwise or sent it anything since. It is told once.
func (r *recorder) isOff(xname string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watch(xname)
	is := !w.off.IsZero() && r.now().Sub(w.off) < offFor
	w.off = time.Time{}
	return is
}

// answers tells whether the newest look told whether the component is on or off.
func (r *recorder) answers(xname string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watched[xname]
	return w != nil && w.plain
}

// claim tells the caller to look at the component now, unless somebody has
// done so, or begun to, after since; after soon, if that look did not tell whether
// the component is on or off.
func (r *recorder) claim(xname string, since, soon time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watch(xname)
	if !w.plain && soon.After(since) {
		since = soon
	}
	if w.began.After(since) {
		return false
	}
	w.began = r.now()
	return true
}

// forget removes components that are no more.
func (r *recorder) forget(ctx context.Context, xnames []string) error {
	r.unwritten.Forget(xnames...)
	r.lose(xnames)
	_, err := r.table.Delete(ctx, xnames...)
	r.lose(xnames) // a look that went on may have found the row still there
	return err
}

// lose forgets what is remembered of the components.
func (r *recorder) lose(xnames []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range xnames {
		delete(r.watched, x)
		delete(r.knows, x)
	}
}

// run writes until ctx is done, then writes the rest.
func (r *recorder) run(ctx context.Context) { r.unwritten.Run(ctx) }

// write stores what differs from what is known. That it is compared before the
// transaction keeps a round of polls that finds nothing new off the writer.
func (r *recorder) write(ctx context.Context, seen []observation) error {
	changed, err := r.changes(ctx, seen)
	if err != nil {
		return err
	}
	stamp := r.now().UTC().Format(time.RFC3339Nano)
	rows := make([]PowerStatus, 0, len(changed))
	for _, row := range changed {
		row.LastUpdated = stamp
		rows = append(rows, row)
	}
	fresh := r.newsIn(seen)
	offTold := r.tellOff(ctx, fresh)
	if len(rows) > 0 {
		if err := r.table.Put(ctx, rows...); err != nil {
			return err
		}
	}
	r.spread(fresh, offTold)
	r.isWritten(seen)
	return nil
}

// changes are the statuses that differ from what the table has, which is read
// only of components of which it is not remembered. It is not any more until
// isWritten.
func (r *recorder) changes(ctx context.Context, seen []observation) (map[string]PowerStatus, error) {
	changed := make(map[string]PowerStatus, len(seen))
	var unknown []string
	r.mu.Lock()
	for i := range seen {
		x, w := seen[i].component.Xname, seen[i].of
		if w.row == nil {
			unknown = append(unknown, x)
		}
		if w.row == nil || !w.row.same(&seen[i]) {
			changed[x] = seen[i].status()
		}
		w.row = nil
	}
	r.mu.Unlock()
	if len(unknown) == 0 {
		return changed, nil
	}
	old, err := r.table.List(ctx, store.Query{Keys: unknown})
	if err != nil {
		return nil, err
	}
	for i := range old {
		if now := changed[old[i].Xname]; now.same(&old[i]) {
			delete(changed, old[i].Xname)
		}
	}
	return changed, nil
}

// isWritten remembers what is written.
func (r *recorder) isWritten(seen []observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range seen {
		o := seen[i]
		o.of.row = &o
		o.of.waiting = o.of.handed != o.number
	}
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
