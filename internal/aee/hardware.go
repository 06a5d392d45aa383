package aee

import (
	"context"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// hardware is HSM behind the gateway.
func hardware(gateway string) *hsm.Client {
	return hsm.NewClient(httpapi.NewClient("HSM", strings.TrimSuffix(gateway, "/")+"/apis/smd/hsm/v2", nil))
}

// fleet is what HSM knows that matters to an inventory.
type fleet struct {
	groups     []hsm.Group
	partitions []hsm.Partition
	nodes      []hsm.Component
	addresses  map[string]string // xname to IP address
}

// readFleet makes the queries side by side. All must succeed: with a part of
// the facts, nodes would be left out and nobody told.
func readFleet(ctx context.Context, client *hsm.Client) (f fleet, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.groups, err = client.Groups(ctx); return err })
	g.Go(func() (err error) { f.partitions, err = client.Partitions(ctx); return err })
	g.Go(func() (err error) { f.nodes, err = client.Components(ctx, url.Values{"type": {"Node"}}); return err })
	g.Go(func() (err error) { f.addresses, err = addresses(ctx, client); return err })
	err = g.Wait()
	return f, err
}

// addresses returns the first IP address of each component that has one.
func addresses(ctx context.Context, client *hsm.Client) (map[string]string, error) {
	list, err := client.EthernetInterfaces(ctx, nil)
	if err != nil {
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
