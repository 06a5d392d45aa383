package bss_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/hsm"
)

const forwarded = "X-Forwarded-For"

func TestMetaData(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "10.1.0.7")
	c := r.hsm.components[node]
	c.SubRole = "UAN"
	r.hsm.components[node] = c
	put := func(host string, data map[string]any) {
		r.put(bss.BootParameters{Hosts: []string{host}, CloudInit: &bss.CloudInit{MetaData: data}})
	}
	put("Default", map[string]any{"who": "default"})
	put("UAN", map[string]any{"who": "role", "role": map[string]any{"a": 1, "b": 2}})
	put(node, map[string]any{"who": "node", "role": map[string]any{"b": 3}})
	put("Global", map[string]any{"site": "here"})

	want(t, "of the node", strings.TrimSpace(r.must(200, "GET", "/meta-data", nil, forwarded, "192.0.2.1, 10.1.0.7")),
		`{"Global":{"site":"here"},"instance-id":"i-`+instanceOf(t, r)+`","local-hostname":"`+node+`","role":{"a":1,"b":3},"shasta-role":"UAN","shasta-type":"Compute","who":"node"}`)
	want(t, "of a stranger", strings.TrimSpace(r.must(200, "GET", "/meta-data", nil, forwarded, "10.1.0.8")),
		`{"Global":{"site":"here"},"who":"default"}`)
	want(t, "one element", strings.TrimSpace(r.must(200, "GET", "/meta-data?key=role.a", nil, forwarded, "10.1.0.7")), "1")
	r.must(404, "GET", "/meta-data?key=role.a.x", nil, forwarded, "10.1.0.7")
	r.must(404, "GET", "/meta-data?key=colour", nil, forwarded, "10.1.0.7")

	r.hsm.node("x1000c0s0b0n1", "Compute", 8, mac, "10.1.0.9")
	r.hub.Changed(hsm.ComponentsTable, []string{"x1000c0s0b0n1"})
	r.hub.Changed(hsm.EthernetInterfacesTable, []string{hsm.MACID(mac)})
	wantPart(t, "after the address moved", r.must(200, "GET", "/meta-data", nil, forwarded, "10.1.0.9"), "x1000c0s0b0n1")
	wantPart(t, "the old address", r.must(200, "GET", "/meta-data", nil, forwarded, "10.1.0.7"), `"who":"default"`)
}

// instanceOf is the node's instance ID, which must not change.
func instanceOf(t *testing.T, r rig) string {
	t.Helper()
	get := func() string {
		return strings.Trim(strings.TrimSpace(r.must(200, "GET", "/meta-data?key=instance-id", nil, forwarded, "10.1.0.7")), `"`)
	}
	first := get()
	want(t, "instance ID asked for again", get(), first)
	return strings.TrimPrefix(first, "i-")
}

// The address wanders along a chain of nodes, whatever order the hints are
// taken in.
func TestAddressThatMovesIsFollowed(t *testing.T) {
	r := start(t)
	r.put(bss.BootParameters{Hosts: []string{"Default"}, Kernel: "http://k"})
	var macs []string
	for n := range 4 {
		macs = append(macs, fmt.Sprintf("aa:bb:cc:00:00:%02x", n))
		r.hsm.node(fmt.Sprintf("x1000c0s0b0n%d", n), "Compute", n, macs[n], fmt.Sprintf("10.1.0.%d", n))
	}
	for round := range 20 {
		var keys []string
		for n := range 4 {
			r.hsm.node(fmt.Sprintf("x1000c0s0b0n%d", n), "Compute", n, macs[n], fmt.Sprintf("10.1.0.%d", (n+round)%4))
			keys = append(keys, hsm.MACID(macs[n]))
		}
		r.hub.Changed(hsm.EthernetInterfacesTable, keys)
		for n := range 4 {
			want(t, "owner of the address", strings.TrimSpace(r.must(200, "GET", "/meta-data?key=local-hostname", nil, forwarded, fmt.Sprintf("10.1.0.%d", (n+round)%4))),
				fmt.Sprintf(`"x1000c0s0b0n%d"`, n))
		}
	}
}

func TestUserDataIsCloudConfig(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "10.1.0.7")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k",
		CloudInit: &bss.CloudInit{UserData: map[string]any{"runcmd": []any{"true"}}}})
	w := r.ask("GET", "/user-data", nil, forwarded, "10.1.0.7")
	want(t, "user-data", w.Body.String(), "#cloud-config\nruncmd:\n    - \"true\"\n")
	want(t, "content type", w.Header().Get("Content-Type"), "text/yaml")
	want(t, "of a stranger", r.must(200, "GET", "/user-data", nil, forwarded, "10.1.0.8"), "#cloud-config\n{}\n")

	r.script("mac=" + mac)
	const history = "/boot/v1/endpoint-history"
	both := `[{"name":"` + node + `","endpoint":"bootscript","last_epoch":1772366400},{"name":"` + node + `","endpoint":"user-data","last_epoch":1772366400}]`
	want(t, "history", strings.TrimSpace(r.must(200, "GET", history+"?name="+node, nil)), both)
	want(t, "history of all", strings.TrimSpace(r.must(200, "GET", history, nil)), both)
	*r.clock = r.clock.Add(time.Minute)
	r.script("mac=" + mac)
	wantPart(t, "history", r.must(200, "GET", history+"?name="+node+"&endpoint=bootscript", nil), `"last_epoch":1772366460}]`)
	want(t, "never used", strings.TrimSpace(r.must(200, "GET", history+"?name=x1&endpoint=user-data", nil)), `[{"name":"x1","endpoint":"user-data","last_epoch":0}]`)
	want(t, "no such endpoint", strings.TrimSpace(r.must(200, "GET", history+"?name="+node+"&endpoint=x", nil)), `[]`)
	r.must(400, "GET", history+"?endpoint=bootscript", nil)
}

func TestPhoneHome(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "10.1.0.7")
	told := map[string]string{"pub_key_rsa": "ssh-rsa A", "hostname": "nid7"}
	r.must(404, "POST", "/phone-home", told, forwarded, "10.1.0.8")
	r.must(404, "POST", "/phone-home", told, forwarded, "10.1.0.7")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k"})
	r.must(200, "POST", "/phone-home", told, forwarded, "10.1.0.7")

	form := url.Values{"instance_id": {"i-1"}, "hostname": {"nid000007"}}.Encode()
	if err := r.service.PhoneHome(t.Context(), "10.1.0.7", bss.PhoneHome{FQDN: "nid7.hpc"}); err != nil {
		t.Fatal(err)
	}
	if w := r.form("/phone-home", form, "10.1.0.7"); w != 200 {
		t.Errorf("form answered %d", w)
	}
	got := r.must(200, "GET", parameters+"?name="+node, nil)
	for _, part := range []string{`"pub_key_rsa":"ssh-rsa A"`, `"hostname":"nid000007"`, `"instance_id":"i-1"`, `"fqdn":"nid7.hpc"`, `"kernel":"http://k"`} {
		wantPart(t, "entry", got, part)
	}
}

func TestHosts(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.hsm.endpoints[node] = hsm.ComponentEndpoint{ID: node, Type: "Node", Enabled: true, RedfishEndpointFQDN: "bmc:443",
		RedfishSystemInfo: &hsm.RedfishSystemInfo{EthernetNICInfo: []hsm.EthernetNICInfo{{MACAddress: "AA:BB:CC:00:00:01"}, {MACAddress: "aa:bb:cc:00:00:02"}}}}
	r.hsm.endpoints["x1000c0s0b0"] = hsm.ComponentEndpoint{ID: "x1000c0s0b0", Type: "NodeBMC", MACAddr: "aa:bb:cc:00:00:ff"}
	one := `{"ID":"` + node + `","Type":"Node","State":"On","Enabled":true,"Role":"Compute","NID":7,"FQDN":"bmc:443","MAC":["aa:bb:cc:00:00:01","aa:bb:cc:00:00:02"],"EndpointEnabled":true}`
	want(t, "all", strings.TrimSpace(r.must(200, "GET", "/boot/v1/hosts", nil)), "["+one+"]")
	want(t, "twice", strings.TrimSpace(r.must(200, "GET", "/boot/v1/hosts?name="+node+"&mac=aa:bb:cc:00:00:02", nil)), "["+one+","+one+"]")
	r.must(404, "GET", "/boot/v1/hosts?nid=8", nil)
	r.put(bss.BootParameters{Hosts: []string{"Default"}, Kernel: "http://k"})
	got := r.must(200, "GET", "/boot/v1/dumpstate", nil)
	wantPart(t, "dump", got, `{"Components":[`+one+`],"Params":[{"kernel":"http://k"`)
}
