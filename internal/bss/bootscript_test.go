package bss_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/hsm"
)

const (
	node = "x1000c0s0b0n0"
	mac  = "aa:bb:cc:00:00:01"
)

func TestBootScriptLineByLine(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "10.1.0.7")
	token := r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "s3://boot-images/i/kernel", Initrd: "s3://boot-images/i/initrd",
		Params: "console=ttyS0 initrd=old root=live:s3://boot-images/i/rootfs quiet"})

	signed := "?ttl=24h0m0s&x-drover-node=" + node
	want(t, "script", r.script("mac="+mac+"&retry=2"), "#!ipxe\n"+
		"kernel --name kernel http://s3/boot-images/i/kernel"+signed+
		" initrd=initrd xname="+node+" nid=7 bss_referral_token="+token+" ds=nocloud-net;s=http://ci/"+
		" console=ttyS0 root=live:http://s3/boot-images/i/rootfs"+signed+" quiet || goto boot_retry\n"+
		"initrd --name initrd http://s3/boot-images/i/initrd"+signed+" || goto boot_retry\n"+
		"imgstat || echo Could not show image information.\n"+
		"boot || goto boot_retry\n"+
		":boot_retry\n"+
		"sleep 30\n"+
		"chain http://gw/apis/bss/boot/v1/bootscript?mac="+mac+"&retry=3\n\n")
	if got := r.ask("GET", "/boot/v1/bootscript?mac="+mac, nil).Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("content type %s", got)
	}
	want(t, "journal", fmt.Sprint(r.told(node)[:1]), "[bss boot-script failed=false: boot script served (kernel s3://boot-images/i/kernel, token "+token+", retry 2)]")
}

func TestKernelWithoutInitrd(t *testing.T) {
	r := start(t, func(c *bss.Config) { c.RetrySleep, c.CloudInitBase = 2*time.Second, "" })
	r.hsm.node(node, "Compute", 7, "", "")
	token := r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://files/kernel", Params: "nid=9"})
	want(t, "script", r.script("name="+node), "#!ipxe\n"+
		"kernel --name kernel http://files/kernel xname="+node+" bss_referral_token="+token+" nid=9 || goto boot_retry\n"+
		"boot || goto boot_retry\n:boot_retry\nsleep 2\n"+
		"chain http://gw/apis/bss/boot/v1/bootscript?name="+node+"&retry=1\n\n")
}

func TestEntryIsLookedUpInOrder(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	for _, name := range []string{"Default", "Compute", mac, node} {
		r.put(bss.BootParameters{Hosts: []string{name}, Kernel: "http://kernel/of-" + name})
		wantPart(t, "after an entry for "+name, r.script("mac="+mac), "kernel http://kernel/of-"+name+" ")
	}
	wantPart(t, "by a name with zeros", r.script("name=X1000c0s00b0n0"), "http://kernel/of-"+node+" ")
	wantPart(t, "by NID", r.script("nid=7"), "http://kernel/of-"+node+" ")
	wantPart(t, "chain of a script asked for by NID", r.script("nid=7"), "?mac="+mac+"&retry=1")
}

// A host that takes itself for another one gets no script.
func TestQueryWhosePartsDoNotBelongTogetherIsRefused(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.hsm.node("x1000c0s0b0n1", "Compute", 8, "aa:bb:cc:00:00:02", "")
	r.put(bss.BootParameters{Hosts: []string{"Compute"}, Kernel: "http://k"})
	r.script("mac=" + mac + "&name=X1000C0S00B0N0&nid=7")
	wantPart(t, "another's name", r.must(400, "GET", "/boot/v1/bootscript?mac="+mac+"&name=x1000c0s0b0n1", nil), "mac="+mac+" is of "+node+", not of name=x1000c0s0b0n1")
	wantPart(t, "another's NID", r.must(400, "GET", "/boot/v1/bootscript?mac="+mac+"&nid=8", nil), node+" has the NID 7, not nid=8")
}

func TestImageParametersFollowThoseOfTheHost(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Initrd: "http://i", Params: "host"})
	if token := r.put(bss.BootParameters{Kernel: "http://k", Params: "kernel"}); token != "" {
		t.Errorf("parameters of an image have the token %s", token)
	}
	r.put(bss.BootParameters{Initrd: "http://i", Params: "initial"})
	wantPart(t, "script", r.script("mac="+mac), " ds=nocloud-net;s=http://ci/ host kernel initial ||")
}

func TestUnknownHosts(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	const stranger = "02:00:00:00:00:99"

	wantPart(t, "stranger, nothing configured", r.must(404, "GET", "/boot/v1/bootscript?mac="+stranger, nil), "no configuration available for unknown hosts")
	wantPart(t, "no xname", r.must(404, "GET", "/boot/v1/bootscript?name=printer", nil), "unknown hosts")
	wantPart(t, "node, nothing configured", r.must(404, "GET", "/boot/v1/bootscript?mac="+mac, nil), "this host not configured for booting.")
	want(t, "journal", fmt.Sprint(r.told(node)), "[bss boot-script failed=true: no boot script: "+node+": this host not configured for booting.]")

	r.put(bss.BootParameters{Hosts: []string{"Default"}, Kernel: "http://default"})
	wantPart(t, "stranger, Default exists", r.must(404, "GET", "/boot/v1/bootscript?mac="+stranger, nil), "unknown hosts")

	r.put(bss.BootParameters{Hosts: []string{"Unknown-x86_64"}, Kernel: "http://unknown", Params: "discover"})
	want(t, "stranger is asked for its architecture", r.script("mac="+stranger),
		fmt.Sprintf("#!ipxe\nchain http://gw/apis/bss/boot/v1/bootscript?mac=%s&retry=0&arch=${buildarch}&ts=%d\n\n", stranger, now))
	text := r.script("mac=" + stranger + "&arch=x86_64")
	wantPart(t, "stranger with architecture", text, "kernel http://unknown bss_referral_token=")
	if strings.Contains(text, "xname=") || strings.Contains(text, "nid=") {
		t.Errorf("a host that HSM does not know got an identity: %s", text)
	}
	r.must(404, "GET", "/boot/v1/bootscript?mac="+stranger+"&arch=arm64", nil)
	wantPart(t, "known node", r.script("mac="+mac), "http://default ")

	r.put(bss.BootParameters{Hosts: []string{stranger}, Kernel: "http://own"})
	wantPart(t, "stranger with an entry of its own", r.script("mac="+stranger), "kernel http://own ")
}

func TestDisabledEndpointIsTakenForUnknown(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, "", "")
	r.hsm.endpoints[node] = hsm.ComponentEndpoint{ID: node, Type: "Node", Enabled: false, MACAddr: mac}
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://own"})
	wantPart(t, "nothing for unknown hosts", r.script("mac="+mac), "http://own ")
	r.put(bss.BootParameters{Hosts: []string{"Unknown-x86_64"}, Kernel: "http://unknown"})
	wantPart(t, "something for unknown hosts", r.script("mac="+mac+"&arch=x86_64"), "http://unknown ")

	r.hsm.endpoints[node] = hsm.ComponentEndpoint{ID: node, Type: "Node", Enabled: true, MACAddr: mac}
	r.hub.Changed(hsm.ComponentEndpointsTable, []string{node})
	wantPart(t, "enabled again", r.script("mac="+mac), "http://own ")
}

func TestScriptFollowsHSM(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{"Compute"}, Kernel: "http://compute"})
	r.put(bss.BootParameters{Hosts: []string{"Application"}, Kernel: "http://application"})
	wantPart(t, "at first", r.script("mac="+mac), "http://compute ")

	r.hsm.node(node, "Application", 7, mac, "")
	r.hub.Changed(hsm.ComponentsTable, []string{node})
	wantPart(t, "after a hinted change of role", r.script("mac="+mac), "http://application ")

	const other = "x1000c0s0b0n1"
	r.hsm.node(other, "Compute", 8, mac, "")
	r.hub.Changed(hsm.ComponentsTable, []string{other})
	r.hub.Changed(hsm.EthernetInterfacesTable, []string{hsm.MACID(mac)})
	wantPart(t, "after the MAC moved", r.script("mac="+mac), "xname="+other+" nid=8")

	const third, thirdMAC = "x1000c0s0b0n2", "aa:bb:cc:00:00:03"
	r.hsm.node(third, "Compute", 9, thirdMAC, "")
	wantPart(t, "a node that no hint told of", r.script("mac="+thirdMAC), "xname="+third)
	wantPart(t, "and by NID", r.script("nid=9"), "xname="+third)
}

func TestScriptFollowsHSMWithoutHints(t *testing.T) {
	r := start(t, func(c *bss.Config) { c.WakeOn = nil })
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{"Compute"}, Kernel: "http://compute"})
	r.put(bss.BootParameters{Hosts: []string{"Application"}, Kernel: "http://application"})
	r.script("mac=" + mac)
	change := func(role string) { r.hsm.node(node, role, 7, mac, "") }

	change("Application")
	*r.clock = r.clock.Add(10 * time.Minute)
	wantPart(t, "after ten minutes", r.script("mac="+mac), "http://application ")
	change("Compute")
	wantPart(t, "asked for newer data", r.script(fmt.Sprintf("mac=%s&ts=%d", mac, r.clock.Unix())), "http://compute ")
	change("Application")
	r.must(204, "POST", "/boot/v1/hosts", nil)
	change("Compute") // too late for the refresh
	wantPart(t, "after a refresh", r.script("mac="+mac), "http://application ")
}

func TestServingCostsNoCallToHSM(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{"Compute"}, Kernel: "http://compute"})
	r.script("mac=" + mac)
	calls := r.hsm.calls
	for range 10 {
		r.script("mac=" + mac)
	}
	if r.hsm.calls != calls {
		t.Errorf("ten scripts made %d calls", r.hsm.calls-calls)
	}
}

func TestHostWaitsWhileHSMIsDown(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://own"})
	r.hsm.down = true
	want(t, "script", r.script("mac="+mac), "#!ipxe\nsleep 10\nchain http://gw/apis/bss/boot/v1/bootscript?mac="+mac+"&retry=0\n\n")
	wantPart(t, "health", r.must(500, "GET", "/boot/v1/service/status/all", nil), `"bss-status-hsm":"error"`)
	wantPart(t, "by NID", r.script("nid=7"), "bootscript?nid=7&retry=0")
	r.hsm.down = false
	wantPart(t, "script", r.script("mac="+mac), "http://own ")
	wantPart(t, "health", r.must(200, "GET", "/boot/v1/service/status/all", nil), `"bss-status-hsm":"connected"`)
}

func TestSigningFailures(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Params: "metal.server=s3://unsignable/a"})
	wantPart(t, "a parameter", r.script("mac="+mac), "metal.server=s3://unsignable/a ")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "s3://unsignable/kernel"})
	r.must(503, "GET", "/boot/v1/bootscript?mac="+mac, nil)
	wantPart(t, "journal", fmt.Sprint(r.told(node)), "failed=true: no boot script: presign s3://unsignable/kernel")
}

func TestJoinToken(t *testing.T) {
	var failing error
	r := start(t, func(c *bss.Config) {
		c.JoinToken = func(_ context.Context, xname string) (string, error) { return "token-of-" + xname, failing }
	})
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Params: "spire_join_token=${SPIRE_JOIN_TOKEN}"})
	wantPart(t, "script", r.script("mac="+mac), "spire_join_token=token-of-"+node+" ")
	failing = errors.New("no SPIRE")
	r.must(503, "GET", "/boot/v1/bootscript?mac="+mac, nil)
}

func TestScriptNeedsAHost(t *testing.T) {
	r := start(t)
	r.must(400, "GET", "/boot/v1/bootscript", nil)
	r.must(400, "GET", "/boot/v1/bootscript?nid=x", nil)
	wantPart(t, "a name that breaks the script", r.must(400, "GET", "/boot/v1/bootscript?name=x%0Aboot", nil), "query.name")
}

// What is answered by a shortcut and what goes the usual way, as any query
// with a parameter that nobody knows does, is answered alike.
func TestScriptsAreTheSameEitherWay(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.hsm.node("x1000c0s0b0n1", "Compute", 8, "aa:bb:cc:00:00:02", "")
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "s3://boot-images/i/kernel", Initrd: "s3://boot-images/i/initrd", Params: "root=live:s3://b/r <&>"})
	r.put(bss.BootParameters{Hosts: []string{"x1000c0s0b0n1"}, Kernel: "s3://unsignable/<kernel>&"})
	r.put(bss.BootParameters{Hosts: []string{"Unknown-x86_64"}, Kernel: "http://unknown"})
	for query, status := range map[string]int{
		"mac=" + mac:                                 200,
		"retry=3&mac=" + strings.ToUpper(mac):        200,
		"mac=" + mac + "&ts=1&arch=x86_64&retry=0":   200,
		"mac=" + strings.ReplaceAll(mac, ":", "-"):   200,
		"mac=aa-bb-cc-00-00-02":                      503,
		"mac=aabbcc000099":                           200, // asked for its architecture
		"mac=aabbcc000099&arch=x86_64":               200,
		"mac=aabbcc000099&arch=arm64":                404,
		"mac=":                                       400,
		"mac=x":                                      400,
		"mac=" + mac + "&mac=aabbcc000002":           200,
		"mac=" + mac + "&retry=x":                    400,
		"mac=" + mac + "&retry=":                     400,
		"mac=" + mac + "&retry=-1":                   200,
		"mac=" + mac + "&ts=99999999999999999999":    400,
		"mac=" + mac + "&nid=8":                      400,
		"mac=" + mac + "&name=" + node:               200,
		"mac=" + strings.ReplaceAll(mac, ":", "%3A"): 200,
		"name=" + node:                               200,
		"":                                           400,
	} {
		short, usual := r.ask("GET", "/boot/v1/bootscript?"+query, nil), r.ask("GET", "/boot/v1/bootscript?"+query+"&unknown=1", nil)
		if short.Code != status || usual.Code != status {
			t.Errorf("%s: status %d, the usual way %d, want %d", query, short.Code, usual.Code, status)
		}
		want(t, query, short.Body.String(), usual.Body.String())
		want(t, query, short.Header().Get("Content-Type"), usual.Header().Get("Content-Type"))
	}
	if told := r.told("x1000c0s0b0n1"); len(told) != 2 {
		t.Errorf("two scripts that could not be made are told %d times: %v", len(told), told)
	}
}

func TestMACsAreSpelledInOneWay(t *testing.T) {
	r := start(t)
	for given, want := range map[string]bool{
		"AA-BB.cc_00:00:01": true, "aabbcc000001": true, "a:abbcc000001": true, "aabbcc00000": false, "aabbcc0000011": false,
		"aabbcc0000gg": false, "": false, strings.Repeat("0a", 20): true, strings.Repeat("0a", 21): false, strings.Repeat("0a", 8): true, strings.Repeat("0a", 7): false,
	} {
		status := r.ask("PUT", "/boot/v1/bootparameters", bss.BootParameters{MACs: []string{given}, Kernel: "http://k"}).Code
		if (status == 200) != want {
			t.Errorf("%s: status %d, want it taken: %v", given, status, want)
		}
	}
	wantPart(t, "hosts", r.must(200, "GET", "/boot/v1/bootparameters", nil), `"aa:bb:cc:00:00:01"`)
}
