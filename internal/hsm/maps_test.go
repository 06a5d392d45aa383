package hsm

import (
	"context"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

func TestNodeMapsGiveNewNodesTheirNIDRoleAndSubRole(t *testing.T) {
	b := newBench(t, walkFunc(func(context.Context, string, redfish.Login) (redfish.Inventory, error) { return card("Off"), nil })).started()
	const path = "/Defaults/NodeMaps"
	if got := b.ok("POST", path, `{"NodeMaps":[{"ID":"X1000C0s0b1n0","NID":7,"Role":"application","SubRole":"uan"},{"ID":"x9c0s0b0n0","NID":8}]}`); got != `{"code":0,"message":"Created/Modified 2 entries"}` {
		t.Error(got)
	}
	for body, status := range map[string]int{
		`{"NodeMaps":[{"ID":"x9c0s0b0n1","NID":7}]}`:                                    409,
		`{"NodeMaps":[{"ID":"x9c0s0b0n1","NID":9},{"ID":"x9c0s0b0n2","NID":9}]}`:        409,
		`{"NodeMaps":[{"ID":"x9c0s0b0n1","NID":9},{"ID":"x9c0s0b0n2","Role":"other"}]}`: 400,
		`{"NodeMaps":[{"ID":"x9c0s0b0","NID":9}]}`:                                      400,
		`{"NodeMaps":[{"ID":"x9c0s0b0n1","NID":-1}]}`:                                   400,
		`{"NodeMaps":[{"ID":"x9c0s0b0n1","NID":9,"Role":"Baker"}]}`:                     400,
		`{"NodeMaps":[]}`: 400,
	} {
		b.refused("POST", path, body, status, "")
	}
	// Two nodes may change places in one request.
	b.ok("POST", path, `{"NodeMaps":[{"ID":"x1000c0s0b1n0","NID":8,"Role":"Application","SubRole":"UAN"},{"ID":"x9c0s0b0n0","NID":7}]}`)
	if got := b.ok("GET", path+"/x1000c0s0b1n0", ""); got != `{"ID":"x1000c0s0b1n0","NID":8,"Role":"Application","SubRole":"UAN"}` {
		t.Error(got)
	}
	if got := b.ok("GET", path, ""); got != `{"NodeMaps":[{"ID":"x1000c0s0b1n0","NID":8,"Role":"Application","SubRole":"UAN"},{"ID":"x9c0s0b0n0","NID":7}]}` {
		t.Error(got)
	}

	b.ok("POST", redfishEndpointsPath, addCard)
	b.discovered("x1000c0s0b1", DiscoverOK)
	if n := b.component("x1000c0s0b1n0"); n.NID == nil || *n.NID != 8 || n.Role != "Application" || n.SubRole != "UAN" {
		t.Errorf("discovered %+v", n)
	}
	if n := b.component("x1000c0s0b1n1"); n.Role != "Compute" || *n.NID == 7 {
		t.Errorf("discovered without a map %+v", n)
	}
	b.call("POST", "/State/Components", `{"Components":[{"ID":"x9c0s0b0n0","State":"On","Role":"Storage"}]}`)
	if n := b.component("x9c0s0b0n0"); *n.NID != 7 || n.Role != "Storage" {
		t.Errorf("added %+v", n)
	}

	b.ok("PUT", path+"/x1000c0s0b1n0", `{"NID":100}`)
	if n := b.component("x1000c0s0b1n0"); *n.NID != 8 {
		t.Errorf("a later map changed %+v", n)
	}
	b.refused("PUT", path+"/x1000c0s0b1n0", `{"ID":"x9c0s0b0n0","NID":100}`, 400, "match")
	b.ok("DELETE", path+"/x1000c0s0b1n0", "")
	b.refused("GET", path+"/x1000c0s0b1n0", "", 404, "x1000c0s0b1n0")
	b.refused("DELETE", path+"/x1000c0s0b1n0", "", 404, "no such xname")
	b.ok("DELETE", path, "")
	b.refused("DELETE", path, "", 404, "no entries")
}

func TestPowerMapsAreKept(t *testing.T) {
	b := newBench(t, nil)
	const path = "/sysinfo/powermaps"
	b.ok("POST", path, `[{"id":"x0c0s1b0n0","poweredBy":["x0m0p0j10","x0m0p0j11"]},{"id":"X0c0s2b0n0","poweredBy":["x0m0p0j012"]}]`)
	b.refused("POST", path, `[{"id":"x0c0s3b0n0","poweredBy":["x0m0p0j10"]},{"id":"x0c0s4b0n0","poweredBy":["outlet"]}]`, 400, "outlet")
	b.refused("POST", path, `[{"id":"x0c0s3b0n0"}]`, 400, "poweredBy")
	b.refused("POST", path, `[]`, 400, "Missing")
	if got := b.ok("GET", path, ""); got != `[{"id":"x0c0s1b0n0","poweredBy":["x0m0p0j10","x0m0p0j11"]},{"id":"x0c0s2b0n0","poweredBy":["x0m0p0j12"]}]` {
		t.Error(got)
	}
	b.ok("PUT", path+"/x0c0s1b0n0", `{"poweredBy":["x0m0p0j1"]}`)
	if got := b.ok("GET", path+"/x0c0s1b0n0", ""); got != `{"id":"x0c0s1b0n0","poweredBy":["x0m0p0j1"]}` {
		t.Error(got)
	}
	b.ok("DELETE", path+"/x0c0s1b0n0", "")
	b.refused("GET", path+"/x0c0s1b0n0", "", 404, "x0c0s1b0n0")
	b.ok("DELETE", path, "")
	b.refused("DELETE", path, "", 404, "no entries")
}

func TestServicesOfControllersAreDiscovered(t *testing.T) {
	b, _ := twoBMCs(t)
	const path = "/Inventory/ServiceEndpoints"
	if got := strings.Count(b.ok("GET", path, ""), `"RedfishType"`); got != 10 {
		t.Errorf("%d services, want five of each BMC", got)
	}
	for query, n := range map[string]int{"?redfish_ep=x1000c0s1b0": 5, "?service=UpdateService": 2, "/UpdateService": 2, "/TaskService?redfish_ep=x1000c0s0b0": 1} {
		if got := strings.Count(b.ok("GET", path+query, ""), `"RedfishType"`); got != n {
			t.Errorf("%s: %d services, want %d", query, got, n)
		}
	}
	e, err := b.ServiceEndpoint(t.Context(), "sessionservice", "x1000c0s0b0")
	if err != nil || e.OdataID != "/redfish/v1/SessionService" || e.RedfishURL != e.RedfishEndpointFQDN+e.OdataID || e.ServiceInfo.Name != "Session Service" {
		t.Errorf("%+v %v", e, err)
	}
	b.refused("GET", path+"/Tea", "", 400, "Tea")
	b.refused("GET", path+"/TaskService/RedfishEndpoints/x9c0s0b0", "", 404, "TaskService")
	const one = path + "/TaskService/RedfishEndpoints/x1000c0s0b0"
	b.ok("DELETE", one, "")
	b.refused("DELETE", one, "", 404, "no entries")
	b.rediscover()
	b.ok("GET", one, "")
	b.ok("DELETE", redfishEndpointsPath+"/x1000c0s0b0", "")
	b.refused("GET", one, "", 404, "TaskService")
	b.ok("DELETE", path, "")
	b.refused("DELETE", path, "", 404, "no entries")
}
