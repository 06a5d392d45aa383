// Package hwsync makes a CFS component for each node that HSM knows. It never
// changes or removes one.
package hwsync

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
)

// HSM is what the agent needs of the Hardware State Manager; hsm.Client has it.
type HSM interface {
	Components(ctx context.Context, query url.Values) ([]hsm.Component, error)
}

// Components is what the agent needs of cfs.Service.
type Components interface {
	CreateComponents(ctx context.Context, ids []string) (created int, err error)
	Options(ctx context.Context) (cfs.Options, error)
}

// Config is what an Agent works with.
type Config struct {
	HSM        HSM
	Components Components
	Hub        *events.Hub
	// Tables are those whose hints tell of new nodes.
	Tables []string
}

// Agent copies between Start and Stop.
type Agent struct {
	cfg      Config
	loop     *events.Loop
	interval atomic.Int64    // seconds
	known    map[string]bool // belongs to the loop's run
}

// New returns an agent that does nothing until Start.
func New(cfg Config) *Agent {
	a := &Agent{cfg: cfg}
	a.loop = &events.Loop{Name: "cfs hardware sync", Hub: cfg.Hub, Tables: cfg.Tables, Run: a.sync,
		Resync: func() time.Duration { return time.Duration(a.interval.Load()) * time.Second }}
	return a
}

// Start begins; the first look is at once.
func (a *Agent) Start(ctx context.Context) { a.loop.Start(ctx) }

// Stop ends the agent and waits for it.
func (a *Agent) Stop() { a.loop.Stop() }

// Started is closed when HSM has been read once.
func (a *Agent) Started() <-chan struct{} { return a.loop.Started() }

// sync reads HSM at each resync, and between them when a hint names a node
// not seen before: most hints are changes of state.
func (a *Agent) sync(ctx context.Context, w events.Wake) error {
	if !w.All && !slices.ContainsFunc(w.Keys, func(id string) bool { return !a.known[id] }) {
		return nil
	}
	options, err := a.cfg.Components.Options(ctx)
	if err != nil {
		return err
	}
	a.interval.Store(int64(options.HardwareSyncInterval))
	nodes, err := a.cfg.HSM.Components(ctx, url.Values{"type": {"Node", "VirtualNode"}})
	if err != nil {
		return fmt.Errorf("read nodes of HSM: %w", err)
	}
	ids := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.ID != "" {
			ids = append(ids, n.ID)
		}
	}
	created, err := a.cfg.Components.CreateComponents(ctx, ids)
	if err != nil {
		return err
	}
	if a.known == nil || w.All {
		a.known = make(map[string]bool, len(ids))
	}
	for _, id := range append(ids, w.Keys...) { // BMCs and the like need no second look either
		a.known[id] = true
	}
	if created > 0 {
		slog.Info("new nodes in HSM became components", "count", created)
	}
	return nil
}
