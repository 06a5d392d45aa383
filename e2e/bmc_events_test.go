package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// Nodes that somebody turns on and off by their BMCs, which nobody looks at for an
// hour, are known to be so, as far as the BMCs tell.
func TestBMCsTellOfWhatNobodyHereDid(t *testing.T) {
	t.Parallel()
	c := prepare(t, []string{"--simulate", "2", "--sim-bmcs", "plain,no-events", "--sim-boot-delay", "100ms", "--poll-power", "1h"})
	c.flags = append(c.flags, "--bmc-events", c.url())
	c.start()
	for _, n := range c.views() {
		c.nodes = append(c.nodes, n.Xname)
	}
	c.known()
	c.eventually("one of the two BMCs tells", func() bool { return strings.Contains(string(c.text("/metrics")), "\ndrover_pcs_bmcs_telling 1\n") })

	var bmcs []sim.BMCView
	c.simulation("/bmcs", &bmcs)
	d := redfish.New(1)
	t.Cleanup(d.Close)
	const system = "/redfish/v1/Systems/Node0"
	for _, step := range []struct{ reset, power string }{{bmc.ResetOn, "on"}, {bmc.ForceOff, "off"}} {
		for _, b := range bmcs {
			if err := d.Reset(t.Context(), b.Address, redfish.Login{Username: b.Username, Password: b.Password}, system+"/Actions/ComputerSystem.Reset", step.reset); err != nil {
				t.Fatal(err)
			}
		}
		c.eventually("the node whose BMC tells is "+step.power, func() bool { return c.powerOf(c.nodes[0]) == step.power })
		if got := c.powerOf(c.nodes[1]); got != "off" { // as when it was looked at
			t.Errorf("the node whose BMC does not tell is turned %s, and known to be %s", step.power, got)
		}
	}
}

// Whoever does not know a BMC's URL cannot tell in its name.
func TestEventsOfStrangersAreRefused(t *testing.T) {
	t.Parallel()
	c := prepare(t, []string{"--simulate", "1"})
	c.flags = append(c.flags, "--bmc-events", c.url())
	c.start()
	resp, err := http.Post(c.url()+"/apis/drover/v1/bmc-events/x1000c0s0b0/guess", "application/json", strings.NewReader(`{"Events":[{"MessageId":"ResourceEvent.1.0.ResourcePowerStateChanged"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "x1000c0s0b0") {
		t.Errorf("%s %s, %v", resp.Status, text, err)
	}
}

// powerOf is the node's power as PCS knows it.
func (c *cluster) powerOf(node string) string {
	c.t.Helper()
	var power struct{ Status []struct{ PowerState string } }
	c.get("/apis/power-control/v1/power-status?xname="+node, &power)
	if len(power.Status) != 1 {
		c.t.Fatalf("power of %s: %v", node, power)
	}
	return power.Status[0].PowerState
}
