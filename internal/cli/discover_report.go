package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/drover-hpc/drover/internal/xname"
)

// report prints a line for each kind of result, the nodes, those without a MAC,
// which cannot boot, and why what failed did. It fails unless all went well.
func (s *session) report(ctx context.Context, ids []string, results map[string]discoveryInfo) error {
	ctx = context.WithoutCancel(ctx)
	byResult, byReason := map[string][]string{}, map[string][]string{}
	for _, id := range ids {
		r := results[id]
		if r.LastDiscoveryStatus == "" {
			r.LastDiscoveryStatus = "no result in time"
		}
		byResult[r.LastDiscoveryStatus] = append(byResult[r.LastDiscoveryStatus], id)
		if r.LastDiscoveryError != "" {
			byReason[r.LastDiscoveryError] = append(byReason[r.LastDiscoveryError], id)
		}
		for _, p := range r.Problems {
			byReason["not read: "+p] = append(byReason["not read: "+p], id)
		}
	}
	nodes, err := s.nodesBelow(ctx, ids)
	if err != nil {
		return err
	}
	mute, err := s.withoutMAC(ctx, nodes)
	if err != nil {
		return err
	}
	line := func(what string, names []string) {
		fmt.Fprintf(s.app.Stdout, "%-20s %4d  %s\n", what, len(names), xname.Fold(names))
	}
	for _, result := range slices.Sorted(maps.Keys(byResult)) {
		line(result, byResult[result])
	}
	line("nodes", nodes)
	if len(mute) > 0 {
		line("nodes without a MAC", mute)
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintf(s.app.Stdout, "%s: %s\n", xname.Fold(byReason[reason]), harmless(reason))
	}
	if len(byResult["DiscoverOK"]) != len(ids) {
		return &ExitError{Code: 1}
	}
	return nil
}

// nodesBelow are the nodes that the BMCs control.
func (s *session) nodesBelow(ctx context.Context, bmcs []string) ([]string, error) {
	var list struct {
		Components []struct{ ID, State string }
	}
	if err := s.get(ctx, hsmComponents+"?type=Node", &list); err != nil {
		return nil, err
	}
	var nodes []string
	for _, c := range list.Components {
		if c.State != "Empty" && slices.ContainsFunc(bmcs, func(id string) bool { return xname.Within(c.ID, id) }) {
			nodes = append(nodes, c.ID)
		}
	}
	return nodes, nil
}

// withoutMAC are those of the nodes of which no Ethernet interface is known.
func (s *session) withoutMAC(ctx context.Context, nodes []string) ([]string, error) {
	var interfaces []struct{ ComponentID string }
	if err := s.call(ctx, http.MethodGet, hsmInventory+"/EthernetInterfaces?Type=Node", nil, &interfaces); err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(interfaces))
	for _, i := range interfaces {
		known[i.ComponentID] = true
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return known[n] }), nil
}
