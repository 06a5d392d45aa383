package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// idsPerCall bounds the names in a URL.
const idsPerCall = 200

// configurePlan is what CFS would run on nodes of which the same is to be said.
type configurePlan struct {
	Nodes         []string      `json:"nodes"`
	Configuration string        `json:"configuration"`
	Layers        []plan.Change `json:"layers"`
}

// planConfigure shows what would be run on the nodes: what they lack of the configuration,
// or all that each should have.
func (s *session) planConfigure(ctx context.Context, nodes []string, configuration string) error {
	components, err := s.components(ctx, nodes)
	if err != nil {
		return err
	}
	wanted, groups := map[string][]plan.Layer{}, map[string]*configurePlan{}
	for i := range components {
		c := &components[i]
		name := configuration
		if name == "" {
			name, c.State = c.DesiredConfig, nil // all is run again
		}
		if _, known := wanted[name]; !known {
			if wanted[name], err = s.layersOf(ctx, name); err != nil {
				return err
			}
		}
		p := configurePlan{Configuration: name, Layers: plan.Compare(ran(c.State), wanted[name], false)}
		said := fmt.Sprint(p)
		if groups[said] == nil {
			groups[said] = &p
		}
		groups[said].Nodes = append(groups[said].Nodes, c.ID)
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
			fmt.Fprintf(&b, "  layer  %s\n", layerText(&g.Layers[i]))
		}
	}
	return s.tell(b.String())
}

// components are those of CFS with what ran on them.
func (s *session) components(ctx context.Context, nodes []string) (all []cfs.Component, err error) {
	for chunk := range slices.Chunk(nodes, idsPerCall) {
		var page struct{ Components []cfs.Component }
		q := url.Values{"ids": {strings.Join(chunk, ",")}, "limit": {strconv.Itoa(len(chunk))}, "state_details": {"true"}}
		if err := s.get(ctx, "/apis/cfs/v3/components?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Components...)
	}
	return all, nil
}

// layersOf are the layers of a configuration.
func (s *session) layersOf(ctx context.Context, configuration string) (out []plan.Layer, err error) {
	var c cfs.Configuration
	if err := s.get(ctx, configurationsPath+"/"+httpapi.Segment(configuration), &c); err != nil {
		return nil, err
	}
	urls := map[string]string{}
	if slices.ContainsFunc(c.Layers, func(l cfs.Layer) bool { return l.Source != "" }) {
		var found struct{ Sources []cfs.Source }
		if err := s.get(ctx, "/apis/cfs/v3/sources", &found); err != nil {
			return nil, err
		}
		for _, source := range found.Sources {
			urls[source.Name] = source.CloneURL
		}
	}
	var options struct {
		Playbook string `json:"default_playbook"`
	}
	if slices.ContainsFunc(c.Layers, func(l cfs.Layer) bool { return l.Playbook == "" }) {
		if err := s.get(ctx, "/apis/cfs/v3/options", &options); err != nil {
			return nil, err
		}
	}
	for _, l := range c.Layers {
		out = append(out, plan.Layer{Name: l.Name, Repository: cmp.Or(l.CloneURL, urls[l.Source]), Playbook: cmp.Or(l.Playbook, options.Playbook), Commit: l.Commit})
	}
	return out, nil
}

// ran are the layers that ran on a node.
func ran(state []cfs.StateLayer) (out []plan.Layer) {
	for _, l := range state {
		out = append(out, plan.Layer{Repository: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit, Applied: l.Status != cfs.LayerFailed && l.Status != cfs.LayerIncomplete})
	}
	return out
}
