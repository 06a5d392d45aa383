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
	Query(ctx context.Context, q hsm.ComponentQuery) ([]hsm.Component, error)
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
	// Tables are those whose hints tell of new nodes; none where HSM is
	// elsewhere. With hints HSM is seldom read as a whole.
	Tables []string
}

// hintedResync is the least time between two looks at all of HSM where hints
// tell of new nodes.
const hintedResync = 10 * time.Minute

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
		Resync: func() time.Duration {
			every := time.Duration(a.interval.Load()) * time.Second
			if len(cfg.Tables) > 0 {
				every = max(every, hintedResync)
			}
			return every
		}}
	return a
}

// Start begins; the first look is at once.
func (a *Agent) Start(ctx context.Context) { a.loop.Start(ctx) }

// Stop ends the agent and waits for it.
func (a *Agent) Stop() { a.loop.Stop() }

// Started is closed when HSM has been read once.
func (a *Agent) Started() <-chan struct{} { return a.loop.Started() }

// sync reads HSM at each resync, and between them those nodes that hints name
// and that were not seen before: most hints are changes of state.
func (a *Agent) sync(ctx context.Context, w events.Wake) error {
	fresh := slices.DeleteFunc(slices.Clone(w.Keys), func(id string) bool { return a.known[id] })
	if !w.All && len(fresh) == 0 {
		return nil
	}
	options, err := a.cfg.Components.Options(ctx)
	if err != nil {
		return err
	}
	a.interval.Store(int64(options.HardwareSyncInterval))
	if w.All {
		fresh = nil
	}
	ids, err := a.nodes(ctx, fresh)
	if err != nil {
		return fmt.Errorf("read nodes of HSM: %w", err)
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

// nodes are those with the ids, nil: all, that HSM knows.
func (a *Agent) nodes(ctx context.Context, ids []string) ([]string, error) {
	var found []hsm.Component
	var err error
	if ids == nil {
		found, err = a.cfg.HSM.Components(ctx, url.Values{"type": {"Node", "VirtualNode"}})
	} else { // with types the IDs would stand for what is below them, too
		found, err = a.cfg.HSM.Query(ctx, hsm.ComponentQuery{ComponentIDs: ids})
	}
	nodes := make([]string, 0, len(found))
	for _, n := range found {
		if n.ID != "" && (n.Type == "Node" || n.Type == "VirtualNode") {
			nodes = append(nodes, n.ID)
		}
	}
	return nodes, err
}
