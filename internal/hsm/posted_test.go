package hsm

import (
	"strings"
	"testing"
)

// An endpoint as OpenCHAMI's tools send it: with what they found there.
const postedNode = `{"ID":"x1c0s3b0","Name":"n3","Type":"NodeBMC","FQDN":"bmc3.local","MACAddr":"AA:BB:CC:00:00:03","IPAddress":"10.1.0.3","SchemaVersion":1,
	"Systems":[
		{"uri":"https://bmc3.local/redfish/v1/Systems/Node1","uuid":"u1","name":"Node1","actions":null,"ethernet_interfaces":[]},
		{"uri":"https://bmc3.local/redfish/v1/Systems/Node0","uuid":"u0","name":"Node0","actions":["On","ForceOff"],"power":{"state":"Off"},
		 "ethernet_interfaces":[{"uri":"https://bmc3.local/redfish/v1/Systems/Node0/EthernetInterfaces/1","mac":"AA-BB-CC-00-01-03","ip":"10.2.0.3","name":"eth0","description":"boot"},{"mac":"Not Available","ip":""}]},
		{"uri":"https://bmc3.local/redfish/v1/Systems/Node0","uuid":"u0","name":"Node0"}],
	"Managers":[{"uri":"/redfish/v1/Managers/BMC","uuid":"m0","name":"BMC","type":"BMC","ethernet_interfaces":[{"mac":"aa:bb:cc:00:00:03","ip":"10.1.0.3","description":"mgmt"}]}]}`

func TestSystemsAndManagersPostedWithAnEndpointBecomeComponents(t *testing.T) {
	for name, wrap := range map[string][2]string{"alone": {"", ""}, "in a list": {`{"RedfishEndpoints":[{"ID":"x1c0s9b0"},`, `]}`}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if got := b.ok("POST", redfishEndpointsPath, wrap[0]+postedNode+wrap[1]); !strings.Contains(got, "x1c0s3b0") {
				t.Error(got)
			}
			wantPosted(t, b)
			b.refused("POST", redfishEndpointsPath, postedNode, 409, "x1c0s3b0")
		})
	}
}

func wantPosted(t *testing.T, b *bench) {
	t.Helper()
	if got := b.ids("/State/Components"); got != "x1c0s3b0 x1c0s3b0n0 x1c0s3b0n1" {
		t.Errorf("components %s", got)
	}
	if n0, n1 := b.component("x1c0s3b0n0"), b.component("x1c0s3b0n1"); n0.State != "Off" || n1.State != "On" || n0.Role != "Compute" || n0.NID == nil || *n0.NID == *n1.NID {
		t.Errorf("nodes %+v %+v", n0, n1)
	}
	e, err := b.ComponentEndpoint(t.Context(), "x1c0s3b0n0")
	if err != nil || e.OdataID != "/redfish/v1/Systems/Node0" || e.UUID != "u0" || e.MACAddr != "aa:bb:cc:00:01:03" || e.RedfishEndpointFQDN != "bmc3.local" {
		t.Errorf("%+v, %v", e, err)
	}
	if reset, ok := e.Reset(); !ok || reset.Target != "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset" || strings.Join(reset.AllowableValues, " ") != "On ForceOff" {
		t.Errorf("reset %+v", reset)
	}
	if bmc, err := b.ComponentEndpoint(t.Context(), "x1c0s3b0"); err != nil || bmc.RedfishType != "Manager" || bmc.OdataID != "/redfish/v1/Managers/BMC" {
		t.Errorf("%+v, %v", bmc, err)
	}
	for id, want := range map[string]string{"aabbcc000003": `"ComponentID":"x1c0s3b0","Type":"NodeBMC","IPAddresses":[{"IPAddress":"10.1.0.3"}]`,
		"aabbcc000103": `"ComponentID":"x1c0s3b0n0","Type":"Node","IPAddresses":[{"IPAddress":"10.2.0.3"}]`} {
		if got := b.ok("GET", ethernetPath+"/"+id, ""); !strings.Contains(got, want) {
			t.Errorf("%s: %s", id, got)
		}
	}
	if got := b.ok("GET", redfishEndpointsPath+"/x1c0s3b0", ""); strings.Contains(got, "Systems") || strings.Contains(got, "SchemaVersion") {
		t.Error(got)
	}
}

func TestWhatIsPostedWithAnEndpointIsCheckedFirst(t *testing.T) {
	b := newBench(t, nil)
	for _, e := range []struct{ body, part string }{
		{`{"ID":"x1c0s3b0","Systems":[{"Data":{"@odata.id":"/redfish/v1/Systems/1"}}]}`, "uri"},
		{`{"ID":"x1c0s3b0","Managers":[{"name":"BMC"}]}`, "uri"},
		{`{"ID":"x1c0s3b0","Systems":[{"uri":"/redfish/v1/Systems/1","ethernet_interfaces":[{"mac":"aabbcc000001","ip":"ten"}]}]}`, "IP address"},
		{`{"ID":"x1c0b0","Systems":[{"uri":"/redfish/v1/Systems/1"}]}`, "NodeBMC"},
	} {
		b.refused("POST", redfishEndpointsPath, e.body, 400, e.part)
	}
	if got := b.ids("/State/Components"); got != "" {
		t.Errorf("refused endpoints left %s", got)
	}
	if got := b.ok("GET", redfishEndpointsPath, ""); got != `{"RedfishEndpoints":[]}` {
		t.Error(got)
	}
}

// As OpenCHAMI has it. PATCH of one that there is not stays an error.
func TestPutOfAnUnknownEndpointCreatesIt(t *testing.T) {
	b := newBench(t, nil)
	if got := b.ok("PUT", redfishEndpointsPath+"/X1c0s03b0", postedNode); !strings.Contains(got, `"ID":"x1c0s3b0"`) || !strings.Contains(got, `"LastDiscoveryStatus":"NotYetQueried"`) {
		t.Error(got)
	}
	wantPosted(t, b)
	b.refused("PUT", redfishEndpointsPath+"/x1c0s4b0", postedNode, 400, "the path says")
	b.refused("PUT", redfishEndpointsPath+"/x1c0s4b0n0", `{}`, 400, "no type of Redfish endpoint")
	b.refused("PATCH", redfishEndpointsPath+"/x1c0s4b0", `{"FQDN":"x"}`, 404, "x1c0s4b0")
	b.ok("PUT", redfishEndpointsPath+"/x1c0s5b0", `{"FQDN":"bmc5","User":"root","Password":"secret"}`)
	if login, err := b.Credentials(t.Context(), "x1c0s5b0"); err != nil || login.Password != "secret" {
		t.Errorf("%+v, %v", login, err)
	}

	b.ok("PUT", redfishEndpointsPath+"/x1c0s3b0", strings.NewReplacer("10.2.0.3", "10.2.0.4", `"Node1"`, `"Node01"`).Replace(postedNode))
	if got := b.ok("GET", ethernetPath+"/aabbcc000103", ""); !strings.Contains(got, `"IPAddress":"10.2.0.4"`) || strings.Contains(got, "10.2.0.3") {
		t.Errorf("a replaced endpoint's interface: %s", got)
	}
}

func TestControllersHaveANetworkTypeAndAnArchitecture(t *testing.T) {
	b := newBench(t, nil)
	b.ok("POST", redfishEndpointsPath, postedNode)
	if c := b.component("x1c0s3b0"); c.NetType != "Sling" || c.Arch != "X86" || c.State != "Ready" {
		t.Errorf("%+v", c)
	}
	arm := card("Off")
	for i := range arm.Systems {
		arm.Systems[i].ProcessorArchitecture = "ARM"
	}
	f := mapInventory(&RedfishEndpoint{ID: "x1000c0s0b1", Type: "NodeBMC"}, arm, true)
	if c := f.components[0]; c.ID != "x1000c0s0b1" || c.NetType != "Sling" || c.Arch != "ARM" {
		t.Errorf("%+v", c)
	}
}
