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

// Roles are the nodes by Role and by Role_SubRole.
func (i *Inventory) Roles(ctx context.Context) (map[string][]string, error) {
	return i.load(ctx, &i.roles, i.rolesOf(nil))
}

// rolesOf asks for the nodes with the ids; nil is all.
func (i *Inventory) rolesOf(ids []string) func(context.Context) (map[string][]string, error) {
	return func(ctx context.Context) (map[string][]string, error) {
		nodes, err := i.from.Nodes(ctx, ids)
		return byRole(nodes), err
	}
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
