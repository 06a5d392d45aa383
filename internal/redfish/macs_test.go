package redfish_test

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

// board is a BMC with one system that lists no Ethernet interfaces.
func board(system, chassis string, more bmc) bmc {
	b := bmc{
		"/redfish/v1":           `{"Chassis":{"@odata.id":"/redfish/v1/Chassis"},"Managers":{"@odata.id":"/redfish/v1/Managers"},"Systems":{"@odata.id":"/redfish/v1/Systems"}}`,
		"/redfish/v1/Chassis":   `{"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]}`,
		"/redfish/v1/Chassis/1": chassis,
		"/redfish/v1/Managers":  `{"Members":[]}`,
		"/redfish/v1/Systems":   `{"Members":[{"@odata.id":"/redfish/v1/Systems/1"}]}`,
		"/redfish/v1/Systems/1": system,
	}
	for path, text := range more {
		b[path] = text
	}
	return b
}

func macs(t *testing.T, b bmc) string {
	t.Helper()
	inv, err := redfish.New(4).Walk(t.Context(), serve(t, b), login)
	if err != nil || len(inv.Problems) > 0 {
		t.Fatalf("%v %+v", err, inv.Problems)
	}
	var all []string
	for _, i := range inv.Systems[0].Interfaces {
		if strings.Trim(i.MAC, "0F:") != "" && strings.Contains(i.MAC, ":") {
			all = append(all, i.MAC)
		}
	}
	return strings.Join(all, " ")
}

func TestMACsOfNetworkAdapters(t *testing.T) {
	const (
		linked   = `{"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/1/"}]},"EthernetInterfaces":{"@odata.id":"/redfish/v1/nowhere"}}`
		adapters = `{"NetworkAdapters":{"@odata.id":"/redfish/v1/Chassis/1/NetworkAdapters"},"Links":{"ComputerSystems":[{"@odata.id":"/redfish/v1/Systems/1"}]}}`
		at       = "/redfish/v1/Chassis/1/NetworkAdapters"
	)
	card := func(of string, more bmc) bmc {
		more[at] = `{"Members":[{"@odata.id":"` + at + `/A"}]}`
		more[at+"/A"] = `{"` + of + `":{"@odata.id":"` + at + `/A/` + of + `"}}`
		more[at+"/A/"+of] = `{"Members":[{"@odata.id":"` + at + `/A/1"},{"@odata.id":"` + at + `/A/2"}]}`
		return more
	}
	functions := card("NetworkDeviceFunctions", bmc{
		at + "/A/1": `{"Ethernet":{"MACAddress":"02:00:00:00:00:11","PermanentMACAddress":"02:00:00:00:00:01"}}`,
		at + "/A/2": `{"Ethernet":{"MACAddress":"00:00:00:00:00:00","PermanentMACAddress":"02:00:00:00:00:02"},"NetDevFuncType":"Ethernet"}`})
	for name, tt := range map[string]struct {
		board bmc
		want  string
	}{
		"functions": {board(linked, adapters, functions), "02:00:00:00:00:11 02:00:00:00:00:02"},
		"ports": {board(linked, adapters, card("Ports", bmc{
			at + "/A/1": `{"Ethernet":{"AssociatedMACAddresses":["02:00:00:00:00:01","02:00:00:00:00:03"]}}`,
			at + "/A/2": `{"PortProtocol":"InfiniBand"}`})), "02:00:00:00:00:01 02:00:00:00:00:03"},
		"old ports": {board(linked, adapters, card("NetworkPorts", bmc{
			at + "/A/1": `{"AssociatedNetworkAddresses":["02:00:00:00:00:01"]}`,
			at + "/A/2": `{"AssociatedNetworkAddresses":["02:00:00:00:00:02"]}`})), "02:00:00:00:00:01 02:00:00:00:00:02"},
		"without links":          {board(`{}`, adapters, functions), "02:00:00:00:00:11 02:00:00:00:00:02"},
		"of another's chassis":   {board(`{"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/2"}]}}`, adapters, functions), ""},
		"by the system's own":    {board(`{"NetworkInterfaces":{"@odata.id":"/redfish/v1/NI"}}`, `{}`, both(functions, bmc{"/redfish/v1/NI": `{"Members":[{"@odata.id":"/redfish/v1/NI/1"}]}`, "/redfish/v1/NI/1": `{"Links":{"NetworkAdapter":{"@odata.id":"` + at + `/A"}}}`})), "02:00:00:00:00:11 02:00:00:00:00:02"},
		"not beside listed ones": {board(`{"EthernetInterfaces":{"@odata.id":"/redfish/v1/E"}}`, adapters, both(functions, bmc{"/redfish/v1/E": `{"Members":[{"@odata.id":"/redfish/v1/E/1"}]}`, "/redfish/v1/E/1": `{"MACAddress":"02:00:00:00:00:77"}`})), "02:00:00:00:00:77"},
		"beside one without MAC": {board(`{"EthernetInterfaces":{"@odata.id":"/redfish/v1/E"}}`, adapters, both(functions, bmc{"/redfish/v1/E": `{"Members":[{"@odata.id":"/redfish/v1/E/1"}]}`, "/redfish/v1/E/1": `{"MACAddress":"00:00:00:00:00:00"}`})), "02:00:00:00:00:11 02:00:00:00:00:02"},
		"beside one of ones":     {board(`{"EthernetInterfaces":{"@odata.id":"/redfish/v1/E"}}`, adapters, both(functions, bmc{"/redfish/v1/E": `{"Members":[{"@odata.id":"/redfish/v1/E/1"}]}`, "/redfish/v1/E/1": `{"MACAddress":"FF:FF:FF:FF:FF:FF"}`})), "02:00:00:00:00:11 02:00:00:00:00:02"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := macs(t, tt.board); got != tt.want {
				t.Errorf("MACs %q, want %q", got, tt.want)
			}
		})
	}
}

// In a box of several systems nothing tells whose an adapter of the chassis is.
func TestAdaptersOfASharedChassisAreNobodys(t *testing.T) {
	b := board(`{"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/1"}]}}`, `{"NetworkAdapters":{"@odata.id":"/redfish/v1/A"},
		"Links":{"ComputerSystems":[{"@odata.id":"/redfish/v1/Systems/1"},{"@odata.id":"/redfish/v1/Systems/2"}]}}`, bmc{
		"/redfish/v1/Systems":   `{"Members":[{"@odata.id":"/redfish/v1/Systems/1"},{"@odata.id":"/redfish/v1/Systems/2"}]}`,
		"/redfish/v1/Systems/2": `{"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/1"}]}}`,
		"/redfish/v1/A":         `{"Members":[{"@odata.id":"/redfish/v1/A/1"}]}`,
		"/redfish/v1/A/1":       `{"Ports":{"@odata.id":"/redfish/v1/A/1/P"}}`,
		"/redfish/v1/A/1/P":     `{"Members":[{"@odata.id":"/redfish/v1/A/1/P/1"}]}`,
		"/redfish/v1/A/1/P/1":   `{"AssociatedNetworkAddresses":["02:00:00:00:00:01"]}`})
	if got := macs(t, b); got != "" {
		t.Errorf("MACs %q", got)
	}
}

func TestMACsOfS2600Boards(t *testing.T) {
	managers := bmc{
		"/redfish/v1/Managers":         `{"Members":[{"@odata.id":"/redfish/v1/Managers/BMC"}]}`,
		"/redfish/v1/Managers/BMC":     `{"EthernetInterfaces":{"@odata.id":"/redfish/v1/Managers/BMC/E"}}`,
		"/redfish/v1/Managers/BMC/E":   `{"Members":[{"@odata.id":"/redfish/v1/Managers/BMC/E/1"},{"@odata.id":"/redfish/v1/Managers/BMC/E/2"}]}`,
		"/redfish/v1/Managers/BMC/E/1": `{"MACAddress":"A4:BF:01:00:00:03"}`,
		"/redfish/v1/Managers/BMC/E/2": `{"MACAddress":"A4:BF:01:00:00:01"}`,
	}
	for _, tt := range []struct{ system, chassis, want string }{
		{`{"Model":"S2600WFT"}`, `{}`, "a4:bf:00:ff:ff:ff a4:bf:01:00:00:00"},
		{`{}`, `{"Model":"s2600bpb"}`, "a4:bf:00:ff:ff:ff a4:bf:01:00:00:00"},
		{`{"Model":"R272"}`, `{}`, ""},
	} {
		if got := macs(t, board(tt.system, tt.chassis, managers)); got != tt.want {
			t.Errorf("%s %s: MACs %q, want %q", tt.system, tt.chassis, got, tt.want)
		}
	}
}

// both are both documents.
func both(a, b bmc) bmc {
	all := bmc{}
	for _, docs := range []bmc{a, b} {
		for path, text := range docs {
			all[path] = text
		}
	}
	return all
}
