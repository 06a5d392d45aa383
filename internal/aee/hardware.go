package aee

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// The paths of services behind the gateway.
const (
	hsmPath = "/apis/smd/hsm/v2"
	imsPath = "/apis/ims"
	cfsPath = "/apis/cfs"
)

// client is a service's: at its own URL, or behind the gateway. A proxy that
// the environment names is for git and playbooks: it need not know the way to
// the site's own server.
func (s *Settings) client(service, own, path string) *httpapi.Client {
	direct := http.DefaultTransport.(*http.Transport).Clone()
	direct.Proxy = nil
	direct.TLSClientConfig = s.trusted()
	c := httpapi.NewClient(service, cmp.Or(own, strings.TrimSuffix(s.Gateway, "/")+path), direct)
	if s.Token != "" && own == "" {
		c.Header = http.Header{"Authorization": {"Bearer " + s.Token}}
	}
	return c
}

// trusted has the site's certificates beside the system's; nil: there are none.
func (s *Settings) trusted() *tls.Config {
	text, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool}
}

func (s *Settings) hardware() *hsm.Client { return hsm.NewClient(s.client("HSM", s.HSM, hsmPath)) }

func (s *Settings) configurations() *cfs.Client { return cfs.NewClient(s.client("CFS", "", cfsPath)) }

// fleet is what HSM knows that matters to an inventory.
type fleet struct {
	groups     []hsm.Group
	partitions []hsm.Partition
	nodes      []hsm.Component
	where      whereabouts
}

// readFleet makes the queries side by side. All must succeed: with a part of
// the facts, nodes would be left out and nobody told.
func readFleet(ctx context.Context, client *hsm.Client, ports map[string]int) (f fleet, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f.groups, err = client.Groups(ctx); return err })
	g.Go(func() (err error) { f.partitions, err = client.Partitions(ctx); return err })
	g.Go(func() (err error) { f.nodes, err = client.Components(ctx, url.Values{"type": {"Node"}}); return err })
	g.Go(func() (err error) { f.where, err = find(ctx, client, ports); return err })
	err = g.Wait()
	return f, err
}

// whereabouts is how nodes are reached over SSH.
type whereabouts struct {
	addresses map[string]string // xname to IP address
	ports     map[netip.Prefix]int
}

// find asks for the first IP address of each component that has one. ports are
// those of Settings.
func find(ctx context.Context, client *hsm.Client, ports map[string]int) (whereabouts, error) {
	w := whereabouts{addresses: map[string]string{}, ports: map[netip.Prefix]int{}}
	for network, port := range ports {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return w, fmt.Errorf("SSH port %d of network %q: %w", port, network, err)
		}
		w.ports[prefix] = port
	}
	list, err := client.EthernetInterfaces(ctx, nil)
	if err != nil {
		return w, err
	}
	for _, e := range list {
		if e.ComponentID != "" && len(e.IPAddresses) > 0 && w.addresses[e.ComponentID] == "" {
			w.addresses[e.ComponentID] = e.IPAddresses[0].IPAddress
		}
	}
	return w, nil
}

// vars tell Ansible what it must know to reach the node.
func (w whereabouts) vars(id string) hostVars {
	vars := hostVars{}
	address := w.addresses[id]
	if address == "" {
		return vars
	}
	vars["ansible_host"] = address
	if len(w.ports) == 0 {
		return vars
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return vars
	}
	for network, port := range w.ports {
		if network.Contains(addr) {
			vars["ansible_port"] = port
		}
	}
	return vars
}
