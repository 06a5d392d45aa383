package aee

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// hardware reads the inventory's facts from HSM.
type hardware struct{ client *httpapi.Client }

func newHardware(gateway string, transport http.RoundTripper) hardware {
	return hardware{httpapi.NewClient("HSM", strings.TrimSuffix(gateway, "/")+"/apis/smd/hsm/v2", transport)}
}

type members struct {
	IDs []string `json:"ids"`
}

// read makes the queries side by side. All must succeed: with a part of the
// facts, nodes would be left out and nobody told.
func (h hardware) read(ctx context.Context) (f fleet, err error) {
	var groups, partitions map[string][]string
	var components struct {
		Components []struct{ ID, Role, SubRole string }
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { groups, err = h.named(ctx, "/groups"); return err })
	g.Go(func() (err error) { partitions, err = h.named(ctx, "/partitions"); return err })
	g.Go(func() (err error) { f.addresses, err = h.addresses(ctx); return err })
	g.Go(func() error {
		_, err := h.client.Do(ctx, http.MethodGet, "/State/Components", url.Values{"type": {"node"}}, nil, &components)
		return err
	})
	if err := g.Wait(); err != nil {
		return fleet{}, err
	}
	f.groups, f.partitions = groups, partitions
	for _, c := range components.Components {
		f.nodes = append(f.nodes, node{id: c.ID, role: c.Role, subRole: c.SubRole})
	}
	return f, nil
}

// named returns the members of each group or partition by its label or name.
func (h hardware) named(ctx context.Context, path string) (map[string][]string, error) {
	var list []struct {
		Label   string  `json:"label"`
		Name    string  `json:"name"`
		Members members `json:"members"`
	}
	if _, err := h.client.Do(ctx, http.MethodGet, path, nil, nil, &list); err != nil {
		return nil, err
	}
	named := make(map[string][]string, len(list))
	for _, g := range list {
		named[g.Label+g.Name] = g.Members.IDs
	}
	return named, nil
}

// addresses returns the first IP address of each component that has one.
func (h hardware) addresses(ctx context.Context) (map[string]string, error) {
	var list []struct {
		ComponentID string
		IPAddresses []struct{ IPAddress string }
	}
	if _, err := h.client.Do(ctx, http.MethodGet, "/Inventory/EthernetInterfaces", nil, nil, &list); err != nil {
		return nil, err
	}
	addresses := make(map[string]string, len(list))
	for _, e := range list {
		if e.ComponentID != "" && len(e.IPAddresses) > 0 && addresses[e.ComponentID] == "" {
			addresses[e.ComponentID] = e.IPAddresses[0].IPAddress
		}
	}
	return addresses, nil
}
