package pcs

import (
	"context"
	"sync/atomic"
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
	bmcs := make(map[string]*Component, len(components)/2)
	for _, c := range components {
		if isBMC(c.Type) {
			bmcs[c.Xname] = c
		}
	}
	told := make(map[string]bool, len(bmcs))
	var targets []target
	for _, c := range components {
		if !hasPower(c.Type) || isBMC(c.Type) {
			continue
		}
		told[c.BMC] = true
		targets = append(targets, target{c, bmcs[c.BMC]})
	}
	for x, c := range bmcs {
		if !told[x] {
			targets = append(targets, target{c, nil})
		}
	}
	return s.pollDue(ctx, targets, since)
}

// target is a component to look at, and the BMC that this tells of, too, or nil.
type target struct{ component, bmc *Component }

// pollDue has goroutines that each look at one after another: the stack of a new
// one has to grow first, which costs a tenth of a look.
func (s *Service) pollDue(ctx context.Context, targets []target, since time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for range min(pollsAtOnce, len(targets)) {
		group.Go(func() error {
			for {
				i := int(taken.Add(1)) - 1
				if i >= len(targets) {
					return nil
				}
				t := targets[i]
				if !s.due(t.component.Xname, since) {
					continue
				}
				if err := s.pollOne(ctx, t); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (s *Service) due(xname string, since time.Time) bool {
	return !s.reserved.held(xname) && s.recorder.claim(xname, since)
}

// pollOne looks at the component and tells of its BMC too. A component that a
// transition has taken meanwhile is left to it: who is told by a poll that it is
// off would find it reserved still.
func (s *Service) pollOne(ctx context.Context, t target) error {
	o := s.look(ctx, t.component)
	if ctx.Err() != nil { // nothing was seen
		return ctx.Err()
	}
	if !s.reserved.held(t.component.Xname) {
		s.recorder.saw(o)
	}
	if t.bmc != nil && !s.reserved.held(t.bmc.Xname) {
		o.component = t.bmc
		if o.management == Available {
			o.power = PowerOn
		}
		s.recorder.saw(o)
	}
	return nil
}
