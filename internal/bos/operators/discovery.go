package operators

import (
	"context"
	"fmt"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// The discovery operator selects nodes in HSM that have no component and makes
// one for each. Components are never removed.
func (o *Operators) discoveryLoop() {
	o.loop("discovery", bos.Options.Discovery, o.runDiscovery, o.InventoryTable)
}

func (o *Operators) runDiscovery(ctx context.Context, _ bos.Options, w events.Wake) error {
	var ids []string // nil: all nodes
	if !w.All {
		fresh, err := o.unknown(ctx, w.Keys)
		if err != nil || len(fresh) == 0 {
			return err
		}
		ids = fresh
	}
	nodes, err := o.Inventory.Nodes(ctx, ids)
	if err != nil {
		return fmt.Errorf("ask HSM for nodes: %w", err)
	}
	ids = make([]string, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	added, err := o.Service.AddComponents(ctx, ids)
	for _, id := range added {
		o.Service.Journal.Note(journal.Entry{Node: id, Source: "bos", Kind: "discovery", Text: "discovered in HSM"})
	}
	return err
}

// unknown are the nodes among the keys that have no component yet. Most hints
// of HSM are about the state of nodes that have one.
func (o *Operators) unknown(ctx context.Context, keys []string) ([]string, error) {
	var nodes []string
	for _, k := range keys {
		if xname.IsNode(k) {
			nodes = append(nodes, k)
		}
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	n, err := o.Service.CountComponents(ctx, store.Query{Keys: nodes})
	if err != nil || n == len(nodes) {
		return nil, err
	}
	return nodes, nil
}
