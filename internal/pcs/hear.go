package pcs

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/redfish"
)

// subscribingAtOnce leaves the driver's connections to what is more urgent.
const subscribingAtOnce = 32

// Heard takes what a BMC POSTed to the destination of its subscription: if it tells
// of power, the BMC's components are looked at now. Text that is no event of this
// BMC is Invalid.
func (s *Service) Heard(bmc string, text []byte) error {
	context, ofPower, err := redfish.ReadEvent(text)
	if err != nil {
		return fault.New(fault.Invalid, "body: expected an event of Redfish from BMC %s: %w", bmc, err)
	}
	if context != "" && context != bmc {
		return fault.New(fault.Invalid, "'Context': expected %q, which the BMC was given, got %q", bmc, context)
	}
	s.heard.Add(1)
	if s.ears.hear(bmc, s.now(), ofPower) {
		s.second.At(bmc, time.Now().Add(late))
	}
	if ofPower {
		s.listener.Now(bmc)
	}
	return nil
}

// listen looks at BMCs that told of power.
func (s *Service) listen(ctx context.Context, w events.Wake) error {
	return s.heedAll(ctx, w.Keys, s.ears.begin)
}

// listenAgain looks at them once more.
func (s *Service) listenAgain(ctx context.Context, w events.Wake) error {
	return s.heedAll(ctx, w.Keys, s.ears.beginAgain)
}

// heedAll looks at the components of BMCs, unless somebody did since the time that
// begin tells. It waits for no BMC: others tell, too. What a transition has is its
// matter; should it end without a look, there is one later.
func (s *Service) heedAll(ctx context.Context, told []string, begin func(bmc string) (since time.Time, may bool)) error {
	bmcs := s.catalog.bmcs()
	for _, bmc := range told {
		since, may := begin(bmc)
		if slices.ContainsFunc(bmcs[bmc], func(c *Component) bool { return s.reserved.held(c.Xname) }) && s.ears.postpone(bmc) {
			s.second.At(bmc, time.Now().Add(s.pollEvery))
		}
		if !may {
			continue
		}
		select {
		case s.hearing <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.workers.Go(func() {
			defer func() { <-s.hearing }()
			s.heed(ctx, bmc, bmcs[bmc], since)
		})
	}
	return nil
}

// heed looks at the components of a BMC that told of power.
func (s *Service) heed(ctx context.Context, bmc string, its []*Component, since time.Time) {
	for _, t := range targets(nil, bmc, its, since) {
		t.told = true
		if s.due(t) && s.pollOne(ctx, t) != nil {
			break
		}
	}
	if s.ears.end(bmc) {
		s.listener.Now(bmc)
	}
}

// subscribe sees to it that every BMC that answers is asked to tell of changes, and
// has not forgotten it.
func (s *Service) subscribe(ctx context.Context, _ events.Wake) error {
	bmcs := s.catalog.bmcs()
	s.ears.keep(bmcs)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(subscribingAtOnce)
	var made, silent atomic.Int64
	for bmc, its := range bmcs {
		path, due := s.ears.due(bmc, its[0].Address, s.now())
		if !due || !slices.ContainsFunc(its, func(c *Component) bool { return s.recorder.answers(c.Xname) }) {
			continue
		}
		group.Go(func() error {
			switch fresh, err := s.ensureSubscription(ctx, its[0], path); {
			case ctx.Err() != nil: // nothing is known
			case err != nil:
				silent.Add(1)
				s.ears.silent(bmc, s.now())
				slog.Debug("no subscription to the events of a BMC", "bmc", bmc, "error", err)
			case fresh:
				made.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	if m, n := made.Load(), silent.Load(); m+n > 0 {
		slog.Info("subscribed to the events of BMCs", "subscribed", m, "without", n)
	}
	return err
}

// ensureSubscription has the component's BMC tell of changes, unless it has the
// subscription at the path; fresh: it had not.
func (s *Service) ensureSubscription(ctx context.Context, c *Component, path string) (fresh bool, err error) {
	wish := s.subscriptions(c.BMC)
	err = s.withLogin(ctx, c, func(login redfish.Login) error {
		has := false
		if path != "" {
			if has, err = s.teller.Subscribed(ctx, c.Address, login, path, wish); err != nil {
				return err
			}
		}
		if !has {
			fresh = true
			s.ears.renew(c.BMC) // before the test, which may arrive before the answer
			path, err = s.teller.Subscribe(ctx, c.Address, login, wish)
		}
		return err
	})
	if err == nil {
		s.ears.subscribed(c.BMC, path, s.now())
	}
	return fresh, err
}

// believeLess has BMCs looked at often again that did not tell of a change.
func (s *Service) believeLess() {
	for _, bmc := range s.ears.unheard(s.now()) {
		s.untold.Add(1)
		slog.Warn("a BMC did not tell of a change of power: it is looked at often again, until it does", "bmc", bmc)
	}
}
