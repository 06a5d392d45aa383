package bss

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// Inventory is what bss asks HSM; *hsm.Client is one.
type Inventory interface {
	Components(ctx context.Context, filter url.Values) ([]hsm.Component, error)
	ComponentEndpoints(ctx context.Context, ids []string) ([]hsm.ComponentEndpoint, error)
	EthernetInterfaces(ctx context.Context, filter url.Values) ([]hsm.EthernetInterface, error)
}

// Component is a node as bss sees it: HSM's component with what HSM says of
// its endpoint and its MAC addresses.
type Component struct {
	ID                  string   `json:"ID" doc:"xname"`
	Type                string   `json:"Type,omitempty" doc:"Kind of component"`
	State               string   `json:"State,omitempty" doc:"State in HSM"`
	Flag                string   `json:"Flag,omitempty" doc:"Flag in HSM"`
	Enabled             bool     `json:"Enabled" doc:"Whether the node is in use"`
	Role                string   `json:"Role,omitempty" doc:"Role in HSM"`
	SubRole             string   `json:"SubRole,omitempty" doc:"Sub-role in HSM"`
	NID                 *int     `json:"NID,omitempty" doc:"Node ID"`
	NetType             string   `json:"NetType,omitempty" doc:"Kind of high-speed network"`
	Arch                string   `json:"Arch,omitempty" doc:"Architecture"`
	Class               string   `json:"Class,omitempty" doc:"Class of hardware"`
	ReservationDisabled bool     `json:"ReservationDisabled,omitempty" doc:"Whether reservations are refused"`
	Locked              bool     `json:"Locked,omitempty" doc:"Whether the node is locked"`
	FQDN                string   `json:"FQDN" doc:"Name of its controller"`
	MAC                 []string `json:"MAC,omitempty" doc:"MAC addresses"`
	EndpointEnabled     bool     `json:"EndpointEnabled" doc:"Whether its endpoint is enabled"`
}

// endpoint is what HSM's component endpoint of a node says.
type endpoint struct {
	enabled bool
	fqdn    string
	macs    []string
}

// nic is one of HSM's ethernet interfaces.
type nic struct {
	mac       string // as HSM writes it
	component string
	ips       []string
}

// How old data of HSM may grow of which no hint says that it is stale: of an HSM
// that gives none, and of the one in this process, which hints at each change: it
// repairs what nobody expects to be lost.
const (
	maxInventoryAge = 10 * time.Minute
	maxHintedAge    = time.Hour
)

// inventory mirrors the nodes of HSM and finds them by MAC, NID and IP.
type inventory struct {
	source     Inventory
	components *mirror[Component]
	endpoints  *mirror[endpoint]
	nics       *mirror[nic] // by MAC without separators

	// Further ways to find them, each guarded by the mirror that it follows.
	nids  map[string]string   // "nid<N>" to xname: components
	ports map[string]string   // MAC to xname: endpoints
	ips   map[string]string   // IP to MAC, the key of a nic: nics
	macs  map[string][]string // xname to MACs: nics
}

func newInventory(cfg Config) *inventory {
	inv := &inventory{source: cfg.Inventory, nids: map[string]string{}, ports: map[string]string{},
		ips: map[string]string{}, macs: map[string][]string{}}
	hints := func(table string) (*events.Subscription, time.Duration) {
		if !slices.Contains(cfg.WakeOn, table) {
			return cfg.Hub.Subscribe(), maxInventoryAge
		}
		return cfg.Hub.Subscribe(table), maxHintedAge
	}
	inv.components = &mirror[Component]{now: cfg.Now, load: inv.loadComponents, changed: inv.followComponent}
	inv.components.hints, inv.components.maxAge = hints(hsm.ComponentsTable)
	inv.endpoints = &mirror[endpoint]{now: cfg.Now, load: inv.loadEndpoints, changed: inv.followEndpoint}
	inv.endpoints.hints, inv.endpoints.maxAge = hints(hsm.ComponentEndpointsTable)
	inv.nics = &mirror[nic]{now: cfg.Now, load: inv.loadNICs, changed: inv.followNIC}
	inv.nics.hints, inv.nics.maxAge = hints(hsm.EthernetInterfacesTable)
	return inv
}

func (inv *inventory) close() {
	inv.components.hints.Close()
	inv.endpoints.hints.Close()
	inv.nics.hints.Close()
}

// newerThan has data that is not newer than t read again.
func (inv *inventory) newerThan(t time.Time) {
	inv.components.newerThan(t)
	inv.endpoints.newerThan(t)
	inv.nics.newerThan(t)
}

// ping reports whether HSM answers.
func (inv *inventory) ping(ctx context.Context) error {
	_, err := inv.source.EthernetInterfaces(ctx, url.Values{"MACAddress": {"000000000000"}})
	return err
}

// component is the node with the xname, all but its MACs; without ID if HSM
// has none.
func (inv *inventory) component(ctx context.Context, id string) (Component, error) {
	id = xname.Normalize(id)
	c, ok, err := inv.components.get(ctx, id)
	if err == nil && !ok {
		c, ok, err = inv.components.fetch(ctx, id)
	}
	if err != nil || !ok {
		return Component{}, err
	}
	e, known, err := inv.endpoints.get(ctx, id)
	c.EndpointEnabled = !known || e.enabled // a node that was entered by hand has no endpoint
	c.FQDN = e.fqdn
	return c, err
}

// macsOf are the MACs of the node, those of its ethernet interfaces first.
func (inv *inventory) macsOf(ctx context.Context, id string) (out []string, err error) {
	err = inv.nics.view(ctx, func(map[string]nic) {
		out = slices.Clone(inv.macs[id])
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(out)
	e, _, err := inv.endpoints.get(ctx, id)
	for _, mac := range e.macs {
		if !slices.ContainsFunc(out, func(m string) bool { return hsm.MACID(m) == hsm.MACID(mac) }) {
			out = append(out, mac)
		}
	}
	return out, err
}

// byMAC is the xname of the node with the MAC address, empty if HSM knows none.
func (inv *inventory) byMAC(ctx context.Context, mac string) (id string, err error) {
	mac = hsm.MACID(mac)
	n, _, err := inv.nics.get(ctx, mac)
	if err != nil || n.component != "" {
		return n.component, err
	}
	err = inv.endpoints.view(ctx, func(map[string]endpoint) { id = inv.ports[mac] })
	if err != nil || id != "" {
		return id, err
	}
	n, _, err = inv.nics.fetch(ctx, mac)
	return n.component, err
}

// byNIDName is the xname of the node "nid<N>", empty if HSM knows none.
func (inv *inventory) byNIDName(ctx context.Context, name string) (id string, err error) {
	err = inv.components.view(ctx, func(map[string]Component) { id = inv.nids[name] })
	if err != nil || id != "" {
		return id, err
	}
	found, err := inv.source.Components(ctx, url.Values{"type": {"Node"}, "nid": {strings.TrimPrefix(name, nidPrefix)}})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

// byIP is the xname of the node with the IP address, empty if HSM knows none.
func (inv *inventory) byIP(ctx context.Context, ip string) (id string, err error) {
	err = inv.nics.view(ctx, func(rows map[string]nic) { id = rows[inv.ips[ip]].component })
	return id, err
}

// all are the nodes with all that is known of them, in the order of their
// xnames.
func (inv *inventory) all(ctx context.Context) ([]Component, error) {
	out := []Component{}
	err := inv.components.view(ctx, func(rows map[string]Component) {
		for _, c := range rows {
			out = append(out, c)
		}
	})
	for i := range out {
		if err == nil {
			out[i], err = inv.full(ctx, out[i].ID)
		}
	}
	slices.SortFunc(out, func(a, b Component) int { return strings.Compare(a.ID, b.ID) })
	return out, err
}

// full is the node with the xname and its MACs.
func (inv *inventory) full(ctx context.Context, id string) (Component, error) {
	c, err := inv.component(ctx, id)
	if err != nil || c.ID == "" {
		return c, err
	}
	c.MAC, err = inv.macsOf(ctx, c.ID)
	return c, err
}

// The follow functions forget only what still points to the row that changed:
// what moved from one row to another may be told in either order.

func (inv *inventory) followComponent(id string, old, now *Component) {
	if old != nil && old.NID != nil {
		forget(inv.nids, nidName(*old.NID), id)
	}
	if now != nil && now.NID != nil {
		inv.nids[nidName(*now.NID)] = id
	}
}

func (inv *inventory) followEndpoint(id string, old, now *endpoint) {
	if old != nil {
		for _, mac := range old.macs {
			forget(inv.ports, hsm.MACID(mac), id)
		}
	}
	if now != nil {
		for _, mac := range now.macs {
			inv.ports[hsm.MACID(mac)] = id
		}
	}
}

func (inv *inventory) followNIC(id string, old, now *nic) {
	if old != nil {
		if left := slices.DeleteFunc(inv.macs[old.component], func(mac string) bool { return mac == old.mac }); len(left) > 0 {
			inv.macs[old.component] = left
		} else {
			delete(inv.macs, old.component)
		}
		for _, ip := range old.ips {
			forget(inv.ips, ip, id)
		}
	}
	if now == nil || now.component == "" {
		return
	}
	if !slices.Contains(inv.macs[now.component], now.mac) {
		inv.macs[now.component] = append(inv.macs[now.component], now.mac)
	}
	for _, ip := range now.ips {
		inv.ips[ip] = id
	}
}

func forget(index map[string]string, key, value string) {
	if index[key] == value {
		delete(index, key)
	}
}

const nidPrefix = "nid"

// nidName is the name of a host by its node ID.
func nidName(nid int) string { return nidPrefix + strconv.Itoa(nid) }

func (inv *inventory) loadComponents(ctx context.Context, keys []string) (map[string]Component, error) {
	filter := url.Values{"type": {"Node"}}
	if keys != nil {
		// HSM refuses other names, which hosts may well give.
		nodes := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return xname.TypeOf(k) != xname.Node })
		if len(nodes) == 0 {
			return nil, nil
		}
		filter["id"] = nodes
	}
	found, err := inv.source.Components(ctx, filter)
	rows := make(map[string]Component, len(found))
	for _, c := range found {
		rows[c.ID] = Component{ID: c.ID, Type: c.Type, State: c.State, Flag: c.Flag, Enabled: c.IsEnabled(),
			Role: c.Role, SubRole: c.SubRole, NID: c.NID, NetType: c.NetType, Arch: c.Arch, Class: c.Class,
			ReservationDisabled: c.ReservationDisabled, Locked: c.Locked}
	}
	return rows, err
}

func (inv *inventory) loadEndpoints(ctx context.Context, keys []string) (map[string]endpoint, error) {
	found, err := inv.source.ComponentEndpoints(ctx, keys)
	rows := make(map[string]endpoint, len(found))
	for _, e := range found {
		if e.Type == string(xname.Node) {
			rows[e.ID] = newEndpoint(e)
		}
	}
	return rows, err
}

func newEndpoint(e hsm.ComponentEndpoint) endpoint {
	out := endpoint{enabled: e.Enabled, fqdn: e.RedfishEndpointFQDN}
	if e.MACAddr != "" {
		out.macs = append(out.macs, e.MACAddr)
	}
	if e.RedfishSystemInfo != nil {
		for _, n := range e.RedfishSystemInfo.EthernetNICInfo {
			if n.MACAddress != "" && !slices.Contains(out.macs, n.MACAddress) {
				out.macs = append(out.macs, n.MACAddress)
			}
		}
	}
	return out
}

func (inv *inventory) loadNICs(ctx context.Context, keys []string) (map[string]nic, error) {
	var filter url.Values
	if keys != nil {
		filter = url.Values{"MACAddress": keys}
	}
	found, err := inv.source.EthernetInterfaces(ctx, filter)
	rows := make(map[string]nic, len(found))
	for _, e := range found {
		n := nic{mac: e.MACAddress, component: e.ComponentID}
		for _, ip := range e.IPAddresses {
			n.ips = append(n.ips, ip.IPAddress)
		}
		rows[hsm.MACID(e.MACAddress)] = n
	}
	return rows, err
}
