package batch

import (
	"context"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Pool hands items over in batches. Set the fields before the first Hand.
type Pool[T any] struct {
	// Parallel bounds the batches under way, Max the items of one.
	Parallel int
	Max      func() int
	// Do deals with a batch; the slice is its own.
	Do func(ctx context.Context, items []T)
	// Go starts a batch in a goroutine of its own; nil is the go statement.
	Go func(func())

	mu      sync.Mutex
	waiting []T
	running int
	did     tally.Work
}

// Worked is what was done so far, and what waits.
func (p *Pool[T]) Worked() tally.Worked {
	sum := p.did.Read()
	p.mu.Lock()
	defer p.mu.Unlock()
	sum.Waiting = len(p.waiting)
	return sum
}

// Failed counts items that Do could not deal with.
func (p *Pool[T]) Failed(n int) { p.did.Failed(n) }

// Hand has the items dealt with, under the context of whichever Hand began the
// batch. It does not wait.
func (p *Pool[T]) Hand(ctx context.Context, items ...T) {
	p.mu.Lock()
	p.waiting = append(p.waiting, items...)
	most := max(1, p.Max())
	begin := min(p.Parallel-p.running, (len(p.waiting)+most-1)/most)
	p.running += begin
	p.mu.Unlock()
	for range begin {
		if p.Go != nil {
			p.Go(func() { p.work(ctx) })
		} else {
			go p.work(ctx)
		}
	}
}

func (p *Pool[T]) work(ctx context.Context) {
	for items := p.take(); len(items) > 0; items = p.take() {
		began := time.Now()
		p.Do(ctx, items)
		p.did.Done(len(items), time.Since(began))
	}
}

// take returns the next batch; the worker that finds none is gone.
func (p *Pool[T]) take() []T {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.waiting), max(1, p.Max()))
	items := p.waiting[:n:n]
	p.waiting = p.waiting[n:]
	if n == 0 {
		p.running--
		p.waiting = nil // a long queue is not kept
	}
	return items
}
