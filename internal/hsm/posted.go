package hsm

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// PostedEndpoint is a Redfish endpoint with what somebody else found there:
// OpenCHAMI's tools walk the BMCs themselves, or read a file, and send what
// there is. It becomes what a discovery would have made of it.
type PostedEndpoint struct {
	RedfishEndpoint
	Systems  []postedResource `json:"Systems"`
	Managers []postedResource `json:"Managers"`
}

// postedResource is a system or a manager. Its uri is a path or a whole URL.
type postedResource struct {
	URI                string            `json:"uri"`
	UUID               string            `json:"uuid"`
	Name               string            `json:"name"`
	Type               string            `json:"type"`
	SystemType         string            `json:"system_type"`
	Model              string            `json:"model"`
	Actions            []string          `json:"actions"`
	EthernetInterfaces []postedInterface `json:"ethernet_interfaces"`
	Power              struct {
		State string `json:"state"`
	} `json:"power"`
}

type postedInterface struct {
	URI         string `json:"uri"`
	MAC         string `json:"mac"`
	IP          string `json:"ip"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// check refuses what no component can be made of.
func (p *PostedEndpoint) check() error {
	if len(p.Systems) > 0 && p.Type != string(xname.NodeBMC) {
		return fault.New(fault.Invalid, "%s is a %s and has Systems, expected a NodeBMC", p.ID, p.Type)
	}
	for _, list := range []struct {
		name      string
		resources []postedResource
	}{{"Systems", p.Systems}, {"Managers", p.Managers}} {
		for i, r := range list.resources {
			if !strings.HasPrefix(pathOf(r.URI), "/") {
				return fault.New(fault.Invalid, "%s: %s[%d] has the uri '%s', expected the path of a Redfish resource", p.ID, list.name, i, r.URI)
			}
			for _, n := range r.EthernetInterfaces {
				if n.IP != "" && net.ParseIP(n.IP) == nil {
					return fault.New(fault.Invalid, "%s: %s[%d]: '%s' is no IP address", p.ID, list.name, i, n.IP)
				}
			}
		}
	}
	return nil
}

// pathOf is the path of a URL, or what is a path already.
func pathOf(uri string) string {
	if u, err := url.Parse(uri); err == nil && u.Host != "" {
		return u.Path
	}
	return uri
}

// inventory is what was sent in the terms of a walk. A system that comes twice
// counts once; one that does not say whether it is on is taken for it.
func (p *PostedEndpoint) inventory() redfish.Inventory {
	var inv redfish.Inventory
	for _, r := range p.Managers {
		inv.Managers = append(inv.Managers, redfish.Manager{OdataID: pathOf(r.URI), UUID: r.UUID, Name: r.Name,
			ManagerType: r.Type, Model: r.Model, Interfaces: r.interfaces()})
	}
	seen := map[string]bool{}
	for _, r := range p.Systems {
		path := pathOf(r.URI)
		if seen[path] || r.UUID != "" && seen[r.UUID] {
			continue
		}
		seen[path], seen[r.UUID] = true, true
		power := r.Power.State
		if power == "" {
			power = stateOn
		}
		inv.Systems = append(inv.Systems, redfish.System{OdataID: path, UUID: r.UUID, Name: r.Name, SystemType: r.SystemType, Model: r.Model,
			PowerState: power, ResetTarget: path + "/Actions/ComputerSystem.Reset", ResetTypes: r.Actions, Interfaces: r.interfaces()})
	}
	return inv
}

func (r *postedResource) interfaces() []redfish.Interface {
	out := make([]redfish.Interface, len(r.EthernetInterfaces))
	for i, n := range r.EthernetInterfaces {
		path := pathOf(n.URI)
		out[i] = redfish.Interface{OdataID: path, ID: path[strings.LastIndexByte(path, '/')+1:], MAC: n.MAC, Description: n.Description}
		if out[i].Description == "" {
			out[i].Description = n.Name
		}
	}
	return out
}

// addresses are the IP addresses of the interfaces, by the interface's ID.
func (p *PostedEndpoint) addresses() map[string]string {
	out := map[string]string{}
	for _, list := range [][]postedResource{p.Managers, p.Systems} {
		for _, r := range list {
			for _, n := range r.EthernetInterfaces {
				if n.IP != "" {
					out[MACID(n.MAC)] = n.IP
				}
			}
		}
	}
	return out
}

// adoptPosted records what was sent with the endpoints.
func (s *Service) adoptPosted(ctx context.Context, given []PostedEndpoint) error {
	var all finding
	ips := map[string]string{}
	for i := range given {
		p := &given[i]
		if len(p.Systems)+len(p.Managers) == 0 {
			continue
		}
		inv := p.inventory()
		mountains, err := s.mountains(ctx, []result{{walk: &walk{endpoint: endpoint{RedfishEndpoint: p.RedfishEndpoint}}}})
		if err != nil {
			return err
		}
		f := mapInventory(&p.RedfishEndpoint, inv, mountains[chassisBMC(p.ID)])
		all.components = append(all.components, f.components...)
		all.endpoints = append(all.endpoints, f.endpoints...)
		all.interfaces = append(all.interfaces, f.interfaces...)
		for id, ip := range p.addresses() {
			ips[id] = ip
		}
	}
	for i := range all.interfaces {
		if ip := ips[all.interfaces[i].ID]; ip != "" {
			if err := all.interfaces[i].address([]IPAddress{{IPAddress: ip}}); err != nil {
				return err
			}
		}
	}
	return s.adopt(ctx, all)
}
