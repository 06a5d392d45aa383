package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// BMCs of every character are discovered, and their nodes powered on and off.
func TestBMCsOfEveryCharacter(t *testing.T) {
	t.Parallel()
	names := bmc.CharacterNames()
	c := prepare(t, []string{"--simulate", fmt.Sprint(len(names)), "--sim-bmcs", "all",
		"--sim-boot-delay", "100ms", "--sim-on-delay", "50ms", "--sim-off-delay", "100ms"})
	c.start()
	for _, n := range c.views() {
		c.nodes = append(c.nodes, n.Xname)
	}
	c.known()
	var bmcs []sim.BMCView
	c.simulation("/bmcs", &bmcs)
	args := []string{"discover"}
	for i, b := range bmcs {
		if b.Character != names[i] {
			t.Errorf("%s is %s", b.Xname, b.Character)
		}
		args = append(args, b.Address+"="+b.Xname)
	}
	out := c.drover(append(args, "--username", bmcs[0].Username, "--password", bmcs[0].Password)...)
	for _, want := range []string{
		fmt.Sprintf("DiscoverOK %d", len(names)), fmt.Sprintf("nodes %d", len(names)),
		"x1000c0s7b0: not read: 404 Not Found to GET /redfish/v1/Chassis/Lost: The resource at the URI /redfish/v1/Chassis/Lost was not found.",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("discover does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "without a MAC") {
		t.Errorf("nodes without a MAC:\n%s", out)
	}
	for _, n := range c.views() {
		if e := c.object("hsm", "inventory", "ethernetInterfaces", "describe", strings.ReplaceAll(n.MAC, ":", "")); e["ComponentID"] != n.Xname {
			t.Errorf("%s is of %v, want %s", n.MAC, e["ComponentID"], n.Xname)
		}
	}
	for _, step := range []struct{ operation, power string }{{"on", "On"}, {"force-off", "Off"}} {
		id := c.object("power", "transition", step.operation, "--xnames", strings.Join(c.nodes, ","))["transitionID"].(string)
		c.eventually("the transition is over", func() bool {
			return c.object("power", "transition", "describe", id)["transitionStatus"] == "completed"
		})
		c.eventually("all nodes are "+step.power, func() bool {
			return !slices.ContainsFunc(c.views(), func(n sim.NodeView) bool { return string(n.Power) != step.power })
		})
	}
}
