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
	// reloadEvery repairs what the hints did not tell of the inventory. They come
	// from this process, and are lost by a mistake only: it costs a reading of all
	// endpoints.
	reloadEvery = time.Hour
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
	components := make([]*Component, 0, len(found))
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

// poll looks at those of the components that nobody has looked at since. What
// a BMC says of a component tells of the BMC, too: those are asked only where
// there is nothing else to ask for.
func (s *Service) poll(ctx context.Context, components []*Component, since time.Time) error {
	bmcs := map[string]*Component{}
	for _, c := range components {
		if isBMC(c.Type) {
			bmcs[c.Xname] = c
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pollsAtOnce)
	told := map[string]bool{}
	for _, c := range components {
		if !hasPower(c.Type) || isBMC(c.Type) {
			continue
		}
		told[c.BMC] = true
		if s.due(c.Xname, since) {
			group.Go(func() error { return s.pollOne(ctx, c, bmcs[c.BMC]) })
		}
	}
	for x, c := range bmcs {
		if !told[x] && s.due(x, since) {
			group.Go(func() error { return s.pollOne(ctx, c, nil) })
		}
	}
	return group.Wait()
}

func (s *Service) due(xname string, since time.Time) bool {
	return !s.reserved.held(xname) && s.recorder.claim(xname, since)
}

// pollOne looks at the component and, if bmc is not nil, tells of it too. A
// component that a transition has taken meanwhile is left to it: who is told by
// a poll that it is off would find it reserved still.
func (s *Service) pollOne(ctx context.Context, c, bmc *Component) error {
	o := s.look(ctx, c)
	if ctx.Err() != nil { // nothing was seen
		return ctx.Err()
	}
	if !s.reserved.held(c.Xname) {
		s.recorder.saw(o)
	}
	if bmc != nil && !s.reserved.held(bmc.Xname) {
		o.component = bmc
		if o.management == Available {
			o.power = PowerOn
		}
		s.recorder.saw(o)
	}
	return nil
}
