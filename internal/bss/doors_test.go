package bss_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bss"
)

// Whatever spelling a host is given by, it is the host that boots by it.
func TestEachSpellingOfAHostIsTheHost(t *testing.T) {
	r := start(t)
	r.hsm.node("x1c0s0b0n0", "Compute", 7, "02:00:00:00:00:07", "")
	r.hsm.node("x1c0s0b0n1", "Compute", 8, "02:00:00:00:00:08", "")
	for spelling, same := range map[string]string{"X1C0S0B0N0": "x1c0s0b0n0", "x1c0s00b00n000": "x1c0s0b0n0", "NID000042": "nid42",
		"02-AB-00-00-00-99": "02:ab:00:00:00:99", "02AB.0000.0099": "02:ab:00:00:00:99", "COMPUTE": "Compute", "default": "Default", "GLOBAL": "Global",
		"unknown-x86_64": "Unknown-x86_64", "My-Tag": "My-Tag"} {
		r.put(bss.BootParameters{Hosts: []string{spelling}, Kernel: "http://k-" + strings.ToLower(same)})
		wantPart(t, spelling, r.must(200, "GET", parameters+"?name="+same, nil), `"hosts":["`+same+`"]`)
		wantPart(t, spelling, r.must(200, "GET", parameters+"?name="+spelling, nil), `"hosts":["`+same+`"]`)
		wantPart(t, spelling, r.must(400, "POST", parameters, bss.BootParameters{Hosts: []string{same}, Kernel: "http://k"}), "Already exists: "+same)
	}
	for query, kernel := range map[string]string{"name=X1c0s0b0n00": "x1c0s0b0n0", "mac=02-00-00-00-00-07": "x1c0s0b0n0", "mac=0200.0000.0007": "x1c0s0b0n0",
		"name=x1c0s0b0n1": "compute", "mac=02:AB:00:00:00:99": "02:ab:00:00:00:99", "nid=42": "nid42", "name=nid0042": "nid42"} {
		wantPart(t, query, r.script(query), "kernel --name kernel http://k-"+kernel+" ")
	}
	r.put(bss.BootParameters{MACs: []string{"02-00-00-00-00-08", "02AB000000FF"}, Kernel: "http://k-mac"})
	wantPart(t, "a MAC that HSM knows", r.must(200, "GET", parameters+"?name=x1c0s0b0n1", nil), "http://k-mac")
	wantPart(t, "one that it does not", r.must(200, "GET", parameters+"?mac=02-ab-00-00-00-ff", nil), `"hosts":["02:ab:00:00:00:ff"]`)
	wantPart(t, "hosts", r.must(200, "GET", "/boot/v1/hosts?name=X1C0S00B0N1", nil), `"ID":"x1c0s0b0n1"`)
	wantPart(t, "history", r.must(200, "GET", "/boot/v1/endpoint-history?name=X1C0S00B0N1&endpoint=bootscript", nil), `"name":"x1c0s0b0n1"`)
	r.must(200, "DELETE", parameters, map[string]any{"hosts": []string{"X1C0S00B0N0"}})
	r.must(404, "GET", parameters+"?name=x1c0s0b0n0", nil)
}

// A host given twice, in two spellings, is one host.
func TestAHostInTwoSpellingsIsWrittenOnce(t *testing.T) {
	r := start(t)
	r.must(201, "POST", parameters, bss.BootParameters{Hosts: []string{"x1c0s0b0n0", "X1C0S00B0N0"}, Kernel: "http://k"})
	r.must(200, "PATCH", parameters, map[string]any{"hosts": []string{"x1c0s0b0n0", "X1C0S00B0N0"}, "params": "p"})
	if got := r.must(200, "GET", parameters+"?name=x1c0s0b0n0,X1C0S00B0N0", nil); strings.Count(got, `"hosts"`) != 1 {
		t.Error(got)
	}
	r.must(200, "DELETE", parameters, map[string]any{"hosts": []string{"x1c0s0b0n0", "X1C0S00B0N0"}})
}

func TestWhatCannotBeAHostIsRefused(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	r.put(bss.BootParameters{Hosts: []string{"Default"}, Kernel: "http://k"})
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		wantPart(t, method, r.must(400, method, parameters, map[string]any{"nids": []int{-5}, "kernel": "http://k"}), "-5")
		wantPart(t, method, r.must(400, method, parameters, map[string]any{"macs": []string{"no-mac"}, "kernel": "http://k"}), "no-mac")
	}
	for query, part := range map[string]string{"nid=-1": "-1", "mac=no-mac": "no-mac", "mac=02:00:00:00:00": "02:00:00:00:00", "nid=one": "nid"} {
		wantPart(t, query, r.must(400, "GET", "/boot/v1/bootscript?"+query, nil), part)
	}
	for _, path := range []string{parameters + "?name=", parameters + "?mac=", parameters + "?nid=", "/boot/v1/hosts?name=", "/boot/v1/hosts?mac=",
		"/boot/v1/hosts?nid=", "/boot/v1/endpoint-history?name=", parameters + "?nid=-5", "/boot/v1/hosts?nid=-5", "/boot/v1/hosts?mac=no-mac"} {
		r.must(400, "GET", path, nil)
	}
}

func TestHostsThatHSMDoesNotKnowAreNotFound(t *testing.T) {
	r := start(t)
	r.hsm.node(node, "Compute", 7, mac, "")
	for _, query := range []string{"name=UNKNOWN", "name=x9c0s0b0n0", "mac=02:00:00:00:00:99", "nid=99"} {
		r.must(404, "GET", "/boot/v1/hosts?"+query, nil)
	}
	wantPart(t, "one of two", r.must(200, "GET", "/boot/v1/hosts?name=UNKNOWN,"+node, nil), node)
	want(t, "all of none", strings.TrimSpace(start(t).must(200, "GET", "/boot/v1/hosts", nil)), "[]")
}

// The published service keeps an image's record until it is deleted itself.
func TestImagesStayWhenTheirLastHostGoes(t *testing.T) {
	r := start(t)
	images := func() string {
		t.Helper()
		list, err := r.client.BootParameters(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range list {
			if len(p.Hosts) == 0 {
				out = append(out, fmt.Sprintf("%s%s(%s)", p.Kernel, p.Initrd, p.Params))
			}
		}
		return strings.Join(out, " ")
	}
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k1", Initrd: "http://i1"})
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k2", Params: "p"})
	r.must(200, "PATCH", parameters, map[string]any{"hosts": []string{node}, "kernel": "http://k3"})
	r.must(200, "DELETE", parameters, map[string]any{"hosts": []string{node}})
	want(t, "images", images(), "http://k1() http://k2() http://k3() http://i1()")
	wantPart(t, "one", r.must(200, "GET", parameters, map[string]any{"kernel": "http://k2"}), `"kernel":"http://k2"`)
	r.must(200, "PATCH", parameters, map[string]any{"kernel": "http://k1", "params": "quiet"})
	r.put(bss.BootParameters{Hosts: []string{node}, Kernel: "http://k1"}) // does not lose the kernel's own
	r.must(200, "DELETE", parameters, map[string]any{"kernel": "http://k2"})
	r.must(400, "DELETE", parameters, map[string]any{"kernel": "http://k2"})
	want(t, "images", images(), "http://k1(quiet) http://k3() http://i1()")
}
