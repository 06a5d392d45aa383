package operators

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// cleanupPeriod is the time between two looks at what grows old: ages are
	// minutes at least.
	cleanupPeriod = time.Minute
	// stateCleanupPeriod is the same for actual states, whose ages are hours.
	stateCleanupPeriod = 5 * time.Minute
	// tokenAge is how long a token that no component has is kept: its node may
	// be booting.
	tokenAge = 24 * time.Hour
)

func never(bos.Options) time.Duration { return 0 }

func every(d time.Duration) func(bos.Options) time.Duration {
	return func(bos.Options) time.Duration { return d }
}

func (o *Operators) cleanupLoops() {
	o.loop("session cleanup", every(cleanupPeriod), o.runSessionCleanup)
	o.loop("actual state cleanup", every(stateCleanupPeriod), o.runStateCleanup)
}

// The session-cleanup operator deletes complete sessions that ended long ago.
func (o *Operators) runSessionCleanup(ctx context.Context, options bos.Options, _ events.Wake) error {
	ttl := options.CompletedSessionTTL()
	if ttl == 0 {
		return nil
	}
	old, err := o.Service.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionComplete})
	if err != nil {
		return err
	}
	before := o.Now().Add(-ttl)
	for _, s := range old {
		if s.Status.EndTime.After(before) {
			continue
		}
		if err := o.Service.DeleteSession(ctx, s.Name, s.Tenant); err != nil {
			return err
		}
	}
	return nil
}

// The actual-state-cleanup operator empties actual states that nobody has
// confirmed for long: what such a node runs is not known. It also forgets the
// tokens that no node has any more.
func (o *Operators) runStateCleanup(ctx context.Context, options bos.Options, _ events.Wake) error {
	all, err := o.Service.Components(ctx, store.Query{})
	if err != nil {
		return err
	}
	now := o.Now()
	oldest := now.Add(-options.ActualStateTTL())
	var expired []string
	used := map[string]bool{}
	for i := range all {
		c := &all[i]
		used[c.ActualState.BSSToken], used[c.DesiredState.BSSToken] = true, true
		if c.ActualState.Expired(oldest) {
			expired = append(expired, c.ID)
		}
	}
	_, _, err = o.Service.Change(ctx, expired, func(c *bos.Component) error {
		if !c.ActualState.Expired(oldest) {
			return store.ErrUnchanged
		}
		c.ForgetActual(now)
		return nil
	})
	if err != nil {
		return err
	}
	return o.Service.PruneTokens(ctx, used, now.Add(-tokenAge))
}
