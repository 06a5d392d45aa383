package pcs

import (
	"context"
	"slices"
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
	defer s.subscriber.Now("new components")
	if w.All {
		if err := s.catalog.reload(ctx); err != nil {
			return err
		}
		if err := s.forgetGone(ctx); err != nil {
			return err
		}
		return s.poll(ctx, s.catalog.bmcs(), s.lately(s.now()))
	}
	if err := s.catalog.refresh(ctx, w.Keys); err != nil {
		return err
	}
	found, gone := s.catalog.known(w.Keys)
	if err := s.recorder.forget(ctx, gone); err != nil {
		return err
	}
	byBMC := make(map[string][]*Component, len(found))
	for _, c := range found {
		byBMC[c.BMC] = append(byBMC[c.BMC], c)
	}
	now := s.now()
	return s.poll(ctx, byBMC, func(string) time.Time { return now })
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
	s.believeLess()
	return s.poll(ctx, s.catalog.bmcs(), s.lately(s.now()))
}

// lately is from when on a look at what a BMC has is one lately.
func (s *Service) lately(now time.Time) func(bmc string) time.Time {
	return func(bmc string) time.Time {
		if s.ears.tells(bmc) {
			return now.Add(-spread(bmc, rarely*s.pollEvery))
		}
		return now.Add(-s.pollEvery / 2)
	}
}

// poll looks at those of each BMC's components that nobody has looked at since.
func (s *Service) poll(ctx context.Context, byBMC map[string][]*Component, since func(bmc string) time.Time) error {
	all := make([]target, 0, len(byBMC))
	for bmc, its := range byBMC {
		all = targets(all, bmc, its, since(bmc))
	}
	return s.pollDue(ctx, all)
}

// target is a component to look at, unless somebody did since then, and the BMC that
// this tells of, too, or nil. told: the BMC said that something changed.
type target struct {
	component, bmc *Component
	since          time.Time
	told           bool
}

// targets adds what to look at of a BMC's components. What a BMC says of a component
// tells of the BMC, too: that is asked only where there is nothing else to ask for.
func targets(all []target, bmc string, its []*Component, since time.Time) []target {
	var itself *Component
	if i := slices.IndexFunc(its, func(c *Component) bool { return isBMC(c.Type) && c.Xname == bmc }); i >= 0 {
		itself = its[i]
	}
	before := len(all)
	for _, c := range its {
		if hasPower(c.Type) && c != itself {
			all = append(all, target{component: c, bmc: itself, since: since})
		}
	}
	if len(all) == before && itself != nil {
		all = append(all, target{component: itself, since: since})
	}
	return all
}

// pollDue has goroutines that each look at one after another: the stack of a new
// one has to grow first, which costs a tenth of a look.
func (s *Service) pollDue(ctx context.Context, targets []target) error {
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
				if !s.due(t) {
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

// due tells whether to look at the target now. One whose BMC did not say plainly
// whether it is on or off is looked at soon again, whatever it tells.
func (s *Service) due(t target) bool {
	x := t.component.Xname
	return !s.reserved.held(x) && s.recorder.claim(x, t.since, s.now().Add(-s.pollEvery/2))
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
		silent := !s.recorder.answers(t.component.Xname)
		if changed := s.recorder.saw(o); changed && !t.told {
			s.ears.changed(t.component.BMC, s.now())
		}
		if silent && o.plain { // those who subscribe may have been here before
			s.subscriber.Now("BMCs that answer")
		}
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
