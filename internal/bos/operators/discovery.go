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

// discovery is the operator that selects nodes in HSM that have no component
// and makes one for each. Components are never removed.
type discovery struct {
	inventory  bos.Inventory
	table      string // of HSM's components
	components interface {
		CountComponents(ctx context.Context, q store.Query) (int, error)
		AddComponents(ctx context.Context, ids []string) (added []string, err error)
	}
	journal notes
}

func (o *discovery) spec() Spec {
	return Spec{Name: "discovery", Inputs: []string{o.table}, Outputs: []string{"components: new ones"}, Resync: bos.Options.Discovery}
}

func (o *discovery) run(ctx context.Context, _ bos.Options, w events.Wake) error {
	var ids []string // nil: all nodes
	if !w.All {
		fresh, err := o.unknown(ctx, w.Keys)
		if err != nil || len(fresh) == 0 {
			return err
		}
		ids = fresh
	}
	nodes, err := o.inventory.Nodes(ctx, ids)
	if err != nil {
		return fmt.Errorf("ask HSM for nodes: %w", err)
	}
	ids = make([]string, len(nodes)) // not nil: no node is not every node
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	if n, err := o.components.CountComponents(ctx, store.Query{Keys: ids}); err != nil || n == len(ids) {
		return err // the usual case costs no more than this
	}
	added, err := o.components.AddComponents(ctx, ids)
	for _, id := range added {
		o.journal.Note(journal.Entry{Node: id, Source: "bos", Kind: "discovery", Text: "discovered in HSM"})
	}
	return err
}

// unknown are the nodes among the keys that have no component yet. Most hints
// of HSM are about the state of nodes that have one.
func (o *discovery) unknown(ctx context.Context, keys []string) ([]string, error) {
	var nodes []string
	for _, k := range keys {
		if xname.IsNode(k) {
			nodes = append(nodes, k)
		}
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	n, err := o.components.CountComponents(ctx, store.Query{Keys: nodes})
	if err != nil || n == len(nodes) {
		return nil, err
	}
	return nodes, nil
}
