package hsm

import (
	"encoding/json"
	"strings"
	"testing"
)

// A value that nothing can have is a mistake of who asks, not an empty list.
func TestValuesThatCannotBeValidAreRefused(t *testing.T) {
	b := seeded(t)
	for _, q := range []struct{ path, part string }{
		{"/Inventory/RedfishEndpoints?id=foo", "xname"}, {"/Inventory/RedfishEndpoints?id=", "xname"},
		{"/Inventory/RedfishEndpoints?type=foo", "Type"}, {"/Inventory/RedfishEndpoints?type=", "Type"},
		{"/Inventory/RedfishEndpoints?laststatus=Fine", "laststatus"}, {"/Inventory/RedfishEndpoints?macaddr=zz", "MAC"},
		{"/Inventory/RedfishEndpoints?ipaddress=ten", "IP address"}, {"/Inventory/RedfishEndpoints/Query/foo", "xname"},
		{"/Inventory/EthernetInterfaces?ComponentID=BADID", "xname"}, {"/Inventory/EthernetInterfaces?ComponentID=", "xname"},
		{"/Inventory/EthernetInterfaces?MACAddress=BADMAC", "MAC"}, {"/Inventory/EthernetInterfaces?MACAddress=", "MAC"},
		{"/Inventory/EthernetInterfaces?Type=foo", "Type"}, {"/Inventory/EthernetInterfaces?IPAddress=ten", "IP address"},
		{"/Inventory/ComponentEndpoints/foo", "xname"}, {"/Inventory/ComponentEndpoints?id=foo", "xname"},
		{"/Inventory/ComponentEndpoints?redfish_ep=foo", "xname"}, {"/Inventory/ComponentEndpoints?type=", "Type"},
		{"/State/Components?group=no%20label", "group"}, {"/State/Components?group=", "group"},
		{"/State/Components?partition=blue", "partition"}, {"/State/Components?partition=", "partition"},
		{"/State/Components?enabled=", "enabled"}, {"/State/Components?id=", "xname"}, {"/State/Components?state=", "State"},
		{"/groups?group=no%20label", "group"}, {"/groups?group=", "group"}, {"/groups?tag=", "tag"}, {"/groups?partition=blue", "partition"},
		{"/groups/blue?partition=red", "partition"}, {"/groups/no%20label", "label"},
		{"/partitions?partition=blue", "partition"}, {"/partitions/blue", "partition"}, {"/memberships?group=", "group"},
		{"/locks/status?locked=", "locked"}, {"/locks/status?reserved=", "reserved"},
	} {
		b.refused("GET", q.path, "", 400, q.part)
	}
	b.refused("DELETE", "/Inventory/ComponentEndpoints/foo", "", 400, "xname")
	b.refused("DELETE", "/Inventory/RedfishEndpoints/foo", "", 400, "xname")
	b.refused("POST", "/locks/service/reservations/check", `{"DeputyKeys":[]}`, 400, "DeputyKeys")
	b.refused("POST", "/locks/service/reservations/check", `{}`, 400, "DeputyKeys")
	b.refused("POST", "/locks/status", `{"ComponentIDs":["x9c0s0b0n0"]}`, 400, "x9c0s0b0n0")
	if got := b.ok("POST", "/locks/status", `{"ComponentIDs":["x9c0s0b0n0","x1000c0s0b0n0"]}`); !strings.Contains(got, `"NotFound":["x9c0s0b0n0"]`) {
		t.Error(got)
	}
}

// What is asked for in one spelling is found in any.
func TestEachSpellingOfAKeyIsTheSameKey(t *testing.T) {
	b := seeded(t)
	b.ok("POST", "/groups", `{"label":"Blue.1","tags":["T"],"members":{"ids":["X1000c00s0b0n0"]}}`)
	b.refused("POST", "/groups", `{"label":"BLUE.1"}`, 409, "blue.1")
	b.ok("POST", "/partitions", `{"name":"P01.02","members":{"ids":["x1000c0s0b0n0"]}}`)
	b.refused("POST", "/partitions", `{"name":"p1.2"}`, 409, "p1.2")
	for _, path := range []string{"/State/Components?group=BLUE.1", "/State/Components?partition=P01.2", "/State/Components?id=X1000C0S00B0N0",
		"/State/Components?group=Blue.1&partition=p1.02"} {
		if got := b.ids(path); got != "x1000c0s0b0n0" {
			t.Errorf("%s: %q", path, got)
		}
	}
	for _, path := range []string{"/groups/BLUE.1", "/groups/BLUE.1/members", "/groups/blue.1?partition=p01.2", "/partitions/P01.02", "/partitions/p01.2/members"} {
		if got := b.ok("GET", path, ""); !strings.Contains(got, `"ids":["x1000c0s0b0n0"]`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := b.ok("POST", "/groups/BLUE.1/members", `{"id":"X1000c0s0b0n01"}`); got != `[{"URI":"/hsm/v2/groups/blue.1/members/x1000c0s0b0n1"}]` {
		t.Error(got)
	}
	b.ok("DELETE", "/groups/BLUE.1/members/X1000c0s0b0n01", "")
	b.ok("DELETE", "/partitions/p01.2", "")

	b.ok("POST", ethernetPath, `{"MACAddress":"AA_BB_CC_00_00_09","IPAddresses":[{"IPAddress":"FE80:0::01"}]}`)
	for _, q := range []string{"MACAddress=AABB.CC00.0009", "IPAddress=fe80::1", "IPAddress=FE80:0:0::1", "MACAddress=aa-bb-cc-00-00-09"} {
		if got := b.ok("GET", ethernetPath+"?"+q, ""); !strings.Contains(got, `"MACAddress":"aa:bb:cc:00:00:09"`) {
			t.Errorf("%s: %s", q, got)
		}
	}
	b.ok("DELETE", ethernetPath+"/AA:BB:CC:00:00:09/IPAddresses/FE80::0001", "")

	b.ok("POST", redfishEndpointsPath, `{"ID":"X1000c00s7b0","FQDN":"10.0.0.7","MACAddr":"AA-BB-CC-00-00-01","IPAddress":"10.0.0.7"}`)
	for _, q := range []string{"id=x1000C0s07b0", "macaddr=aabbcc000001", "macaddr=AA:BB:CC:00:00:01", "laststatus=notyetqueried", "laststatus=!DiscoverOK", "type=nodebmc", "ipaddress=10.0.0.7"} {
		if got := b.ok("GET", redfishEndpointsPath+"?"+q, ""); !strings.Contains(got, `"ID":"x1000c0s7b0"`) {
			t.Errorf("%s: %s", q, got)
		}
	}
	b.refused("POST", redfishEndpointsPath, `{"ID":"x1000c0s8b0","MACAddr":"none"}`, 400, "MACAddr")
}

// The published file: a blank address or network selects what has none.
func TestABlankAddressSelectsWhatHasNone(t *testing.T) {
	b := newBench(t, nil)
	b.ok("POST", ethernetPath, `{"MACAddress":"aabbcc000001"}`)
	b.ok("POST", ethernetPath, `{"MACAddress":"aabbcc000002","IPAddresses":[{"IPAddress":"10.0.0.2"}]}`)
	b.ok("POST", ethernetPath, `{"MACAddress":"aabbcc000003","IPAddresses":[{"IPAddress":"10.0.0.3","Network":"NMN"}]}`)
	for query, want := range map[string]string{"IPAddress=": "aabbcc000001", "Network=": "aabbcc000002", "Network=&Network=NMN": "aabbcc000002 aabbcc000003",
		"IPAddress=&IPAddress=10.0.0.3": "aabbcc000001 aabbcc000003"} {
		var found []EthernetInterface
		if err := json.Unmarshal([]byte(b.ok("GET", ethernetPath+"?"+query, "")), &found); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s0b0"}`)
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s1b0","IPAddress":"10.0.0.9"}`)
	if got := b.ok("GET", redfishEndpointsPath+"?ipaddress=", ""); !strings.Contains(got, "x1c0s0b0") || strings.Contains(got, "x1c0s1b0") {
		t.Error(got)
	}
}

func TestDetailsOfADiscoveryStatusAreAnObject(t *testing.T) {
	b := newBench(t, nil)
	b.ok("POST", redfishEndpointsPath, `{"RedfishEndpoints":[{"ID":"x1c0s0b0"},{"ID":"x1c0s1b0"}]}`)
	for _, path := range []string{"/Inventory/DiscoveryStatus/0", "/Inventory/DiscoveryStatus"} {
		if got := b.ok("GET", path, ""); !strings.Contains(got, `"Details":{"NotYetQueried":2}`) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// Host name, domain and full name say the same, or nobody knows which BMC is meant.
func TestAHostNameThatContradictsTheIDIsRefused(t *testing.T) {
	b := newBench(t, nil)
	for _, e := range []string{`{"ID":"x1c0s0b0","Hostname":"bmc0","FQDN":"bmc1.local"}`, `{"ID":"x1c0s0b0","Hostname":"bmc0","FQDN":"10.0.0.1"}`,
		`{"ID":"x1c0s0b0","Hostname":"bmc0","Domain":"far","FQDN":"bmc0.local"}`, `{"ID":"x1c0s0b0","Hostname":"10.0.0.1","IPAddress":"10.0.0.2"}`} {
		b.refused("POST", redfishEndpointsPath, e, 400, "x1c0s0b0")
	}
	b.refused("GET", redfishEndpointsPath+"/x1c0s0b0", "", 404, "x1c0s0b0")
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s0b0","Hostname":"bmc0","Domain":"local","FQDN":"BMC0.local"}`)
	b.refused("PATCH", redfishEndpointsPath+"/x1c0s0b0", `{"Hostname":"bmc1","FQDN":"bmc0.local"}`, 400, "x1c0s0b0")
	if got := b.ok("PATCH", redfishEndpointsPath+"/x1c0s0b0", `{"FQDN":"10.0.0.1:8443"}`); !strings.Contains(got, `"Hostname":"","Domain":"","FQDN":"10.0.0.1:8443"`) {
		t.Error(got) // who tells the new full name alone has not to know the old host name
	}
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s2b0","Hostname":"bmc2","FQDN":"bmc2.local"}`)
	b.ok("POST", redfishEndpointsPath, `{"ID":"x1c0s3b0","Hostname":"10.0.0.3","FQDN":"10.0.0.3:8443"}`)
}

// As OpenCHAMI has it: PUT of the members replaces all of them.
func TestPutOfGroupMembersReplacesThem(t *testing.T) {
	b := seeded(t)
	b.ok("POST", "/groups", `{"label":"blue","exclusiveGroup":"colour","members":{"ids":["x1000c0s0b0n0"]}}`)
	b.ok("POST", "/groups", `{"label":"red","exclusiveGroup":"colour","members":{"ids":["x1000c0s1b0n0"]}}`)
	b.ok("PUT", "/groups/BLUE/members", `{"group":"Blue","ids":["X1000c0s0b0n01"]}`)
	want := func(ids string) {
		t.Helper()
		if got := b.ok("GET", "/groups/blue/members", ""); got != `{"ids":[`+ids+`]}` {
			t.Errorf("members %s, want %s", got, ids)
		}
	}
	want(`"x1000c0s0b0n1"`)
	b.refused("PUT", "/groups/blue/members", `{"ids":["x1000c0s0b0n0","x9c0s0b0n0"]}`, 400, "does not exist")
	b.refused("PUT", "/groups/blue/members", `{"ids":["x1000c0s1b0n0"]}`, 409, "red")
	b.refused("PUT", "/groups/blue/members", `{"group":"red","ids":[]}`, 400, "the path says")
	b.refused("PUT", "/groups/blue/members", `{}`, 400, "Missing IDs")
	b.refused("PUT", "/groups/none/members", `{"ids":[]}`, 404, "none")
	want(`"x1000c0s0b0n1"`) // what was refused changed nothing
	b.ok("PUT", "/groups/blue/members", `{"ids":[]}`)
	want("")
}
