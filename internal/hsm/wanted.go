package hsm

import (
	"net"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/xname"
)

// What is asked for is spelled as keys are, so that each spelling finds the
// same; a value that nothing can have is refused. No wish stays none: nil,
// which stands for all.

// wantedXnames are the components asked for.
func wantedXnames(parameter string, given []string) ([]string, error) {
	out := normalized(given)
	for i, id := range out {
		if xname.TypeOf(id) == xname.Invalid {
			return nil, badQuery(parameter + ": Argument was not a valid xname ID: '" + given[i] + "'")
		}
	}
	return out, nil
}

// wantedMACs are the IDs of the interfaces asked for.
func wantedMACs(parameter string, given []string) ([]string, error) {
	var out []string
	for _, g := range given {
		if _, ok := colons(g); !ok {
			return nil, badQuery(parameter + " is '" + g + "', expected a MAC address")
		}
		out = append(out, MACID(g))
	}
	return out, nil
}

// wantedIPs are the addresses asked for; the empty one stands for none.
func wantedIPs(parameter string, given []string) ([]string, error) {
	var out []string
	for _, g := range given {
		ip := net.ParseIP(g)
		switch {
		case g == "":
			out = append(out, "")
		case ip == nil:
			return nil, badQuery(parameter + " is '" + g + "', expected an IP address")
		default:
			out = append(out, ip.String())
		}
	}
	return out, nil
}

// wantedTypes are the types of component asked for.
func wantedTypes(given []string) (out []string, err error) {
	for _, g := range given {
		word, err := spelled("Type", values.Type, g)
		if err != nil {
			return nil, fault.New(fault.Invalid, "bad query param: %w", err)
		}
		out = append(out, word)
	}
	return out, nil
}

// wantedLabels are the groups, or the tags, asked for. mayBeNone takes the word
// for those of none.
func wantedLabels(parameter string, given []string, mayBeNone bool) ([]string, error) {
	return wantedNames(parameter, given, mayBeNone, lowered, labels.MatchString, "letters, digits and - : . _")
}

// wantedPartitions are the partitions asked for.
func wantedPartitions(given []string, mayBeNone bool) ([]string, error) {
	return wantedNames("partition", given, mayBeNone, xname.Normalize, partitionNames.MatchString, "pN or pN.N")
}

func wantedNames(parameter string, given []string, mayBeNone bool, spell func(string) string, valid func(string) bool, expected string) ([]string, error) {
	var out []string
	for _, g := range given {
		name := spell(g)
		switch {
		case mayBeNone && g == nobody:
			name = nobody
		case !valid(name):
			return nil, badQuery(parameter + " is '" + g + "', expected " + expected)
		}
		out = append(out, name)
	}
	return out, nil
}

func lowered(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// wantedStatuses are the statuses of discovery asked for and those not wanted.
func wantedStatuses(given []string) (in, notIn []string, err error) {
	for _, g := range given {
		text, not := strings.CutPrefix(g, "!")
		i := slices.IndexFunc(discoveryStatuses, func(s string) bool { return strings.EqualFold(s, text) })
		switch {
		case i < 0:
			return nil, nil, badQuery("laststatus is '" + g + "', expected one of " + strings.Join(discoveryStatuses, ", "))
		case not:
			notIn = append(notIn, discoveryStatuses[i])
		default:
			in = append(in, discoveryStatuses[i])
		}
	}
	return in, notIn, nil
}

// endpointWishes are what is asked for of Redfish endpoints.
type endpointWishes struct {
	ids, types, macs, ips []string
	statuses, notStatuses []string
	fqdns, uuids          []string
}

func newEndpointWishes(p Parameters) (w endpointWishes, err error) {
	w.fqdns, w.uuids = p["fqdn"], p["uuid"]
	if w.ids, err = wantedXnames("id", p["id"]); err != nil {
		return w, err
	}
	if w.types, err = wantedTypes(p["type"]); err != nil {
		return w, err
	}
	if w.macs, err = wantedMACs("macaddr", p["macaddr"]); err != nil {
		return w, err
	}
	if w.ips, err = wantedIPs("ipaddress", p["ipaddress"]); err != nil {
		return w, err
	}
	w.statuses, w.notStatuses, err = wantedStatuses(p["laststatus"])
	return w, err
}

func (w *endpointWishes) match(e *RedfishEndpoint) bool {
	return oneOf(w.fqdns, e.FQDN) && oneOf(w.types, e.Type) && oneOf(w.uuids, e.UUID) && oneOf(w.macs, MACID(e.MACAddr)) &&
		oneOf(w.ips, e.IPAddress) && !slices.Contains(w.notStatuses, e.DiscoveryInfo.LastStatus)
}

// interfaceWishes are what is asked for of Ethernet interfaces.
type interfaceWishes struct{ macs, components, types, ips, networks []string }

func newInterfaceWishes(p Parameters) (w interfaceWishes, err error) {
	w.networks = p["network"]
	if w.macs, err = wantedMACs("MACAddress", p["macaddress"]); err != nil {
		return w, err
	}
	if w.components, err = wantedXnames("ComponentID", p["componentid"]); err != nil {
		return w, err
	}
	if w.types, err = wantedTypes(p["type"]); err != nil {
		return w, err
	}
	w.ips, err = wantedIPs("IPAddress", p["ipaddress"])
	return w, err
}

// match tells whether the interface's own record is wanted. An empty address
// stands for an interface without one.
func (w *interfaceWishes) match(e *EthernetInterface) bool {
	if !oneOf(w.types, e.Type) {
		return false
	}
	if len(w.ips) == 0 && len(w.networks) == 0 || len(e.IPAddresses) == 0 && slices.Contains(w.ips, "") {
		return true
	}
	return slices.ContainsFunc(e.IPAddresses, func(a IPAddress) bool {
		return oneOf(w.ips, a.IPAddress) && oneOf(w.networks, a.Network)
	})
}
