package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/tapms"
)

func tenant(name string, nodes ...string) tapms.Tenant {
	t := tapms.Tenant{Metadata: tapms.Metadata{Name: name}}
	t.Status.TenantResources = []tapms.Resource{{Xnames: nodes}}
	return t
}

// tenantSite is fleetSite with two tenants. Of the session b1 of the site there are two
// nodes, of that of the tenant a&b one.
func tenantSite() *site {
	s := fleetSite()
	s.tenants = []tapms.Tenant{tenant("red"), tenant("a&b", "x1000c0s0b0n0", "x1000c0s4b0n0")}
	const ofTenant = `{"name": "b1", "tenant": "a&b", "operation": "boot", "template_name": "theirs", "status": {"status": "running", "start_time": "2030-01-02T11:59:30"}}`
	all := strings.TrimSuffix(s.at["/apis/bos/v2/sessions"], "]") + "," + ofTenant + "]"
	s.at["/apis/bos/v2/sessions"] = all
	s.at["a&b/apis/bos/v2/sessions/b1"] = ofTenant
	s.at["a&b/apis/bos/v2/sessions/b1/status"] = `{"managed_components_count": 1}`
	s.at["a&b/apis/bos/v2/components"] = `[{"id": "x1000c0s0b0n0", "error": "no power", "status": {"status": "failed"}}]`
	return s
}

func TestSessionsOfTenantsAreFoundByTheirLinks(t *testing.T) {
	const link = `href="/sessions/bos/b1?tenant=a%26b"`
	s := tenantSite()
	for path, words := range map[string][]string{
		"/":                             {link, `href="/sessions/bos/b1"`, "of tenant a&amp;b, boot of theirs, 1 node ", "reboot of compute, 2 nodes", `href="/tenants"`},
		"/sessions":                     {link, `href="/sessions/bos/b1"`, "<td>a&amp;b</td>"},
		"/nodes":                        {link, `href="/sessions/bos/b1"`, "<td>a&amp;b</td>", `<option>a&amp;b</option>`},
		"/nodes/x1000c0s0b0n0":          {link, `href="/nodes?tenant=a%26b"`},
		"/tenants":                      {link, ">x1000c0s[0,4]b0n0</a>", `href="/nodes?tenant=a%26b"`, ">red<"},
		"/sessions/bos/b1":              {"reboot of compute", "3, "},
		"/nodes?tenant=a%26b":           {"2 nodes;", "Nodes of tenant a&amp;b", "<option selected>a&amp;b"},
		"/sessions/bos/b1?tenant=a%26b": {"boot of theirs", `<a href="/nodes?tenant=a%26b">a&amp;b</a>`},
	} {
		wants(t, s, path, words...)
	}
	if text := wants(t, s, "/nodes/x1000c0s1b0n0"); strings.Contains(text, "tenant=") {
		t.Error("a node of no tenant has a session of one")
	}
	if status, text, _ := get(t, s, "/sessions/bos/b1?tenant=red"); status != 404 {
		t.Errorf("of another tenant: %d\n%s", status, text)
	}
	s = fleetSite()
	for _, path := range []string{"/", "/nodes", "/sessions"} {
		if text := wants(t, s, path); strings.Contains(strings.ToLower(text), "tenant") {
			t.Errorf("%s tells of tenants where there are none", path)
		}
	}
	wants(t, s, "/tenants", "There are no tenants.")
	s.noTenants = errors.New("TAPMS is away")
	wants(t, s, "/nodes")
	if status, text, _ := get(t, s, "/tenants"); status != 503 {
		t.Errorf("%d\n%s", status, text)
	}
}

// TAPMS may be elsewhere: not every page asks it.
func TestTenantsAreAskedForOnceInAWhile(t *testing.T) {
	asked, now := 0, noon
	var away error
	k := tenancy{now: func() time.Time { return now }, list: func(context.Context) ([]tapms.Tenant, error) {
		asked++
		if away != nil {
			return nil, away
		}
		return []tapms.Tenant{tenant("red", "x1000c0s0b0n0")}, nil
	}}
	for _, one := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {tenantsFresh - 1, 1}, {1, 2}, {0, 2}} {
		now = now.Add(one.after)
		if got := k.known(t.Context()); asked != one.asked || got.owner["x1000c0s0b0n0"] != "red" {
			t.Errorf("after %s: asked %d times, %v", one.after, asked, got.owner)
		}
	}
	away, now = errors.New("TAPMS is away"), now.Add(tenantsFresh)
	if got := k.known(t.Context()); got.err == nil || got.owner["x1000c0s0b0n0"] != "red" || !got.any() {
		t.Errorf("what was known is forgotten while TAPMS is away: %+v", got)
	}
}
