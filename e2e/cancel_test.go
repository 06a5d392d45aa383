package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/xname"
)

// slow is how long nodes boot in which they are to be met booting.
const slow = 8 * time.Second

// cancels cancels the session and wants it to be complete soon, with those nodes,
// which were in the status, stopped and failed.
func (c *cluster) cancels(session, status string, nodes ...string) bos.Cancelled {
	c.t.Helper()
	var out bos.Cancelled
	if err := json.Unmarshal([]byte(c.drover("cancel", session, "--format", "json")), &out); err != nil {
		c.t.Fatal(err)
	}
	if len(out.Stopped) != 1 || out.Stopped[0].Status != status || xname.Fold(out.Stopped[0].Nodes) != xname.Fold(nodes) {
		c.t.Errorf("cancelled %+v; want %s of %v", out, status, nodes)
	}
	c.finish(session)
	for _, n := range nodes {
		c.isStopped(n)
	}
	return out
}

func (c *cluster) isStopped(node string) {
	c.t.Helper()
	component := c.component(node)
	if words, _ := component["error"].(string); component["enabled"] != false || c.status(node) != bos.StatusFailed || !strings.Contains(words, "the session was cancelled") {
		c.t.Errorf("%s: %v", node, component)
	}
}

// asked waits until the BMCs of the nodes were asked for the reset since before.
func (c *cluster) asked(reset string, before map[string]map[string]int, nodes ...string) {
	c.t.Helper()
	c.eventually("the BMCs have "+reset, func() bool {
		for _, n := range nodes {
			stats, _ := c.component(n)["event_stats"].(map[string]any)
			if c.resetsSince(before)[n][reset] == 0 || stats["power_on_attempts"] == 0.0 && stats["power_off_graceful_attempts"] == 0.0 {
				return false
			}
		}
		return true
	})
}

// faults gives faults to the nodes from that index on.
func (c *cluster) faults(from int, f sim.Faults) {
	for _, n := range c.fleet.Nodes()[from:] {
		n.SetFaults(f)
	}
}

func TestCancelledSessionDoesNothingMore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	gate := c.gated()
	c.succeed(c.session("one", "boot"))
	mine := c.nodes[1:]

	c.act("while nodes go off", func() {
		c.faults(0, sim.Faults{IgnoreSoftOff: true})
		before := c.allResets()
		first := c.session("one", "reboot")
		c.asked(bmc.GracefulShutdown, before, c.nodes...)
		c.fleet.Nodes()[0].SetFaults(sim.Faults{})
		second := c.session("one", "reboot", "--limit", c.nodes[0])
		c.eventually("the second session has its node", func() bool { return c.component(c.nodes[0])["session"] == second })
		out := c.cancels(first, bos.StatusPowerOffGently, mine...)
		if out.Taken != 1 {
			c.t.Errorf("%+v", out)
		}
		if status := c.finish(second); status["percent_successful"] != 100.0 {
			c.t.Errorf("the session that took a node: %v", status)
		}
		for _, n := range mine {
			if got := c.resetsSince(before)[n]; len(got) != 1 || got[bmc.GracefulShutdown] != 1 {
				c.t.Errorf("%s was asked for %v", n, got)
			}
		}
		if text := c.drover("audit", "--session", first); !strings.Contains(text, "session cancelled") || !strings.Contains(text, xname.Fold(mine)) {
			c.t.Errorf("the audit log has not who cancelled:\n%s", text)
		}
		if text := c.drover("cancel", first); !strings.Contains(text, "is complete: there is nothing to cancel (cancelled by ") {
			c.t.Error(text)
		}
	})
	c.act("while nodes boot", func() {
		c.faults(0, sim.Faults{})
		c.succeed(c.session("one", "shutdown"))
		c.faults(1, sim.Faults{SlowBoot: slow})
		before := c.allResets()
		session := c.session("one", "boot", "--limit", strings.Join(mine, ","))
		c.asked(bmc.ResetOn, before, mine...)
		c.cancels(session, bos.StatusPowerOnCalled, mine...)
		c.eventually("the nodes are up and say what they run", func() bool {
			for _, n := range mine {
				state, _ := c.component(n)["actual_state"].(map[string]any)
				if artifacts, _ := state["boot_artifacts"].(map[string]any); artifacts["kernel"] == "" {
					return false
				}
			}
			return true
		})
		for _, n := range mine {
			c.isStopped(n)
			if got := c.resetsSince(before)[n]; len(got) != 1 || got[bmc.ResetOn] != 1 {
				c.t.Errorf("%s was asked for %v", n, got)
			}
		}
		c.faults(0, sim.Faults{})
	})
	c.act("while CFS configures", func() {
		c.succeed(c.session("one", "shutdown"))
		c.write(gate, "")
		before := c.allResets()
		session := c.session("one", "boot")
		c.eventually("Ansible runs on all", func() bool {
			for _, n := range c.nodes {
				if c.status(n) != bos.StatusConfiguring || !ansibleRuns(c, n) {
					return false
				}
			}
			return true
		})
		prompt := c.at(120, 24, "cancel", session)
		prompt.shows(fmt.Sprintf("Cancel session %s, which moves 3 nodes (%s)? [y/N]", session, xname.Fold(c.nodes)))
		prompt.types("n\r")
		prompt.ends(1)
		if got := c.status(c.nodes[0]); got != bos.StatusConfiguring {
			c.t.Errorf("%s although that was refused", got)
		}
		c.cancels(session, bos.StatusConfiguring, c.nodes...)
		runs := c.runsOf(session)
		if len(runs) == 0 {
			c.t.Fatal("CFS does not go on")
		}
		if text := c.drover("cancel", runs[0].Name); !strings.Contains(text, "of CFS is cancelled: its job is ended") {
			c.t.Error(text)
		}
		c.remove(gate)
		c.eventually("CFS configures in another session", func() bool {
			for _, n := range c.nodes {
				if c.motdOf(n) != "done" {
					return false
				}
			}
			return true
		})
		for _, n := range c.nodes {
			c.isStopped(n)
			if got := c.resetsSince(before)[n]; got[bmc.ResetOn] != 1 || len(got) != 1 {
				c.t.Errorf("%s was asked for %v", n, got)
			}
		}
		c.succeed(c.session("one", "boot"))
	})
}

// A session of BOS v1 ends with its agent, and its nodes are free.
func TestCancelledSessionOfVersion1LetsItsNodesGo(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.gated()
	c.faults(0, sim.Faults{SlowBoot: slow})
	before := c.allResets()
	id := c.startV1("one", "boot")
	c.eventually("the agent has the nodes boot", func() bool {
		return c.component(c.nodes[0])["v1_session"] == id && c.resetsSince(before)[c.nodes[0]][bmc.ResetOn] == 1
	})
	if text := c.drover("cancel", id); !strings.Contains(text, "of BOS v1 is cancelled: its agent is ended") {
		t.Error(text)
	}
	c.faults(0, sim.Faults{})
	c.eventually("the nodes are free", func() bool { return c.component(c.nodes[0])["v1_session"] == nil })
	c.succeed(c.session("one", "reboot"))
}
