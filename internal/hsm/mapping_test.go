package hsm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/redfish"
)

// card is what the BMC of an EX node card with two nodes says.
func card(power string) redfish.Inventory {
	system := func(id, mac string) redfish.System {
		return redfish.System{OdataID: "/redfish/v1/Systems/" + id, ID: id, Name: id, SystemType: "Physical", PowerState: power,
			StatusState: "Enabled", Health: "OK", Model: "HPE CRAY EX425 (MILAN)", ResetTarget: "/redfish/v1/Systems/" + id + "/Actions/ComputerSystem.Reset",
			ResetTypes: []string{"On", "ForceOff"}, Interfaces: []redfish.Interface{
				{OdataID: "/redfish/v1/Systems/" + id + "/EthernetInterfaces/HPCNet0", ID: "HPCNet0", MAC: "Not Available"},
				{OdataID: "/redfish/v1/Systems/" + id + "/EthernetInterfaces/1", ID: "1", MAC: mac, Description: "Node Maintenance Network"}}}
	}
	return redfish.Inventory{RedfishVersion: "1.7.0", UUID: "u1",
		Managers: []redfish.Manager{{OdataID: "/redfish/v1/Managers/aux", UUID: "u0"},
			{OdataID: "/redfish/v1/Managers/BMC", ID: "BMC", UUID: "u1", ManagerType: "BMC", Interfaces: []redfish.Interface{{ID: "1", MAC: "02:00:00:00:00:0A"}}}},
		Chassis: []redfish.Chassis{{OdataID: "/redfish/v1/Chassis/Mezz0", ChassisType: "Card"}, {OdataID: "/redfish/v1/Chassis/Enclosure", ChassisType: "Enclosure", PowerState: "On"}},
		Systems: []redfish.System{system("Node1", "02:00:00:00:00:01"), {OdataID: "/redfish/v1/Systems/HV", SystemType: "Virtual"}, system("Node0", "02-00-00-00-00-00")}}
}

func TestNodeCard(t *testing.T) {
	e := RedfishEndpoint{ID: "x1000c0s0b1", Type: "NodeBMC", FQDN: "127.0.0.1:9000"}
	f := mapInventory(&e, card("Off"), true)
	want := []Component{
		{ID: "x1000c0s0b1", Type: "NodeBMC", State: "Ready", Flag: "OK", Class: "Mountain", Arch: "X86", NetType: "Sling"},
		{ID: "x1000c0s0b1n0", Type: "Node", State: "Off", Flag: "OK", Class: "Mountain", Arch: "X86", NetType: "Sling"},
		{ID: "x1000c0s0b1n1", Type: "Node", State: "Off", Flag: "OK", Class: "Mountain", Arch: "X86", NetType: "Sling"},
		{ID: "x1000c0s0e1", Type: "NodeEnclosure", State: "On", Flag: "OK", Class: "Mountain"}}
	if diff := cmp.Diff(want, f.components); diff != "" {
		t.Error(diff)
	}
	const node0 = "/redfish/v1/Systems/Node0"
	wantNode := ComponentEndpoint{ID: "x1000c0s0b1n0", Type: "Node", RedfishType: "ComputerSystem", RedfishSubtype: "Physical",
		MACAddr: "02:00:00:00:00:00", OdataID: node0, RedfishEndpointID: "x1000c0s0b1", Enabled: true, RedfishEndpointFQDN: "127.0.0.1:9000",
		RedfishURL: "127.0.0.1:9000" + node0, ComponentEndpointType: "ComponentEndpointComputerSystem",
		RedfishSystemInfo: &RedfishSystemInfo{Name: "Node0",
			Actions: &SystemActions{ResetAction{[]string{"On", "ForceOff"}, node0 + "/Actions/ComputerSystem.Reset"}},
			EthernetNICInfo: []EthernetNICInfo{{RedfishID: "HPCNet0", OdataID: node0 + "/EthernetInterfaces/HPCNet0"},
				{RedfishID: "1", OdataID: node0 + "/EthernetInterfaces/1", Description: "Node Maintenance Network", MACAddress: "02:00:00:00:00:00"}}}}
	if diff := cmp.Diff(wantNode, f.endpoints[1]); diff != "" {
		t.Error(diff)
	}
	macs := map[string]string{}
	for _, i := range f.interfaces {
		macs[i.ID] = i.ComponentID
	}
	if diff := cmp.Diff(map[string]string{"02000000000a": "x1000c0s0b1", "020000000000": "x1000c0s0b1n0", "020000000001": "x1000c0s0b1n1"}, macs); diff != "" {
		t.Error(diff)
	}
}

func TestChassisAndRouters(t *testing.T) {
	cmm := redfish.Inventory{Managers: []redfish.Manager{{OdataID: "/m"}}, Chassis: []redfish.Chassis{
		{ID: "Enclosure", ChassisType: "Enclosure", PowerState: "On"}, {ID: "Blade3", ChassisType: "Blade", PowerState: "Off", ResetTarget: "/r"},
		{ID: "Blade4", ChassisType: "Blade", StatusState: "Absent", PowerState: "Off"}, {ID: "Perif7", ChassisType: "Blade", PowerState: "On"}, {ID: "Odd"}}}
	states := func(f finding) map[string]string {
		out := map[string]string{}
		for _, c := range f.components {
			out[c.ID+" "+c.Type] = c.State
		}
		return out
	}
	f := mapInventory(&RedfishEndpoint{ID: "x1000c1b0", Type: "ChassisBMC"}, cmm, true)
	if diff := cmp.Diff(map[string]string{"x1000c1b0 ChassisBMC": "Ready", "x1000c1 Chassis": "On", "x1000c1s3 ComputeModule": "Off",
		"x1000c1s4 ComputeModule": "Empty", "x1000c1r7 RouterModule": "On"}, states(f)); diff != "" {
		t.Error(diff)
	}
	for _, e := range f.endpoints {
		if action, ok := e.Reset(); ok != (e.ID == "x1000c1s3") || ok && action.Target != "/r" {
			t.Errorf("%s: reset %+v", e.ID, action)
		}
	}
	router := redfish.Inventory{Managers: []redfish.Manager{{OdataID: "/m"}}, Chassis: []redfish.Chassis{{ChassisType: "Enclosure", PowerState: "On", Health: "Critical"}}}
	f = mapInventory(&RedfishEndpoint{ID: "x1000c1r7b0", Type: "RouterBMC"}, router, true)
	if diff := cmp.Diff(map[string]string{"x1000c1r7b0 RouterBMC": "Ready", "x1000c1r7e0 HSNBoard": "On"}, states(f)); diff != "" {
		t.Error(diff)
	}
	if f.components[1].Flag != "Alert" {
		t.Errorf("a critical board has flag %s", f.components[1].Flag)
	}
}

func TestReadings(t *testing.T) {
	for in, want := range map[[2]string]string{{"On", "Enabled"}: "On", {"PoweringOff", ""}: "On", {"PoweringOn", "Starting"}: "Off",
		{"Off", ""}: "Off", {"On", "Absent"}: "Empty", {"", "Enabled"}: "Populated"} {
		if got := stateOf(in[0], in[1]); got != want {
			t.Errorf("state of %v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[[2]string]string{{"x86", ""}: "X86", {"x86-64", ""}: "X86", {"ARM", ""}: "ARM", {"ARM-A64", ""}: "ARM",
		{"MIPS", ""}: "Other", {"", "HPE CRAY EX254n"}: "ARM", {"", "HPE Cray EX235a"}: "X86", {"", "R272"}: "UNKNOWN"} {
		if got := archOf(in[0], in[1]); got != want {
			t.Errorf("architecture of %v: %s, want %s", in, got, want)
		}
	}
}

func TestRediscoveryKeepsARunningNode(t *testing.T) {
	for _, c := range []struct{ was, found, want string }{
		{"Ready", "On", "Ready"}, {"Standby", "On", "Standby"}, {"Halt", "On", "Halt"}, {"Ready", "Off", "Off"},
		{"Off", "On", "On"}, {"Empty", "On", "On"}, {"Ready", "Empty", "Empty"}, {"On", "Populated", "Populated"},
	} {
		node := Component{State: c.was, Flag: "OK", Role: "Storage"}
		if changed := node.rediscover(Component{State: c.found, Flag: "OK"}); node.State != c.want || node.Role != "Storage" || changed != (c.was != c.want) {
			t.Errorf("%s found %s: %+v, changed %t", c.was, c.found, node, changed)
		}
	}
}
