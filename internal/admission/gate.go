package admission

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits are those of a Gate.
type Limits struct {
	// Running is how many are answered at the same time.
	Running int
	// Waiting is how many wait for their turn beside those.
	Waiting int
	// Patience is how long one of them waits at most.
	Patience time.Duration
}

// Gate lets requests through in the order in which they came.
type Gate struct {
	limits  Limits
	turns   *semaphore.Weighted
	waiting atomic.Int64
	returns *Returns
	sent    atomic.Int64 // away
}

// NewGate returns a gate through which nobody has come yet.
func NewGate(l Limits, now func() time.Time) *Gate {
	return &Gate{limits: l, turns: semaphore.NewWeighted(int64(l.Running)), returns: NewReturns(now)}
}

// Enter returns when it is the caller's turn, who then calls Leave; or it sends
// the caller away, who may come back after the duration.
func (g *Gate) Enter(ctx context.Context) (admitted bool, back time.Duration) {
	if g.turns.TryAcquire(1) {
		return true, 0
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(g.limits.Waiting) {
		g.sent.Add(1)
		return false, g.returns.Next()
	}
	ctx, cancel := context.WithTimeout(ctx, g.limits.Patience)
	defer cancel()
	if g.turns.Acquire(ctx, 1) != nil {
		g.sent.Add(1)
		return false, g.returns.Next()
	}
	return true, 0
}

// SentAway is how many were, Waiting how many wait now.
func (g *Gate) SentAway() int64 { return g.sent.Load() }
func (g *Gate) Waiting() int64  { return g.waiting.Load() }

// Leave ends what Enter admitted.
func (g *Gate) Leave() {
	g.returns.Answered()
	g.turns.Release(1)
}
