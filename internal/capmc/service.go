package capmc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/store"
)

// ordersTable is the table of orders under way; key: order id.
const ordersTable = "capmc_orders"

// Config is what a Service needs.
type Config struct {
	DB       *store.DB
	Hardware Hardware
	Power    Power
	// AnswerAfter is how long a command may take before it is answered, if PCS
	// has begun with every component, without its outcome; default 10 s.
	AnswerAfter time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Service answers for PCS and HSM.
type Service struct {
	orders      *store.Table[order]
	hardware    Hardware
	power       Power
	answerAfter time.Duration
	now         func() time.Time
	leases      leases

	mu      sync.Mutex
	ctx     context.Context // of the orders; nil unless started
	stop    context.CancelFunc
	running sync.WaitGroup
	works   map[string]*work // by order id
}

const defaultAnswerAfter = 10 * time.Second

// NewService returns a service that carries nothing out before Start.
func NewService(c Config) *Service {
	if c.AnswerAfter <= 0 {
		c.AnswerAfter = defaultAnswerAfter
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{hardware: c.Hardware, power: c.Power, answerAfter: c.AnswerAfter, now: c.Now,
		leases: leases{hardware: c.Hardware, by: map[string]*lease{}}, works: map[string]*work{},
		orders: store.NewTable(c.DB, store.Spec[order]{Name: ordersTable, Kind: "Order", Key: func(o *order) string { return o.ID }})}
}

// Start goes on with the orders that an earlier process left.
func (s *Service) Start(ctx context.Context) error {
	left, err := s.orders.List(ctx, store.Query{})
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	for _, o := range left { // before they are renewed, which may be due
		s.leases.adopt(o.Keys)
	}
	s.mu.Lock()
	s.ctx, s.stop = context.WithCancel(ctx)
	keep := s.ctx
	s.mu.Unlock()
	s.running.Go(func() { s.keep(keep) })
	for _, o := range left {
		slog.Info("going on with a power command", "command", o.Command, "components", len(o.Names))
		s.launch(o)
	}
	return nil
}

// Stop ends everything. Orders under way go on at the next Start.
func (s *Service) Stop() {
	s.mu.Lock()
	stop := s.stop
	s.ctx = nil
	s.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	s.running.Wait()
}

func (s *Service) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx != nil
}

// keep renews the reservations until ctx is done.
func (s *Service) keep(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		if err := s.leases.renew(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("reservations not renewed; will be repeated", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
