package hsm

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// finding is what one walk found, in the terms of HSM.
type finding struct {
	components []Component // without what people set
	endpoints  []ComponentEndpoint
	interfaces []EthernetInterface
	hardware   []place
	services   []endpointServices
	// walked are the controllers that told all that they have, as far as unread
	// does not say otherwise.
	walked []string
	// unread are, by controller, the paths that could not be read: what was
	// known at and below them stays.
	unread map[string][]string
}

// mapper turns what a controller says into a finding.
type mapper struct {
	endpoint *RedfishEndpoint
	class    string
	out      finding
}

// mapInventory names what the controller at the endpoint manages. mountain
// tells whether the chassis of the component has a controller of its own.
func mapInventory(e *RedfishEndpoint, inv redfish.Inventory, mountain bool) finding {
	m := mapper{endpoint: e, class: "River"}
	if mountain {
		m.class = "Mountain"
	}
	for _, p := range inv.Problems {
		m.out.unread = map[string][]string{e.ID: append(m.out.unread[e.ID], strings.TrimSuffix(p.Path, "/"))}
	}
	m.services(inv.Services)
	m.manager(inv)
	switch xname.Type(e.Type) {
	case xname.NodeBMC:
		m.systems(inv.Systems)
		m.enclosure(inv.Chassis)
	case xname.ChassisBMC:
		m.cabinetChassis(inv.Chassis)
	case xname.RouterBMC:
		m.board(inv.Chassis)
	}
	return m.out
}

// manager is the controller itself: the only one, the one that has the UUID of
// the service, or one that manages an enclosure.
func (m *mapper) manager(inv redfish.Inventory) {
	if len(inv.Managers) == 0 {
		return
	}
	i := slices.IndexFunc(inv.Managers, func(r redfish.Manager) bool { return inv.UUID != "" && r.UUID == inv.UUID })
	if i < 0 {
		i = max(0, slices.IndexFunc(inv.Managers, func(r redfish.Manager) bool { return r.ManagerType == "EnclosureManager" }))
	}
	r := inv.Managers[i]
	ce := m.resource(m.endpoint.ID, "Manager", r.ManagerType, r.OdataID)
	ce.UUID, ce.MACAddr, ce.ComponentEndpointType = r.UUID, firstMAC(r.Interfaces), "ComponentEndpointManager"
	ce.RedfishManagerInfo = &RedfishManagerInfo{Name: r.Name, EthernetNICInfo: nics(r.Interfaces)}
	if r.ResetTarget != "" {
		ce.RedfishManagerInfo.Actions = &ManagerActions{ResetAction{allowed(r.ResetTypes), r.ResetTarget}}
	}
	m.add(ce, Component{State: stateReady, Flag: flagOf(r.Health), NetType: "Sling", Arch: controllerArch(inv.Systems)}, r.Interfaces)
	m.hardware(ce.ID, r.OdataID, r.Body)
}

// controllerArch is a controller's architecture as the interface tells it: that
// of its nodes, X86 where there are none or they do not say.
func controllerArch(systems []redfish.System) string {
	for i := range systems {
		if arch := archOf(systems[i].ProcessorArchitecture, systems[i].Model); arch != "UNKNOWN" {
			return arch
		}
	}
	return "X86"
}

// systems are the nodes n0, n1, ... in the order of their paths.
func (m *mapper) systems(systems []redfish.System) {
	for n, r := range nodes(systems) {
		ce := m.resource(fmt.Sprintf("%sn%d", m.endpoint.ID, n), "ComputerSystem", r.SystemType, r.OdataID)
		ce.UUID, ce.MACAddr, ce.ComponentEndpointType = r.UUID, firstMAC(r.Interfaces), "ComponentEndpointComputerSystem"
		ce.RedfishSystemInfo = &RedfishSystemInfo{Name: r.Name, EthernetNICInfo: nics(r.Interfaces)}
		if r.ResetTarget != "" {
			ce.RedfishSystemInfo.Actions = &SystemActions{ResetAction{allowed(r.ResetTypes), r.ResetTarget}}
		}
		m.add(ce, Component{State: stateOf(r.PowerState, r.StatusState), Flag: flagOf(r.Health),
			Arch: archOf(r.ProcessorArchitecture, r.Model), NetType: "Sling"}, r.Interfaces)
		m.hardware(ce.ID, r.OdataID, r.Body)
		m.inside(ce.ID, &r)
	}
}

// nodes are the systems that have a number, in the order of their paths. Virtual
// and partitioned ones have none, nor has one that cannot be reset beside one
// that can: a baseboard of accelerators. One that is absent keeps its place.
func nodes(systems []redfish.System) []redfish.System {
	canReset := func(r redfish.System) bool { return r.ResetTarget != "" }
	physical := slices.DeleteFunc(slices.Clone(systems), func(r redfish.System) bool {
		return r.SystemType != "" && r.SystemType != "Physical"
	})
	if slices.ContainsFunc(physical, canReset) {
		physical = slices.DeleteFunc(physical, func(r redfish.System) bool { return !canReset(r) && r.StatusState != "Absent" })
	}
	slices.SortStableFunc(physical, func(a, b redfish.System) int { return redfish.ComparePaths(a.OdataID, b.OdataID) })
	return physical
}

// enclosure is what the nodes sit in; it has the number of its BMC.
func (m *mapper) enclosure(all []redfish.Chassis) {
	for _, r := range all {
		switch r.ChassisType {
		case "Enclosure", "RackMount", "StandAlone":
			slot := xname.Parent(m.endpoint.ID)
			m.chassis(slot+"e"+strings.TrimPrefix(m.endpoint.ID, slot+"b"), r)
			return
		}
	}
}

// cabinetChassis is the chassis with its slots, as a chassis controller lists
// them: Enclosure, Blade0 to Blade7, Perif0 to Perif7.
func (m *mapper) cabinetChassis(all []redfish.Chassis) {
	chassis := xname.Parent(m.endpoint.ID)
	for _, r := range all {
		blade, isBlade := strings.CutPrefix(r.ID, "Blade")
		perif, isPerif := strings.CutPrefix(r.ID, "Perif")
		id := ""
		switch {
		case isBlade:
			id = chassis + "s" + blade
		case isPerif:
			id = chassis + "r" + perif
		case r.ChassisType == "Enclosure":
			id = chassis
		}
		if xname.TypeOf(id) != xname.Invalid {
			m.chassis(id, r)
		}
	}
}

// board is the switch that a router controller manages.
func (m *mapper) board(all []redfish.Chassis) {
	for _, r := range all {
		if r.ChassisType == "Enclosure" {
			m.chassis(xname.Parent(m.endpoint.ID)+"e0", r)
			return
		}
	}
}

func (m *mapper) chassis(id string, r redfish.Chassis) {
	ce := m.resource(id, "Chassis", r.ChassisType, r.OdataID)
	ce.ComponentEndpointType = "ComponentEndpointChassis"
	ce.RedfishChassisInfo = &RedfishChassisInfo{Name: r.Name}
	if r.ResetTarget != "" {
		ce.RedfishChassisInfo.Actions = &ChassisActions{ResetAction{allowed(r.ResetTypes), r.ResetTarget}}
	}
	m.add(ce, Component{State: stateOf(r.PowerState, r.StatusState), Flag: flagOf(r.Health)}, nil)
	m.hardware(id, r.OdataID, r.Body)
}

func (m *mapper) resource(id, redfishType, subtype, path string) ComponentEndpoint {
	return ComponentEndpoint{ID: id, Type: string(xname.TypeOf(id)), RedfishType: redfishType, RedfishSubtype: subtype,
		OdataID: path, RedfishEndpointID: m.endpoint.ID, Enabled: true, RedfishEndpointFQDN: m.endpoint.FQDN,
		RedfishURL: redfish.Host(m.endpoint.FQDN) + path}
}

// add records the resource, the component that it is, and its interfaces.
func (m *mapper) add(ce ComponentEndpoint, c Component, interfaces []redfish.Interface) {
	c.ID, c.Type, c.Class = ce.ID, ce.Type, m.class
	m.out.endpoints = append(m.out.endpoints, ce)
	m.out.components = append(m.out.components, c)
	for _, r := range interfaces {
		if mac, ok := macOf(r); ok {
			m.out.interfaces = append(m.out.interfaces, EthernetInterface{ID: MACID(mac), MACAddress: mac,
				Description: r.Description, ComponentID: ce.ID, Type: ce.Type, IPAddresses: []IPAddress{}})
		}
	}
}

func allowed(types []string) []string { return append([]string{}, types...) }

func nics(interfaces []redfish.Interface) []EthernetNICInfo {
	out := make([]EthernetNICInfo, len(interfaces))
	for i, r := range interfaces {
		mac, _ := macOf(r)
		out[i] = EthernetNICInfo{RedfishID: r.ID, OdataID: r.OdataID, Description: r.Description, MACAddress: mac}
	}
	return out
}

func firstMAC(interfaces []redfish.Interface) string {
	for _, r := range interfaces {
		if mac, ok := macOf(r); ok {
			return mac
		}
	}
	return ""
}

// macOf is the interface's MAC.
func macOf(r redfish.Interface) (string, bool) {
	if !redfish.IsMAC(r.MAC) {
		return "", false
	}
	return colons(r.MAC)
}

// colons spells a MAC in lower case with colons; BMCs that do not know one
// write words in its place.
func colons(mac string) (string, bool) {
	id := MACID(mac)
	if len(id) == 12 {
		pairs := make([]string, 6)
		for i := range pairs {
			pairs[i] = id[2*i : 2*i+2]
		}
		id = strings.Join(pairs, ":")
	}
	hw, err := net.ParseMAC(id)
	if err != nil || len(hw) != 6 {
		return "", false
	}
	return id, true
}

func stateOf(power, status string) string {
	switch {
	case status == "Absent":
		return stateEmpty
	case power == "Off" || power == "PoweringOn":
		return stateOff
	case power == "On" || power == "PoweringOff":
		return stateOn
	}
	return statePopulated
}

func flagOf(health string) string {
	switch health {
	case "Warning":
		return flagWarning
	case "Critical":
		return flagAlert
	}
	return flagOK
}

// archOf is the architecture that the processor tells, or else the model.
func archOf(processor, model string) string {
	p, model := strings.ToLower(processor), strings.ToLower(model)
	switch {
	case strings.HasPrefix(p, "x86"):
		return "X86"
	case strings.HasPrefix(p, "arm"):
		return "ARM"
	case p != "":
		return "Other"
	}
	for _, x86 := range []string{"ex235", "ex255", "ex420", "ex425"} {
		if strings.Contains(model, x86) {
			return "X86"
		}
	}
	if strings.Contains(model, "ex254") {
		return "ARM"
	}
	return "UNKNOWN"
}

// rediscover takes over what the hardware says now. A node that runs stays
// Ready, Standby or Halt: Redfish only knows that it is On.
func (c *Component) rediscover(found Component) (changed bool) {
	was := *c
	running := c.State == stateReady || c.State == stateStandby || c.State == stateHalt
	if !running || found.State != stateOn {
		c.State = found.State
		if c.Flag != flagLocked {
			c.Flag = found.Flag
		}
	}
	c.Class = found.Class
	if found.Arch != "" && (found.Arch != "UNKNOWN" || c.Arch == "") {
		c.Arch = found.Arch
	}
	if c.NetType == "" {
		c.NetType = found.NetType
	}
	return c.State != was.State || c.Flag != was.Flag || c.Class != was.Class || c.Arch != was.Arch || c.NetType != was.NetType
}
