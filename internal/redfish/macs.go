package redfish

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"strings"
)

// seekMACs finds the MACs of systems that list no Ethernet interface with one:
// those of their network adapters, else, on Intel's S2600 boards, those that
// follow from the BMC's own.
func (w *walker) seekMACs(inv *Inventory) {
	for i := range w.systems {
		s := &inv.Systems[i]
		if w.err != nil || slices.ContainsFunc(s.Interfaces, hasMAC) {
			continue
		}
		s.Interfaces = append(s.Interfaces, w.adapters(&w.systems[i])...)
		if !slices.ContainsFunc(s.Interfaces, hasMAC) && len(inv.Systems) == 1 {
			s.Interfaces = append(s.Interfaces, inv.derived()...)
		}
	}
}

func hasMAC(i Interface) bool { return IsMAC(i.MAC) }

// IsMAC tells whether the text is the MAC of a port.
func IsMAC(text string) bool {
	_, ok := parseMAC(text)
	return ok
}

// separators are what stands between the digits of a MAC.
var separators = strings.NewReplacer(":", "", "-", "", ".", "")

// parseMAC reads a MAC in any notation. Words in its place, one of zeros only
// and one of a group, such as ff:ff:ff:ff:ff:ff, are none: BMCs write them for
// a port whose MAC they do not know.
func parseMAC(text string) (net.HardwareAddr, bool) {
	plain := separators.Replace(strings.TrimSpace(text))
	if len(plain) != 12 {
		return nil, false
	}
	mac, err := net.ParseMAC(plain[:4] + "." + plain[4:8] + "." + plain[8:])
	return mac, err == nil && mac[0]&1 == 0 && !bytes.Equal(mac, make([]byte, 6))
}

// adapters are the functions, else the ports, with a MAC of the system's
// network adapters: those that it links to, else those of its chassis, unless
// that holds other systems, too.
func (w *walker) adapters(system *resource) []Interface {
	var paths []string
	for _, path := range w.members(system.NetworkInterfaces, desiredList) {
		var r struct{ Links struct{ NetworkAdapter link } }
		if w.read(path, &r, desired) && r.Links.NetworkAdapter.OdataID != "" {
			paths = append(paths, r.Links.NetworkAdapter.OdataID)
		}
	}
	for _, b := range w.boxes {
		if len(paths) == 0 && w.holds(&b, system) {
			paths = w.members(b.NetworkAdapters, desiredList)
		}
	}
	var out []Interface
	for _, path := range slices.Compact(paths) {
		out = append(out, w.adapter(path)...)
	}
	return out
}

// holds tells whether the chassis is that of the system and of no other.
func (w *walker) holds(b *box, system *resource) bool {
	linked := len(system.Links.Chassis) == 0 && len(w.systems) == 1
	for _, chassis := range system.Links.Chassis {
		linked = linked || ComparePaths(strings.TrimSuffix(chassis.OdataID, "/"), strings.TrimSuffix(b.path, "/")) == 0
	}
	return linked && (len(b.Links.ComputerSystems) == 1 || len(w.systems) == 1)
}

// adapter is what a network adapter has MACs for.
func (w *walker) adapter(path string) []Interface {
	var r struct{ NetworkDeviceFunctions, Ports, NetworkPorts link }
	if !w.read(path, &r, desired) {
		return nil
	}
	for _, collection := range []link{r.NetworkDeviceFunctions, r.Ports, r.NetworkPorts} {
		var out []Interface
		for _, path := range w.members(collection, desiredList) {
			var f networkFunction
			w.read(path, &f, desired)
			out = append(out, f.interfaces(path)...)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// networkFunction is what a NetworkDeviceFunction, a Port and a NetworkPort tell.
type networkFunction struct {
	ID, Description string
	Ethernet        struct {
		MACAddress, PermanentMACAddress string
		AssociatedMACAddresses          []string
	}
	AssociatedNetworkAddresses []string
}

func (f *networkFunction) interfaces(path string) []Interface {
	var out []Interface
	seen := map[string]bool{}
	for _, text := range slices.Concat([]string{f.Ethernet.MACAddress, f.Ethernet.PermanentMACAddress},
		f.Ethernet.AssociatedMACAddresses, f.AssociatedNetworkAddresses) {
		mac, ok := parseMAC(text)
		if ok && !seen[mac.String()] && (len(out) == 0 || text != f.Ethernet.PermanentMACAddress) {
			seen[mac.String()] = true
			out = append(out, Interface{OdataID: path, ID: f.ID, MAC: text, Description: f.Description})
		}
	}
	return out
}

// derived are the interfaces of an Intel S2600 board: its two ports have the
// MACs just below the lowest one of its BMC.
func (inv *Inventory) derived() []Interface {
	var lowest net.HardwareAddr
	models := []string{inv.Systems[0].Model}
	for _, m := range inv.Managers {
		models = append(models, m.Model)
		for _, i := range m.Interfaces {
			if mac, ok := parseMAC(i.MAC); ok && (lowest == nil || bytes.Compare(mac, lowest) < 0) {
				lowest = mac
			}
		}
	}
	for _, c := range inv.Chassis {
		models = append(models, c.Model)
	}
	isS2600 := func(model string) bool { return strings.Contains(strings.ToUpper(model), "S2600") }
	if lowest == nil || !slices.ContainsFunc(models, isS2600) {
		return nil
	}
	number := binary.BigEndian.Uint64(append([]byte{0, 0}, lowest...))
	out := make([]Interface, 2)
	for i, id := range []string{"NIC1", "NIC2"} {
		var mac [8]byte
		binary.BigEndian.PutUint64(mac[:], number-2+uint64(i))
		out[i] = Interface{OdataID: inv.Systems[0].OdataID, ID: id, MAC: net.HardwareAddr(mac[2:]).String(),
			Description: "Follows from the MAC of the BMC, as on Intel's S2600 boards"}
	}
	return out
}
