package pick

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Gather reads from HSM what names may stand for; get reads what is at a path of the gateway.
func Gather(ctx context.Context, get func(ctx context.Context, path string, out any) error) (*Inventory, error) {
	type members struct {
		Label, Name string
		Members     struct{ IDs []string }
	}
	var nodes struct{ Components []Node }
	var groups, partitions []members
	var g errgroup.Group
	g.Go(func() error { return get(ctx, "/apis/smd/hsm/v2/State/Components?type=Node", &nodes) })
	g.Go(func() error { return get(ctx, "/apis/smd/hsm/v2/groups", &groups) })
	g.Go(func() error { return get(ctx, "/apis/smd/hsm/v2/partitions", &partitions) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byName := func(list []members) map[string][]string {
		out := map[string][]string{}
		for _, m := range list {
			out[m.Label+m.Name] = m.Members.IDs // a group has a label, a partition a name
		}
		return out
	}
	return New(nodes.Components, byName(groups), byName(partitions)), nil
}
