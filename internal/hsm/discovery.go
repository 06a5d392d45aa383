package hsm

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// discovery walks the endpoints that are in status DiscoveryStarted: that
// status is the queue, and it survives a restart. A feeder reads it, a bounded
// number of walkers do the slow part, and one recorder writes what they found,
// many endpoints in one transaction.
//
//	wake ─► feeder ─► pending ─► walkers ─► results ─► recorder
//	                     ▲          │
//	                     └── pause ─┘ no answer
type discovery struct {
	service *Service
	walker  Walker
	// pauses are the waits before further tries at a BMC that does not answer.
	pauses []time.Duration

	wanted  chan struct{}
	results chan result
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	arrived *sync.Cond
	pending []*walk
	active  map[string]*walk // those between feeder and recorder, by endpoint
	closed  bool
}

// walk is one discovery of one endpoint.
type walk struct {
	endpoint endpoint
	login    redfish.Login
	tries    int
	// again tells that another discovery was asked for meanwhile.
	again bool
}

type result struct {
	walk      *walk
	inventory redfish.Inventory
	err       error
}

const (
	walkers = 256
	// recordAt and recordAfter bound how many results, and how long, wait to
	// be written together.
	recordAt    = 500
	recordAfter = 20 * time.Millisecond
	// longestPause is the longest that a BMC's Retry-After is obeyed.
	longestPause = 2 * time.Minute
	// retryFeed is the wait after the database failed.
	retryFeed = time.Second
)

func newDiscovery(s *Service, w Walker) *discovery {
	d := &discovery{service: s, walker: w, pauses: []time.Duration{time.Second, 11 * time.Second},
		wanted: make(chan struct{}, 1), results: make(chan result, recordAt), active: map[string]*walk{}}
	d.arrived = sync.NewCond(&d.mu)
	return d
}

func (d *discovery) start(ctx context.Context) {
	ctx, d.cancel = context.WithCancel(ctx)
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		d.arrived.Broadcast()
	})
	d.running.Go(func() { d.feed(ctx) })
	d.running.Go(func() { d.record(ctx) })
	for range walkers {
		d.running.Go(func() { d.walkAll(ctx) })
	}
	d.wake()
}

func (d *discovery) stop() {
	if d.cancel != nil {
		d.cancel()
		d.running.Wait()
	}
}

// wake has the feeder look for endpoints that want to be discovered.
func (d *discovery) wake() {
	select {
	case d.wanted <- struct{}{}:
	default:
	}
}

func (d *discovery) feed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wanted:
		}
		if err := d.feedOnce(ctx); err != nil && ctx.Err() == nil {
			slog.Error("endpoints to discover not read; will be repeated", "error", err)
			time.AfterFunc(retryFeed, d.wake)
		}
	}
}

func (d *discovery) feedOnce(ctx context.Context) error {
	s := d.service
	rows, err := s.endpoints.List(ctx, store.Query{Where: []store.Match{store.Is("status", DiscoveryStarted)}})
	if err != nil {
		return err
	}
	var fresh []*walk
	var ids []string
	d.mu.Lock()
	for i := range rows {
		if w := d.active[rows[i].ID]; w == nil {
			fresh, ids = append(fresh, &walk{endpoint: rows[i]}), append(ids, rows[i].ID)
		} else if w.endpoint.Walk != rows[i].Walk {
			w.again = true
		}
	}
	d.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	logins, err := s.credentials.List(ctx, store.Query{Keys: ids})
	if err != nil {
		return err
	}
	byID := make(map[string]redfish.Login, len(logins))
	for i := range logins {
		byID[logins[i].Xname] = logins[i].login()
	}
	d.mu.Lock()
	for _, w := range fresh {
		w.login = byID[w.endpoint.ID]
		d.active[w.endpoint.ID] = w
		d.pending = append(d.pending, w)
	}
	d.mu.Unlock()
	d.arrived.Broadcast()
	return nil
}

// next waits for a walk to make; nil at the end.
func (d *discovery) next() *walk {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.pending) == 0 && !d.closed {
		d.arrived.Wait()
	}
	if d.closed {
		return nil
	}
	w := d.pending[0]
	d.pending = d.pending[1:]
	return w
}

func (d *discovery) walkAll(ctx context.Context) {
	for w := d.next(); w != nil; w = d.next() {
		inventory, err := d.walker.Walk(ctx, w.endpoint.FQDN, w.login)
		if ctx.Err() != nil {
			return // the endpoint stays in DiscoveryStarted
		}
		if err != nil && w.tries < len(d.pauses) && worthRetrying(err) {
			pause := max(d.pauses[w.tries], min(wanted(err), longestPause))
			w.tries++
			time.AfterFunc(pause, func() { d.putBack(w) })
			continue
		}
		select {
		case d.results <- result{w, inventory, err}:
		case <-ctx.Done():
			return
		}
	}
}

// putBack queues a walk again after its pause.
func (d *discovery) putBack(w *walk) {
	d.mu.Lock()
	d.pending = append(d.pending, w)
	d.mu.Unlock()
	d.arrived.Signal()
}

// worthRetrying tells a BMC that is away or busy from one that refuses.
func worthRetrying(err error) bool {
	var refused *redfish.Error
	return !errors.As(err, &refused) || refused.Status >= 500 || refused.Status == 429
}

// wanted is how long a BMC wants to be left alone.
func wanted(err error) time.Duration {
	var refused *redfish.Error
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}

// record writes results in batches.
func (d *discovery) record(ctx context.Context) {
	for {
		var batch []result
		select {
		case <-ctx.Done():
			return
		case r := <-d.results:
			batch = d.gather(r)
		}
		if err := d.service.record(ctx, batch); err != nil && ctx.Err() == nil {
			slog.Error("discovered endpoints not recorded; they will be walked again", "count", len(batch), "error", err)
			time.AfterFunc(retryFeed, d.wake)
		}
		d.mu.Lock()
		for _, r := range batch {
			delete(d.active, r.walk.endpoint.ID)
			if r.walk.again {
				d.wake()
			}
		}
		d.mu.Unlock()
	}
}

// gather waits a moment for more results.
func (d *discovery) gather(first result) []result {
	batch := []result{first}
	timeout := time.NewTimer(recordAfter)
	defer timeout.Stop()
	for len(batch) < recordAt {
		select {
		case r := <-d.results:
			batch = append(batch, r)
		case <-timeout.C:
			return batch
		}
	}
	return batch
}
