package bos

import (
	"context"

	"github.com/drover-hpc/drover/internal/store"
)

// single is one caller's patch of a single component, and its outcome. Those
// that come at the same time share a transaction: when ten thousand nodes report
// at once, each alone would wait for all before it, and so would the operators.
type single struct {
	patch  ComponentPatch
	tenant string
	after  Component
	err    error
	done   chan struct{}
}

// maxGathered bounds the patches in one transaction.
const maxGathered = 1000

func (s *Service) gatherSingles() {
	s.singles.Parallel, s.singles.Max = 1, func() int { return maxGathered }
	s.singles.Do = func(ctx context.Context, all []*single) {
		err := s.applyAll(ctx, all)
		for _, one := range all {
			if err != nil {
				one.err = err
			}
			close(one.done)
		}
	}
}

// patchOne waits until the patch is applied together with others, or refused
// alone.
func (s *Service) patchOne(ctx context.Context, p ComponentPatch, tenant string) (Component, error) {
	one := &single{patch: p, tenant: tenant, done: make(chan struct{})}
	s.singles.Hand(context.WithoutCancel(ctx), one)
	select {
	case <-one.done:
		return one.after, one.err
	case <-ctx.Done():
		return Component{}, ctx.Err()
	}
}

// FollowReports has what follows from nodes' reports written together with
// them. look is asked before the transaction; what it returns is pure: it
// alters a component that has just reported. nil: nothing follows.
func (s *Service) FollowReports(look func(ids []string) func(*Component)) { s.look.Store(&look) }

func (s *Service) follower(patches []ComponentPatch) func(*Component) {
	look := s.look.Load()
	var ids []string
	for i := range patches {
		if patches[i].ActualState != nil {
			ids = append(ids, patches[i].ID)
		}
	}
	if look == nil || *look == nil || len(ids) == 0 {
		return func(*Component) {}
	}
	return (*look)(ids)
}

func (s *Service) applyAll(ctx context.Context, all []*single) error {
	patches := make([]ComponentPatch, len(all))
	byID := map[string][]*single{}
	for i, one := range all {
		patches[i] = one.patch
		byID[one.patch.ID] = append(byID[one.patch.ID], one)
	}
	booted, err := s.bootedBy(ctx, patches)
	if err != nil {
		return err
	}
	now := s.Now()
	follow := s.follower(patches)
	after, missing, err := s.ChangeBySteps(ctx, patchIDs(patches), func(c *Component, step func()) error {
		changed, reported := false, false
		for _, one := range byID[c.ID] {
			one.err = s.merge(c, &one.patch, booted, one.tenant, now)
			changed = changed || one.err == nil
			reported = reported || one.err == nil && one.patch.ActualState != nil
		}
		if !changed {
			return store.ErrUnchanged
		}
		if reported {
			step()
			follow(c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range after {
		for _, one := range byID[after[i].ID] {
			one.after = after[i]
		}
	}
	for _, id := range missing {
		for _, one := range byID[id] {
			one.err = notFound("Component", "", id)
		}
	}
	return nil
}
