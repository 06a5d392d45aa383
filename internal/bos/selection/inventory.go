package selection

import (
	"context"
	"fmt"
	"sync"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// Inventory is HSM as the sessions of one pass see it, each part asked for
// once and only if needed.
type Inventory struct {
	from bos.Inventory

	mu                        sync.Mutex
	groups, partitions, roles map[string][]string
	locked                    map[string]bool
}

// NewInventory returns what nobody has asked for yet.
func NewInventory(from bos.Inventory) *Inventory { return &Inventory{from: from} }

func (i *Inventory) load(ctx context.Context, to *map[string][]string, ask func(context.Context) (map[string][]string, error)) (map[string][]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if *to != nil {
		return *to, nil
	}
	found, err := ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask HSM: %w", err)
	}
	for name, members := range found {
		found[name] = bootset.Canonical(members)
	}
	*to = found
	return found, nil
}

// Groups are the members of each group, by name.
func (i *Inventory) Groups(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.groups, i.from.Groups)
}

// Partitions are the members of each partition, by name.
func (i *Inventory) Partitions(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.partitions, i.from.Partitions)
}

// Roles are the nodes by Role and by Role_SubRole: all, or, with ids, at least those of them that have
// one, for which HSM is not asked for all.
func (i *Inventory) Roles(ctx context.Context, ids []string) (map[string][]string, error) {
	ask := func(ctx context.Context) (map[string][]string, error) {
		nodes, err := i.from.Nodes(ctx, ids)
		return byRole(nodes), err
	}
	i.mu.Lock()
	all := i.roles != nil
	i.mu.Unlock()
	if ids == nil || all {
		return i.load(ctx, &i.roles, ask)
	}
	var some map[string][]string
	return i.load(ctx, &some, ask)
}

func byRole(nodes []bos.Node) map[string][]string {
	out := map[string][]string{}
	for _, n := range nodes {
		if n.Role != "" {
			out[n.Role] = append(out[n.Role], n.ID)
		}
		if n.SubRole != "" {
			out[n.Role+"_"+n.SubRole] = append(out[n.Role+"_"+n.SubRole], n.ID)
		}
	}
	return out
}

// Locked are the nodes that an administrator locked.
func (i *Inventory) Locked(ctx context.Context) (map[string]bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.locked == nil {
		found, err := i.from.Locked(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask HSM for locked nodes: %w", err)
		}
		i.locked = map[string]bool{}
		for _, n := range found {
			i.locked[n] = true
		}
	}
	return i.locked, nil
}
