package hsm

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
)

func TestEthernetInterfaces(t *testing.T) {
	b := newBench(t, nil)
	const path = "/Inventory/EthernetInterfaces"
	got := b.ok("POST", path, `{"MACAddress":"B4-2E-99-DF-EC-47","ComponentID":"x1000C0s0b0n0","IPAddresses":[{"IPAddress":"10.1.0.5","Network":"NMN"}]}`)
	if got != `{"URI":"/hsm/v2/Inventory/EthernetInterfaces/b42e99dfec47"}` {
		t.Error(got)
	}
	b.refused("POST", path, `{"MACAddress":"b42e99dfec47"}`, 409, "b42e99dfec47")
	b.refused("POST", path, `{"MACAddress":"Not Available"}`, 400, "MACAddress")
	b.refused("POST", path, `{"MACAddress":"b42e99dfec48","IPAddresses":[{"IPAddress":"ten"}]}`, 400, "IPAddress")
	const want = `{"ID":"b42e99dfec47","Description":"","MACAddress":"b4:2e:99:df:ec:47","LastUpdate":"2026-03-01T12:00:00Z","ComponentID":"x1000c0s0b0n0","Type":"Node","IPAddresses":[{"IPAddress":"10.1.0.5","Network":"NMN"}]}`
	for _, query := range []string{"", "?MACAddress=B4:2E:99:DF:EC:47", "?ComponentID=x1000c0s0b0n0", "?IPAddress=10.1.0.5", "?Network=nmn&Type=node",
		"?OlderThan=2026-03-01T12:00:01Z", "?NewerThan=2026-03-01T11:59:59Z"} {
		if got := b.ok("GET", path+query, ""); got != "["+want+"]" {
			t.Errorf("%s: %s", query, got)
		}
	}
	for _, query := range []string{"?MACAddress=aabbccddeeff", "?IPAddress=10.1.0.6", "?OlderThan=2026-03-01T12:00:00Z", "?Type=NodeBMC"} {
		if got := b.ok("GET", path+query, ""); got != "[]" {
			t.Errorf("%s: %s", query, got)
		}
	}
	b.refused("GET", path+"?NewerThan=yesterday", "", 400, "NewerThan")

	const one = path + "/b42e99dfec47"
	b.ok("PATCH", one, `{"Description":"d","ComponentID":"x1000c0s0b0"}`)
	b.ok("POST", one+"/IPAddresses", `{"IPAddress":"10.2.0.5"}`)
	b.refused("POST", one+"/IPAddresses", `{"IPAddress":"10.2.0.5"}`, 409, "10.2.0.5")
	b.ok("PATCH", one+"/IPAddresses/10.2.0.5", `{"Network":"HMN"}`)
	b.ok("DELETE", one+"/IPAddresses/10.1.0.5", "")
	b.refused("DELETE", one+"/IPAddresses/10.1.0.5", "", 404, "10.1.0.5")
	if got := b.ok("GET", one+"/IPAddresses", ""); got != `[{"IPAddress":"10.2.0.5","Network":"HMN"}]` {
		t.Error(got)
	}
	if e, err := b.EthernetInterface(t.Context(), "b4:2e:99:df:ec:47"); err != nil || e.Type != "NodeBMC" || e.Description != "d" {
		t.Errorf("%+v %v", e, err)
	}
	b.ok("DELETE", one, "")
	b.refused("GET", one, "", 404, "b42e99dfec47")
	b.refused("DELETE", path, "", 404, "no entries to delete")

	for _, ip := range []string{"10.3.0.1", "10.3.0.2"} {
		if err := b.client.SetIPAddress(t.Context(), "02:00:00:00:00:01", ip); err != nil {
			t.Fatal(err)
		}
	}
	found, err := b.client.EthernetInterfaces(t.Context(), url.Values{"MACAddress": {"02:00:00:00:00:01"}})
	if err != nil || len(found) != 1 || len(found[0].IPAddresses) != 1 || found[0].IPAddresses[0].IPAddress != "10.3.0.2" {
		t.Errorf("%+v %v", found, err)
	}
}

// A node tells its address at each boot.
func TestAnInterfaceThatStaysAsItIsHasNotChanged(t *testing.T) {
	b := newBench(t, nil)
	const path = "/Inventory/EthernetInterfaces"
	b.ok("POST", path, `{"MACAddress":"b42e99dfec47","Description":"d","ComponentID":"x1000c0s0b0n0","IPAddresses":[{"IPAddress":"10.1.0.5"}]}`)
	const one = path + "/b42e99dfec47"
	began := b.clock()
	for _, same := range []string{`{"IPAddresses":[{"IPAddress":"10.1.0.5"}]}`, `{"Description":"d","ComponentID":"x1000c0s0b0n0"}`} {
		b.advance(time.Hour)
		b.ok("PATCH", one, same)
		if e, err := b.EthernetInterface(t.Context(), "b42e99dfec47"); err != nil || !e.LastUpdate.Equal(began) {
			t.Errorf("after %s: %+v %v", same, e, err)
		}
	}
	for _, other := range []string{`{"Description":"e"}`, `{"ComponentID":"x1000c0s0b0n1"}`, `{"ComponentID":"x1000c0s0b0"}`,
		`{"IPAddresses":[{"IPAddress":"10.1.0.6"}]}`, `{"IPAddresses":[{"IPAddress":"10.1.0.6","Network":"HMN"}]}`} {
		b.advance(time.Hour)
		b.ok("PATCH", one, other)
		if e, err := b.EthernetInterface(t.Context(), "b42e99dfec47"); err != nil || !e.LastUpdate.Equal(b.clock()) {
			t.Errorf("after %s: %+v %v", other, e, err)
		}
	}
	b.advance(time.Hour)
	b.ok("PATCH", one+"/IPAddresses/10.1.0.6", `{"Network":"NMN"}`)
	if e, err := b.EthernetInterface(t.Context(), "b42e99dfec47"); err != nil || !e.LastUpdate.Equal(b.clock()) {
		t.Errorf("after another network: %+v %v", e, err)
	}
}

func TestRedfishEndpoints(t *testing.T) {
	b := newBench(t, nil)
	const path = "/Inventory/RedfishEndpoints"
	got := b.ok("POST", path, `{"ID":"x1000c0s0b0","Hostname":"bmc0","Domain":"local","User":"root","Password":"secret"}`)
	if got != `[{"URI":"/hsm/v2/Inventory/RedfishEndpoints/x1000c0s0b0"}]` {
		t.Error(got)
	}
	const want = `{"ID":"x1000c0s0b0","Type":"NodeBMC","Hostname":"bmc0","Domain":"local","FQDN":"bmc0.local","Enabled":true,"User":"root","Password":"","RediscoverOnUpdate":false,"DiscoveryInfo":{"LastDiscoveryStatus":"NotYetQueried"}}`
	if got := b.ok("GET", path+"/x1000c0s0b0", ""); got != want {
		t.Error(got)
	}
	for query, there := range map[string]bool{"fqdn=bmc0.local": true, "fqdn=bmc1.local": false, "type=NodeBMC&laststatus=NotYetQueried": true,
		"laststatus=DiscoverOK": false, "id=x1000c0s0b0": true} {
		if got := b.ok("GET", path+"?"+query, ""); strings.Contains(got, "x1000c0s0b0") != there {
			t.Errorf("%s: %s", query, got)
		}
	}
	b.refused("POST", path, `{"ID":"x1000c0s0b0"}`, 409, "x1000c0s0b0")
	b.refused("POST", path, `{"ID":"x1000c0s0b0n0"}`, 400, "no type of Redfish endpoint")
	b.refused("POST", path, `{"RedfishEndpoints":[{"ID":"x1000c0s1b0"},{"ID":"x1000c0s0b0"}]}`, 409, "x1000c0s0b0")
	b.refused("GET", path+"/x1000c0s1b0", "", 404, "x1000c0s1b0") // none was added
	b.refused("POST", path, `{"RedfishEndpoints":[{"ID":"x1000c0s1b0"},{"ID":"x1000c0s01b0"}]}`, 400, "twice")

	login, err := b.Credentials(t.Context(), "x1000c0s0b0")
	if err != nil || login.Username != "root" || login.Password != "secret" {
		t.Errorf("%+v %v", login, err)
	}
	if got := b.ok("PATCH", path+"/x1000c0s0b0", `{"ID":"x1000c0s0b0","Hostname":"bmc9","Password":"new"}`); !strings.Contains(got, `"FQDN":"bmc9.local"`) || strings.Contains(got, "new") {
		t.Error(got)
	}
	if login, _ := b.Credentials(t.Context(), "x1000c0s0b0"); login.Username != "root" || login.Password != "new" {
		t.Errorf("after the patch %+v", login)
	}
	b.refused("PATCH", path+"/x1000c0s0b0", `{"ID":"x1000c0s1b0"}`, 400, "the path says")
	b.refused("PATCH", path+"/x1000c0s1b0", `{}`, 404, "x1000c0s1b0")
	if got := b.ok("PUT", path+"/x1000c0s0b0", `{"ID":"x1000c0s0b0","FQDN":"127.0.0.1:9000"}`); !strings.Contains(got, `"Hostname":"","Domain":"","FQDN":"127.0.0.1:9000"`) {
		t.Error(got)
	}
	if login, err := b.Credentials(t.Context(), "x1000c0s0b0"); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "give User and Password") {
		t.Errorf("the password follows to another address: %+v, %v", login, err)
	}
	b.ok("DELETE", path+"/x1000c0s0b0", "")
	if _, err := b.Credentials(t.Context(), "x1000c0s0b0"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deleted endpoint left its login: %v", err)
	}
	b.refused("POST", "/Inventory/Discover", `{}`, 404, "RedfishEndpoints")
}

// Who may change where a controller is must not learn its password by that.
func TestEndpointThatMovesLosesItsPassword(t *testing.T) {
	const path, id = "/Inventory/RedfishEndpoints", "x1000c0s0b0"
	for sent, stays := range map[string]bool{
		`{"Enabled":false}`:                                true,
		`{"FQDN":"BMC0.local"}`:                            true,
		`{"FQDN":"https://bmc0.local"}`:                    true,
		`{"IPAddress":"10.1.0.5"}`:                         true, // the one that it has
		`{"FQDN":"http://bmc0.local"}`:                     false,
		`{"FQDN":"bmc0.local:8443"}`:                       false,
		`{"FQDN":"bmc0.evil"}`:                             false,
		`{"Hostname":"bmc1"}`:                              false,
		`{"Domain":"evil"}`:                                false,
		`{"IPAddress":"10.1.0.6"}`:                         false,
		`{"FQDN":"bmc1.local","Password":"another"}`:       true,
		`{"FQDN":"bmc1.local","User":"root"}`:              false,
		`{"FQDN":"bmc1.local","RediscoverOnUpdate":false}`: false,
	} {
		b := newBench(t, nil)
		b.ok("POST", path, `{"ID":"x1000c0s0b0","Hostname":"bmc0","Domain":"local","IPAddress":"10.1.0.5","User":"root","Password":"secret"}`)
		got := b.ok("PATCH", path+"/"+id, sent)
		login, err := b.Credentials(t.Context(), id)
		if kept := err == nil && login.Password != ""; kept != stays || strings.Contains(got, "give User and Password again") == stays {
			t.Errorf("%s: %+v, %v: %s", sent, login, err, got)
		}
		if stays {
			continue
		}
		b.ok("PATCH", path+"/"+id, `{"Password":"given again"}`)
		if login, err := b.Credentials(t.Context(), id); err != nil || login.Username != "root" || login.Password != "given again" {
			t.Errorf("%s, then the password: %+v, %v", sent, login, err)
		}
	}
}

func TestServiceInformation(t *testing.T) {
	b := newBench(t, nil)
	if got := b.ok("GET", "/service/ready", ""); got != `{"code":0,"message":"HSM is healthy"}` {
		t.Error(got)
	}
	b.ok("GET", "/service/liveness", "")
	if got := b.ok("GET", "/service/values/class", ""); got != `{"Class":["River","Mountain","Hill"]}` {
		t.Error(got)
	}
	if got := b.ok("GET", "/service/values", ""); !strings.Contains(got, `"Type":[`) || !strings.Contains(got, `"NetType":[`) {
		t.Error(got)
	}
}

func TestExpiryIsExact(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := reservation{Expires: &at}
	if r.expired(at.Add(-1)) || !r.expired(at) {
		t.Error("a reservation ends at its expiration time")
	}
	if (&reservation{}).expired(at) {
		t.Error("an administrator's reservation never ends")
	}
}
