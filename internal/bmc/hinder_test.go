package bmc_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// A hindrance is asked for each request but resets, with the system that is read.
func TestHindrance(t *testing.T) {
	m := &machine{power: bmc.Off}
	var asked []bmc.System
	face := bmc.NewFace(func(netip.Addr) (bmc.Controller, bool) {
		return bmc.Controller{Systems: []bmc.System{m}, Hinder: func(read bmc.System) *bmc.Refusal {
			asked = append(asked, read)
			if read == nil {
				return nil
			}
			return &bmc.Refusal{Status: http.StatusServiceUnavailable, Message: "later", RetryAfter: 1001 * time.Millisecond}
		}}, true
	}, "root", "secret")
	server := httptest.NewServer(face)
	defer server.Close()
	for _, c := range []struct {
		method, path string
		status       int
		asked, read  bool
	}{
		{"GET", "/redfish/v1/Systems", 200, true, false},
		{"GET", "/redfish/v1/Systems/Node0", 503, true, true},
		{"GET", "/redfish/v1/Systems/Node0/Processors", 200, true, false},
		{"PATCH", "/redfish/v1/Systems/Node0", 204, true, false},
		{"POST", "/redfish/v1/Systems/Node0/Actions/ComputerSystem.Reset", 400, false, false},
	} {
		asked = nil
		req, err := http.NewRequest(c.method, server.URL+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("root", "secret")
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status || (len(asked) == 1) != c.asked || c.asked && (asked[0] != nil) != c.read {
			t.Errorf("%s %s: %s, asked %v", c.method, c.path, resp.Status, asked)
		}
		if retry := resp.Header.Get("Retry-After"); c.status == 503 && retry != "2" {
			t.Errorf("Retry-After: %q, want 2", retry)
		}
	}
}
