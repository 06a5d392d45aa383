package admission

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// soonest and latest bound when somebody is to come back.
	soonest = time.Second
	latest  = 2 * time.Minute
	// window is the time over which it is counted how fast others are answered.
	window = time.Second
	// expected is how many are answered in a second, as long as nobody has counted,
	// and slowest how many at least.
	expected = 1000
	slowest  = 50
)

// Returns tells those who are sent away when to come back: one after another, at
// the pace at which others are answered, so that they do not come back as the
// crowd that they were.
type Returns struct {
	now      func() time.Time
	answered atomic.Int64

	mu    sync.Mutex
	last  time.Time // when somebody was sent away last
	since time.Time // begin of the count
	pace  float64   // answers a second
	next  time.Time // when the one sent away last comes back
}

// NewReturns returns one that has sent nobody away.
func NewReturns(now func() time.Time) *Returns { return &Returns{now: now} }

// Answered counts one who was not sent away.
func (r *Returns) Answered() { r.answered.Add(1) }

// Next is in how much time the next one is to come back, in whole seconds, from
// one second to two minutes.
func (r *Returns) Next() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.count(now)
	if first := now.Add(soonest); r.next.Before(first) {
		r.next = first
	}
	r.next = r.next.Add(time.Duration(float64(time.Second) / r.pace))
	if last := now.Add(latest); r.next.After(last) {
		r.next = last
	}
	return r.next.Sub(now).Truncate(time.Second)
}

// count learns the pace. A count from before a calm is of no use: then nothing
// came that could have been answered. The caller holds mu.
func (r *Returns) count(now time.Time) {
	calm := now.Sub(r.last) > 2*window
	r.last = now
	over := now.Sub(r.since)
	switch {
	case calm:
		r.pace = expected
	case over >= window:
		r.pace = max(slowest, float64(r.answered.Load())/over.Seconds())
	default:
		return
	}
	r.answered.Store(0)
	r.since = now
}
