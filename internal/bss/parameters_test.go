package bss_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/bootline"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/fault"
)

const parameters = "/boot/v1/bootparameters"

func TestEachWriteGivesANewToken(t *testing.T) {
	r := start(t)
	p := bss.BootParameters{Hosts: []string{"x1c0s0b0n0", "x1c0s0b0n1"}, Kernel: "http://k"}
	w := r.ask("POST", parameters, p)
	first := w.Header().Get("BSS-Referral-Token")
	if w.Code != 201 || first == "" {
		t.Fatalf("POST answered %d with token '%s': %s", w.Code, first, w.Body)
	}
	if second := r.put(p); second == first {
		t.Error("PUT gave the old token again")
	}
	if w := r.ask("PATCH", parameters, p); w.Code != 200 || w.Header().Get("BSS-Referral-Token") != "" {
		t.Errorf("PATCH answered %d with token '%s'", w.Code, w.Header().Get("BSS-Referral-Token"))
	}
}

func TestPostRefusesHostsThatExist(t *testing.T) {
	r := start(t)
	r.put(bss.BootParameters{Hosts: []string{"x1c0s0b0n1"}, Kernel: "http://old"})
	got := r.must(400, "POST", parameters, bss.BootParameters{Hosts: []string{"x1c0s0b0n0", "x1c0s0b0n1"}, Kernel: "http://new"})
	wantPart(t, "answer", got, "Already exists: x1c0s0b0n1")
	r.must(404, "GET", parameters+"?name=x1c0s0b0n0", nil)
}

func TestPutReplacesAndPatchMerges(t *testing.T) {
	r := start(t)
	const host = "x1c0s0b0n0"
	show := func() string { return strings.TrimSpace(r.must(200, "GET", parameters+"?name="+host, nil)) }
	const told = `"phone-home":{"pub_key_dsa":"","pub_key_rsa":"","pub_key_ecdsa":"","pub_key_ed25519":"","instance_id":"","hostname":"","fqdn":""}`

	r.put(bss.BootParameters{Hosts: []string{host}, Kernel: "http://k", Initrd: "http://i", Params: "p",
		CloudInit: &bss.CloudInit{MetaData: map[string]any{"a": map[string]any{"b": 1, "c": 2}}}})
	r.must(200, "PATCH", parameters, map[string]any{"hosts": []string{host}, "params": "q",
		"cloud-init": map[string]any{"meta-data": map[string]any{"a": map[string]any{"b": 3}}, "user-data": nil}})
	want(t, "merged", show(), `[{"hosts":["`+host+`"],"params":"q","kernel":"http://k","initrd":"http://i",`+
		`"cloud-init":{"meta-data":{"a":{"b":3,"c":2}},"user-data":null,`+told+`}}]`)

	r.put(bss.BootParameters{Hosts: []string{host}, Kernel: "http://other"})
	want(t, "replaced", show(), `[{"hosts":["`+host+`"],"kernel":"http://other","cloud-init":{"meta-data":null,"user-data":null,`+told+`}}]`)

	err := r.client.PatchBootParameters(t.Context(), bss.BootParameters{Hosts: []string{host, "x1c0s0b0n9"}, Params: "z"})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("PATCH of a host without entry: %v", err)
	}
	if strings.Contains(show(), "z") {
		t.Error("a refused PATCH changed a host")
	}
}

func TestWhatWasReadCanBeWritten(t *testing.T) {
	r := start(t)
	r.put(bss.BootParameters{Hosts: []string{"x1c0s0b0n0"}, Kernel: "http://k"})
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(r.must(200, "GET", parameters+"?name=x1c0s0b0n0", nil)), &list); err != nil {
		t.Fatal(err)
	}
	r.must(200, "PUT", parameters, list[0])
}

func TestListNamesImagesFirst(t *testing.T) {
	r := start(t)
	r.put(bss.BootParameters{Hosts: []string{"x1c0s0b0n1", "x1c0s0b0n0"}, Kernel: "http://k", Initrd: "http://i"})
	r.put(bss.BootParameters{Kernel: "http://k", Params: "quiet"})
	list, err := r.client.BootParameters(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		got = append(got, fmt.Sprintf("%v/%s/%s/%s", p.Hosts, p.Kernel, p.Initrd, p.Params))
	}
	want(t, "list", fmt.Sprint(got), "[[]/http://k//quiet []//http://i/ [x1c0s0b0n0]/http://k/http://i/ [x1c0s0b0n1]/http://k/http://i/]")

	some := r.must(200, "GET", parameters+"?name=x1c0s0b0n0,x1c0s0b0n5", nil)
	if strings.Contains(some, "x1c0s0b0n1") || !strings.Contains(some, "x1c0s0b0n0") {
		t.Errorf("selected by name: %s", some)
	}
	wantPart(t, "selected by body", r.must(200, "GET", parameters, map[string]any{"kernel": "http://k"}), `"params":"quiet"`)
	wantPart(t, "nothing selected exists", r.must(404, "GET", parameters+"?name=x1c0s0b0n5", nil), "Cannot find boot parameters for requested Hosts")
	r.must(400, "GET", parameters+"?nid=one", nil)
}

func TestMACsAndNIDsBecomeXnamesWhereKnown(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{MACs: []string{strings.ToUpper(mac), "02:00:00:00:00:99"}, Kernel: "http://k"})
	r.put(bss.BootParameters{NIDs: []int{8}, Kernel: "http://k"})
	r.must(200, "PATCH", parameters, map[string]any{"nids": []int{7}, "params": "by-nid"})
	got := r.must(200, "GET", parameters, nil)
	for _, name := range []string{node, "02:00:00:00:00:99", "nid8"} {
		wantPart(t, "list", got, `"hosts":["`+name+`"]`)
	}
	wantPart(t, "by MAC", r.must(200, "GET", parameters+"?mac="+mac, nil), `"params":"by-nid"`)
}

func TestDelete(t *testing.T) {
	r := start(t)
	hosts := []string{"x1c0s0b0n0", "x1c0s0b0n1"}
	r.put(bss.BootParameters{Hosts: hosts, Kernel: "http://k", Initrd: "http://i"})
	r.must(400, "DELETE", parameters, map[string]any{"hosts": []string{hosts[0], "x1c0s0b0n5"}})
	r.must(200, "GET", parameters+"?name="+hosts[0], nil)

	r.must(200, "DELETE", parameters, map[string]any{"kernel": "http://k"})
	got := r.must(200, "GET", parameters, nil)
	if strings.Contains(got, "http://k") || !strings.Contains(got, "http://i") {
		t.Errorf("after the kernel's deletion: %s", got)
	}
	r.must(400, "DELETE", parameters, map[string]any{"kernel": "http://k"})
	r.must(200, "DELETE", parameters, map[string]any{"hosts": hosts})
	r.must(404, "GET", parameters+"?name="+hosts[0], nil)
}

func TestBadParametersAreRefused(t *testing.T) {
	r := start(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		r.must(400, method, parameters, map[string]any{})
		wantPart(t, method, r.must(400, method, parameters, map[string]any{"hosts": []string{"x"}, "colour": "red"}), "colour")
		wantPart(t, method, r.must(400, method, parameters, map[string]any{"hosts": "x"}), "hosts")
		r.must(400, method, parameters, map[string]any{"hosts": []string{""}})
		for field, value := range map[string]string{"kernel": "http://k\nboot", "initrd": "http://i || x", "params": "a\nb"} {
			wantPart(t, method, r.must(400, method, parameters, map[string]any{"hosts": []string{"x"}, field: value}), field)
		}
		if method == "DELETE" { // what is there already can go
			continue
		}
		for _, value := range []string{"http://${next-server}/k", "http://k/" + bootline.JoinToken} {
			for _, field := range []string{"kernel", "initrd"} {
				wantPart(t, method, r.must(400, method, parameters, map[string]any{"hosts": []string{"x"}, field: value}), "expected one without ${ - '"+field+"'")
				wantPart(t, method, r.must(400, method, parameters, map[string]any{field: value, "params": "p"}), "expected one without ${ - '"+field+"'")
			}
		}
	}
}

func TestGlobalCanBePatchedFromTheBeginning(t *testing.T) {
	r := start(t)
	p := bss.BootParameters{Hosts: []string{"Global"}, CloudInit: &bss.CloudInit{MetaData: map[string]any{"cfs_public_key": "ssh-rsa A"}}}
	if err := r.client.PatchBootParameters(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got, err := r.client.MetaData(t.Context(), "Global.cfs_public_key")
	if err != nil || string(got) != `"ssh-rsa A"` {
		t.Errorf("got %s, error %v", got, err)
	}
}

// Whoever has the answer to a PUT finds its token in the next script, while
// others write too.
func TestScriptShowsWhatWasJustWritten(t *testing.T) {
	r := start(t)
	var wg sync.WaitGroup
	for n := range 4 {
		host := fmt.Sprintf("x1000c0s0b0n%d", n)
		r.hsm.node(host, "Compute", n, "", "")
		wg.Go(func() {
			for range 50 {
				token, err := r.client.PutBootParameters(t.Context(), bss.BootParameters{Hosts: []string{host}, Kernel: "http://k"})
				if err != nil {
					t.Error(err)
					return
				}
				got := r.ask("GET", "/boot/v1/bootscript?name="+host, nil).Body.String()
				if !strings.Contains(got, "bss_referral_token="+token+" ") {
					t.Errorf("script lacks the token %s:\n%s", token, got)
				}
			}
		})
	}
	wg.Wait()
}

// What a kernel would get only in part is refused where it is said, with what
// is added at a boot counted in.
func TestParametersThatDoNotArriveWholeAreRefused(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	long := func(n int) string { return strings.Repeat("a", n) }
	p := bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Initrd: "http://i", Params: long(1895)}
	r.put(p)
	script := r.script("mac=" + mac)
	_, line, _ := strings.Cut(script, "kernel --name kernel http://k ")
	if line, _, _ = strings.Cut(line, " ||"); len(line) > bootline.Limit {
		t.Errorf("accepted, and %d characters long", len(line))
	}
	for _, word := range []string{"||", "&&", "#x"} {
		wantPart(t, word, r.must(400, "PUT", parameters, bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Params: "a " + word + " b"}),
			"iPXE ends the kernel command line at the word")
	}
	p.Params = long(2000)
	wantPart(t, "PUT", r.must(400, "PUT", parameters, p), "of more than 2028 the end is cut off in silence - 'params'")
	wantPart(t, "PATCH", r.must(400, "PATCH", parameters, map[string]any{"hosts": []string{node}, "params": p.Params}), node+": the kernel command line is 2")
	want(t, "still", r.script("mac="+mac), script)

	p.Params = "root=live:s3://boot-images/i/rootfs " + long(1800)
	r.put(p) // its signature is short here
}

// The parameters of a kernel or an initrd count with those of the hosts that boot
// it, whichever is said last and by whichever method.
func TestParametersOfHostAndImageAreCountedTogether(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	long := func(n int) string { return strings.Repeat("a", n) }
	p := bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Initrd: "http://i", Params: long(1500)}
	r.put(p)
	script := r.script("mac=" + mac)
	for _, own := range []bss.BootParameters{{Kernel: "http://k", Params: long(600)}, {Initrd: "http://i", Params: long(600)}} {
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			wantPart(t, method+" of an image", r.must(400, method, parameters, own), node+": the kernel command line is 2")
		}
	}
	want(t, "still", r.script("mac="+mac), script)

	r.put(bss.BootParameters{Kernel: "http://other", Params: long(600)})
	p.Kernel = "http://other"
	for method, hosts := range map[string][]string{"POST": {"x1c0s9b0n0"}, "PUT": {node}, "PATCH": {node}} {
		p.Hosts = hosts
		wantPart(t, method+" of a host", r.must(400, method, parameters, p), hosts[0]+": the kernel command line is 2")
	}
	want(t, "still", r.script("mac="+mac), script)
	p.Hosts, p.Params = []string{node}, long(1200)
	r.put(p)
	r.script("mac=" + mac)
}

// What is said of a role is not how long the line of each node gets: a node whose
// firmware would cut it gets no script.
func TestScriptIsWholeForWhicheverFirmware(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 16400384, mac, "")
	p := bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Initrd: "http://i", Params: "quiet"}
	r.put(p)
	lineOf := func(script string) string {
		_, line, _ := strings.Cut(script, "kernel --name kernel http://k ")
		line, _, _ = strings.Cut(line, " ||")
		return line
	}
	added := len(lineOf(r.script("mac="+mac))) - len("quiet")
	p.Params = strings.Repeat("a", bootline.Limit-added)
	r.put(p)
	if n := len(lineOf(r.script("mac=" + mac))); n != bootline.Limit {
		t.Fatalf("%d characters", n)
	}
	p.Params += "a" // fits, were the NID shorter
	r.put(p)
	wantPart(t, "one more", r.must(400, "GET", "/boot/v1/bootscript?mac="+mac, nil), "is 2029 characters long")
	told := r.told(node)
	wantPart(t, "journal", fmt.Sprint(told[len(told)-1]), "no boot script: "+node+": the kernel command line is ")
}

func TestParametersOfAnImageThatCannotFitAreRefused(t *testing.T) {
	r := start(t)
	p := bss.BootParameters{Kernel: "http://k", Params: strings.Repeat("a", bootline.Limit)}
	r.put(p)
	p.Params += "a"
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		wantPart(t, method, r.must(400, method, parameters, p), "http://k: the kernel command line is 2029 characters long")
	}
}

// A script's line ends at a line break. A zero byte, at which its text would end, no
// body may have.
func TestControlCharactersInParametersAreRefused(t *testing.T) {
	r := start(t)
	p := bss.BootParameters{Hosts: []string{node}, Kernel: "http://k", Params: "a\tb"}
	r.put(p)
	for _, c := range []string{"\n", "\r", "\x0b", "\x1b", "\x7f"} {
		p.Params = "a" + c + "b"
		wantPart(t, c, r.must(400, "PUT", parameters, p), "the kernel command line has the control character")
	}
}
