package clients

import (
	"context"
	"net/url"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/hsm"
)

type inventory struct{ hsm *hsm.Client }

// Inventory asks HSM.
func Inventory(c *hsm.Client) bos.Inventory { return inventory{c} }

func (i inventory) Nodes(ctx context.Context, ids []string) ([]bos.Node, error) {
	var found []hsm.Component
	var err error
	switch {
	case ids == nil:
		found, err = i.hsm.Components(ctx, url.Values{"type": {"Node"}})
	case len(ids) > 0: // none would mean all
		found, err = i.hsm.Query(ctx, hsm.ComponentQuery{ComponentIDs: ids})
	}
	out := make([]bos.Node, 0, len(found))
	for _, c := range found {
		if c.Type == "Node" {
			out = append(out, bos.Node{ID: c.ID, Role: c.Role, SubRole: c.SubRole, Arch: c.Arch, Enabled: c.IsEnabled()})
		}
	}
	return out, err
}

func (i inventory) Groups(ctx context.Context) (map[string][]string, error) {
	groups, err := i.hsm.Groups(ctx)
	out := make(map[string][]string, len(groups))
	for _, g := range groups {
		out[g.Label] = g.Members.IDs
	}
	return out, err
}

func (i inventory) Partitions(ctx context.Context) (map[string][]string, error) {
	partitions, err := i.hsm.Partitions(ctx)
	out := make(map[string][]string, len(partitions))
	for _, p := range partitions {
		out[p.Name] = p.Members.IDs
	}
	return out, err
}

func (i inventory) Locked(ctx context.Context) ([]string, error) { return i.hsm.LockedNodes(ctx) }
