package pcs

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// pollsAtOnce leaves most of the driver's connections to transitions.
	pollsAtOnce = 128
	// reloadEvery repairs what the hints did not tell of the inventory.
	reloadEvery = 5 * time.Minute
	pruneEvery  = 10 * time.Minute
)

// follow keeps the catalog and looks at new components at once.
func (s *Service) follow(ctx context.Context, w events.Wake) error {
	if w.All {
		if err := s.catalog.reload(ctx); err != nil {
			return err
		}
		if err := s.forgetGone(ctx); err != nil {
			return err
		}
		return s.poll(ctx, s.catalog.all(), s.now().Add(-s.pollEvery))
	}
	if err := s.catalog.refresh(ctx, w.Keys); err != nil {
		return err
	}
	found, gone := s.catalog.known(w.Keys)
	if err := s.recorder.forget(ctx, gone); err != nil {
		return err
	}
	components := make([]Component, 0, len(found))
	for _, c := range found {
		components = append(components, c)
	}
	return s.poll(ctx, components, s.now())
}

// forgetGone removes the power states of components that HSM knows no more.
func (s *Service) forgetGone(ctx context.Context) error {
	rows, err := s.statuses.List(ctx, store.Query{})
	if err != nil {
		return err
	}
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Xname
	}
	_, gone := s.catalog.known(names)
	return s.recorder.forget(ctx, gone)
}

// patrol looks at every component that nobody looked at lately.
func (s *Service) patrol(ctx context.Context, _ events.Wake) error {
	return s.poll(ctx, s.catalog.all(), s.now().Add(-s.pollEvery/2))
}

// poll looks at those of the components that nobody has looked at since.
func (s *Service) poll(ctx context.Context, components []Component, since time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pollsAtOnce)
	for i := range components {
		c := &components[i]
		if !hasPower(c.Type) || s.recorder.seenSince(c.Xname, since) {
			continue
		}
		group.Go(func() error {
			o := s.look(ctx, c)
			if ctx.Err() == nil { // else nothing was seen
				s.recorder.saw(o)
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// prune removes transitions whose time is over.
func (s *Service) prune(ctx context.Context, _ events.Wake) error {
	done, err := s.transitions.List(ctx, store.Query{Where: []store.Match{
		{Column: "status", In: []string{string(TransitionCompleted), string(TransitionAborted)}}}})
	if err != nil {
		return err
	}
	var expired []string
	for i := range done {
		if done[i].AutomaticExpirationTime.Before(s.now()) {
			expired = append(expired, done[i].TransitionID)
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.transitions.Delete(ctx, expired...); err != nil {
			return err
		}
		_, err := s.tasks.Delete(ctx, expired...)
		return err
	})
}
