package cli

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/clients"
	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/xname"
)

// configurePlan is what CFS would run on nodes of which the same is to be said.
type configurePlan struct {
	Nodes         []string      `json:"nodes"`
	Configuration string        `json:"configuration"`
	Layers        []plan.Change `json:"layers"`
}

// planConfigure shows what would be run on the nodes: what they lack of the configuration,
// or all that each should have.
func (s *session) planConfigure(ctx context.Context, nodes []string, configuration string) error {
	layers := clients.Layers{Get: func(ctx context.Context, path string, q url.Values, out any) error {
		return s.get(ctx, "/apis/cfs"+path+"?"+q.Encode(), out)
	}}
	ran, err := layers.Ran(ctx, nodes)
	if err != nil {
		return err
	}
	wanted, groups := map[string][]plan.Layer{}, map[string]*configurePlan{}
	for _, node := range slices.SortedFunc(maps.Keys(ran), xname.Compare) {
		name, has := configuration, ran[node].Layers
		if name == "" {
			name, has = ran[node].Desired, nil // all is run again
		}
		if _, known := wanted[name]; !known {
			if wanted[name], err = layers.Wanted(ctx, name); err != nil {
				return err
			}
		}
		p := configurePlan{Configuration: name, Layers: plan.Compare(has, wanted[name], false)}
		said := fmt.Sprint(p)
		if groups[said] == nil {
			groups[said] = &p
		}
		groups[said].Nodes = append(groups[said].Nodes, node)
	}
	return s.showConfigure(slices.SortedFunc(maps.Values(groups), func(a, b *configurePlan) int { return xname.Compare(a.Nodes[0], b.Nodes[0]) }))
}

func (s *session) showConfigure(groups []*configurePlan) error {
	if s.asData {
		return s.print(groups)
	}
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "%s: configuration %s\n", manyNodes(g.Nodes), g.Configuration)
		for i := range g.Layers {
			fmt.Fprintf(&b, "  layer  %s\n", g.Layers[i].Words())
		}
	}
	return s.tell(b.String())
}
