package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/drover-hpc/drover/internal/xname"
)

// discovery is what became of the BMCs that were to be found.
type discovery struct {
	BMCs       []foundBMC `json:"bmcs"`
	Nodes      []string   `json:"nodes"`
	WithoutMAC []string   `json:"nodes_without_mac"` // they cannot boot
}

// foundBMC is what the discovery of a BMC came to.
type foundBMC struct {
	Xname    string   `json:"xname"`
	Status   string   `json:"status"` // DiscoverOK if all went well
	Error    string   `json:"error"`
	Problems []string `json:"problems"` // what could not be read
}

// noResult is the status of a BMC of which HSM had no result in time.
const noResult = "no result in time"

// report prints what was found. It fails unless all went well.
func (s *session) report(ctx context.Context, ids []string, results map[string]discoveryInfo) error {
	ctx = context.WithoutCancel(ctx)
	out := discovery{Nodes: []string{}, WithoutMAC: []string{}}
	well := true
	for _, id := range ids {
		r := results[id]
		one := foundBMC{Xname: id, Status: cmp.Or(r.LastDiscoveryStatus, noResult), Error: r.LastDiscoveryError, Problems: append([]string{}, r.Problems...)}
		well = well && one.Status == "DiscoverOK"
		out.BMCs = append(out.BMCs, one)
	}
	nodes, err := s.nodesBelow(ctx, ids)
	if err != nil {
		return err
	}
	mute, err := s.withoutMAC(ctx, nodes)
	if err != nil {
		return err
	}
	out.Nodes, out.WithoutMAC = append(out.Nodes, nodes...), append(out.WithoutMAC, mute...)
	if s.asData {
		err = s.print(out)
	} else {
		out.write(s.app.Stdout)
	}
	if err == nil && !well {
		err = &ExitError{Code: 1}
	}
	return err
}

// write prints a line for each kind of result, the nodes, those without a MAC, and why
// what failed did.
func (f *discovery) write(w io.Writer) {
	byResult, byReason := map[string][]string{}, map[string][]string{}
	for i := range f.BMCs {
		one := &f.BMCs[i]
		byResult[one.Status] = append(byResult[one.Status], one.Xname)
		if one.Error != "" {
			byReason[one.Error] = append(byReason[one.Error], one.Xname)
		}
		for _, p := range one.Problems {
			byReason["not read: "+p] = append(byReason["not read: "+p], one.Xname)
		}
	}
	line := func(what string, names []string) {
		fmt.Fprintf(w, "%-20s %4d  %s\n", what, len(names), xname.Fold(names))
	}
	for _, result := range slices.Sorted(maps.Keys(byResult)) {
		line(result, byResult[result])
	}
	line("nodes", f.Nodes)
	if len(f.WithoutMAC) > 0 {
		line("nodes without a MAC", f.WithoutMAC)
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintf(w, "%s: %s\n", xname.Fold(byReason[reason]), harmless(reason))
	}
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
