package bos

import (
	"context"
	"sync"

	"github.com/drover-hpc/drover/internal/store"
)

// gatherer puts patches of single components that come at the same time into
// one transaction: when ten thousand nodes report at once, each alone would
// wait for all before it, and so would the operators.
type gatherer struct {
	mu      sync.Mutex
	waiting []*single
	busy    bool
}

// single is one caller's patch and its outcome.
type single struct {
	patch  ComponentPatch
	tenant string
	after  Component
	err    error
	done   chan struct{}
}

// maxGathered bounds the patches in one transaction.
const maxGathered = 1000

// patchOne waits until the patch is applied together with others, or refused
// alone.
func (s *Service) patchOne(ctx context.Context, p ComponentPatch, tenant string) (Component, error) {
	one := &single{patch: p, tenant: tenant, done: make(chan struct{})}
	s.gather.mu.Lock()
	s.gather.waiting = append(s.gather.waiting, one)
	lead := !s.gather.busy
	s.gather.busy = true
	s.gather.mu.Unlock()
	if lead {
		go s.applyGathered(context.WithoutCancel(ctx))
	}
	select {
	case <-one.done:
		return one.after, one.err
	case <-ctx.Done():
		return Component{}, ctx.Err()
	}
}

// applyGathered works until nothing waits.
func (s *Service) applyGathered(ctx context.Context) {
	for {
		s.gather.mu.Lock()
		n := min(len(s.gather.waiting), maxGathered)
		batch := s.gather.waiting[:n:n]
		s.gather.waiting = s.gather.waiting[n:]
		s.gather.busy = n > 0
		s.gather.mu.Unlock()
		if n == 0 {
			return
		}
		err := s.applyAll(ctx, batch)
		for _, one := range batch {
			if err != nil {
				one.err = err
			}
			close(one.done)
		}
	}
}

func (s *Service) applyAll(ctx context.Context, batch []*single) error {
	patches := make([]ComponentPatch, len(batch))
	byID := map[string][]*single{}
	for i, one := range batch {
		patches[i] = one.patch
		byID[one.patch.ID] = append(byID[one.patch.ID], one)
	}
	booted, err := s.bootedBy(ctx, patches)
	if err != nil {
		return err
	}
	now := s.Now()
	after, missing, err := s.Change(ctx, patchIDs(patches), func(c *Component) error {
		changed := false
		for _, one := range byID[c.ID] {
			one.err = s.merge(c, &one.patch, booted, one.tenant, now)
			changed = changed || one.err == nil
		}
		if !changed {
			return store.ErrUnchanged
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
