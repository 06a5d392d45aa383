package hsm

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

// A site has roles and sub-roles of its own beside the built-in ones.
func TestRolesOfASiteAreTaken(t *testing.T) {
	b := seeded(t)
	const node = "/State/Components/x1000c0s0b0n0"
	b.refused("PATCH", node+"/Role", `{"Role":"Visual"}`, 400, "Role")
	b.refused("GET", "/State/Components?role=visual", "", 400, "Role")
	if err := b.AddRoles([]string{"Visual", " compute"}, []string{" Big-Memory"}); err != nil {
		t.Fatal(err)
	}
	b.ok("PATCH", node+"/Role", `{"Role":"VISUAL","SubRole":"big-memory"}`)
	if c := b.component("x1000c0s0b0n0"); c.Role != "Visual" || c.SubRole != "Big-Memory" {
		t.Errorf("%+v", c)
	}
	if got := b.ids("/State/Components?role=visual&subrole=BIG-MEMORY"); got != "x1000c0s0b0n0" {
		t.Error(got)
	}
	b.ok("POST", "/State/Components", `{"Components":[{"ID":"x9c0s0b0n0","State":"On","Role":"visual"}]}`)
	if got := b.ok("GET", "/service/values/role", ""); got != `{"Role":["Compute","Service","System","Application","Storage","Management","Visual"]}` {
		t.Error(got)
	}
	if got := b.ok("GET", "/service/values", ""); !strings.Contains(got, `"Big-Memory"`) {
		t.Error(got)
	}
	b.refused("PATCH", node+"/Role", `{"Role":"Other"}`, 400, "Visual")
	if other := newBench(t, nil); strings.Contains(other.ok("GET", "/service/values/role", ""), "Visual") {
		t.Error("one service's roles are another's")
	}
	for _, bad := range []string{"", "two words", "a,b", "1st", "Ünsinn", strings.Repeat("a", 65)} {
		if err := b.AddRoles([]string{bad}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("role %q: %v", bad, err)
		}
		if err := b.AddRoles(nil, []string{bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("sub-role %q: %v", bad, err)
		}
	}
}
