package sim

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// clock runs functions now or later, on a fixed number of goroutines. That a
// function's time has passed by is for the function to find out: it asks its
// node whether it is still the same life.
type clock struct {
	mu     sync.Mutex
	later  alarmHeap
	ready  []func()
	work   *sync.Cond
	nudge  chan struct{}
	closed bool
	done   sync.WaitGroup

	workers int
}

func newClock(workers int) *clock {
	c := &clock{nudge: make(chan struct{}, 1), workers: workers}
	c.work = sync.NewCond(&c.mu)
	return c
}

// start begins to run what was and will be handed over, until ctx is done.
func (c *clock) start(ctx context.Context) {
	c.done.Add(c.workers + 1)
	for range c.workers {
		go c.worker()
	}
	go c.tick(ctx)
}

// wait returns when everything has stopped.
func (c *clock) wait() { c.done.Wait() }

// after runs do once d has passed; at once, in its turn, if d is not positive.
func (c *clock) after(d time.Duration, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d <= 0 {
		c.ready = append(c.ready, do)
		c.work.Signal()
		return
	}
	heap.Push(&c.later, alarm{time.Now().Add(d), do})
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

func (c *clock) worker() {
	defer c.done.Done()
	for {
		c.mu.Lock()
		for len(c.ready) == 0 && !c.closed {
			c.work.Wait()
		}
		if c.closed {
			c.mu.Unlock()
			return
		}
		do := c.ready[0]
		c.ready[0] = nil
		c.ready = c.ready[1:]
		c.mu.Unlock()
		do()
	}
}

func (c *clock) tick(ctx context.Context) {
	defer c.done.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.release(time.Now()))
		select {
		case <-ctx.Done():
			c.mu.Lock()
			c.closed = true
			c.work.Broadcast()
			c.mu.Unlock()
			return
		case <-timer.C:
		case <-c.nudge:
		}
	}
}

// release makes ready what is due and returns the time until the next one.
func (c *clock) release(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.later) > 0 && !c.later[0].at.After(now) {
		c.ready = append(c.ready, heap.Pop(&c.later).(alarm).do)
		c.work.Signal()
	}
	if len(c.later) == 0 {
		return time.Hour
	}
	return c.later[0].at.Sub(now)
}

type alarm struct {
	at time.Time
	do func()
}

type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*h = old[:len(old)-1]
	return last
}
