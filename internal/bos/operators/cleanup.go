package operators

import (
	"context"
	"errors"
	"fmt"
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

// sessionCleanup is the operator that deletes complete sessions that ended long
// ago.
type sessionCleanup struct {
	sessions sessions
	now      clock
}

func (o *sessionCleanup) spec() Spec {
	return Spec{Name: "session-cleanup", Outputs: []string{"sessions: old ones deleted"}, Resync: every(cleanupPeriod)}
}

func (o *sessionCleanup) run(ctx context.Context, options bos.Options, _ events.Wake) error {
	ttl := options.CompletedSessionTTL()
	if ttl == 0 {
		return nil
	}
	old, err := o.sessions.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionComplete})
	if err != nil {
		return err
	}
	before := o.now().Add(-ttl)
	var kept []error
	for _, s := range old {
		if s.Status.EndTime.After(before) {
			continue
		}
		if err := o.sessions.DeleteSession(ctx, s.Name, s.Tenant); err != nil {
			kept = append(kept, fmt.Errorf("delete session %s: %w", s.Name, err))
		}
	}
	return errors.Join(kept...)
}

// stateCleanup is the operator that empties actual states that nobody has
// confirmed for long: what such a node runs is not known. It also forgets the
// tokens that no node has any more.
type stateCleanup struct {
	components interface {
		components
		PruneTokens(ctx context.Context, used map[string]bool, before time.Time) error
	}
	now clock
}

func (o *stateCleanup) spec() Spec {
	return Spec{Name: "actual-state-cleanup", Outputs: []string{"components: actual state, emptied when old"}, Resync: every(stateCleanupPeriod)}
}

// cleanupPage is how many components are looked at at a time.
const cleanupPage = 2000

func (o *stateCleanup) run(ctx context.Context, options bos.Options, _ events.Wake) error {
	now := o.now()
	oldest := now.Add(-options.ActualStateTTL())
	used := map[string]bool{}
	for after, more := "", true; more; {
		page, err := o.components.Components(ctx, store.Query{After: after, Limit: cleanupPage})
		if err != nil {
			return err
		}
		if more = len(page) == cleanupPage; more {
			after = page[len(page)-1].ID
		}
		if err := o.clean(ctx, page, used, oldest, now); err != nil {
			return err
		}
	}
	return o.components.PruneTokens(ctx, used, now.Add(-tokenAge))
}

// clean empties the old ones of the states, and adds the tokens in use to used.
func (o *stateCleanup) clean(ctx context.Context, page []bos.Component, used map[string]bool, oldest, now time.Time) error {
	var expired []string
	for i := range page {
		c := &page[i]
		used[c.ActualState.BSSToken], used[c.DesiredState.BSSToken] = true, true
		if c.ActualState.Expired(oldest) {
			expired = append(expired, c.ID)
		}
	}
	_, _, err := o.components.Change(ctx, expired, func(c *bos.Component) error {
		if !c.ActualState.Expired(oldest) {
			return store.ErrUnchanged
		}
		c.ForgetActual(now)
		return nil
	})
	return err
}
