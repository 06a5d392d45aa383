package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// BMCs that are busy, drop connections or are in transition for some seconds
// are waited for: the sessions succeed, it is told what is waited for, and no
// node loses its power.
func TestBusyBMCs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4)
	busy, drops, conflicts := c.fleet.Nodes()[0], c.fleet.Nodes()[1], c.fleet.Nodes()[2]
	c.configure("site", "- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n")
	c.template("one", "site")
	const spell, retryAfter = 4 * time.Second, time.Second

	c.act("a boot waits", func() {
		busy.SetFaults(sim.Faults{BusyResets: spell, RetryAfter: retryAfter})
		drops.SetFaults(sim.Faults{DropResets: 2})
		session := c.session("one", "boot")
		c.tellsThatItWaits(busy, bmc.ResetOn, "503")
		c.succeed(session)
		c.configured()
		c.answered(drops, bmc.ResetOn, sim.Dropped, 2)
		for i, r := range busy.Resets()[1:] {
			if gap := r.Time.Sub(busy.Resets()[i].Time); gap < retryAfter {
				t.Errorf("%s was asked again after %s although it said Retry-After: %s", busy.Xname(), gap, retryAfter)
			}
		}
	})
	c.act("a reboot waits", func() {
		since := time.Since(last(conflicts).Time)
		conflicts.SetFaults(sim.Faults{ConflictAfterOn: since + spell})
		drops.SetFaults(sim.Faults{DropResets: 2})
		session := c.session("one", "reboot")
		c.tellsThatItWaits(conflicts, bmc.GracefulShutdown, "409")
		c.succeed(session)
		c.configured()
		c.answered(drops, bmc.GracefulShutdown, sim.Dropped, 2)
	})
	c.act("a shutdown waits", func() {
		conflicts.SetFaults(sim.Faults{})
		busy.SetFaults(sim.Faults{BusyReads: spell, BusyResets: spell})
		session := c.session("one", "shutdown")
		c.tellsThatItWaits(busy, bmc.GracefulShutdown, "503")
		c.succeed(session)
	})
	// Powered on, off and on for the reboot, and off: each once, whatever came
	// between, and nobody by force.
	for _, n := range c.fleet.Nodes() {
		var got []string
		for _, r := range c.view(n.Xname()).Resets {
			if r.Answer == sim.Accepted {
				got = append(got, fmt.Sprint(r.Type, " when ", r.Power))
			}
		}
		want := "[On when Off GracefulShutdown when On On when Off GracefulShutdown when On]"
		if fmt.Sprint(got) != want {
			t.Errorf("%s: accepted %v, want %s", n.Xname(), got, want)
		}
		if c.resets(n.Xname())[bmc.ForceOff] != 0 {
			t.Errorf("%s was to be forced off: %+v", n.Xname(), n.Resets())
		}
	}
}

// tellsThatItWaits wants the component to say, while the BMC puts the reset
// off, what is waited for.
func (c *cluster) tellsThatItWaits(n *sim.Node, reset, status string) {
	c.t.Helper()
	said := ""
	c.eventually(n.Xname()+" says that its BMC answers "+status, func() bool {
		if r := last(n); r.Type == reset && r.Answer == sim.Accepted && said == "" {
			c.t.Fatalf("%s did %s before anything said that it waits: %+v", n.Xname(), reset, n.Resets())
		}
		said, _ = c.component(n.Xname())["error"].(string)
		return strings.Contains(said, status)
	})
	if text := c.drover("explain", n.Xname()); !strings.Contains(text, status) && last(n).Answer == sim.Busy {
		c.t.Errorf("the error says %q, explain does not:\n%s", said, text)
	}
}

// answered wants that the BMC gave the answer so often to resets of the type.
func (c *cluster) answered(n *sim.Node, reset string, answer sim.Answer, want int) {
	c.t.Helper()
	got := 0
	for _, r := range n.Resets() {
		if r.Type == reset && r.Answer == answer {
			got++
		}
	}
	if got != want {
		c.t.Errorf("%s: %s was %s %d times, want %d: %+v", n.Xname(), reset, answer, got, want, n.Resets())
	}
}

// last is what the BMC was asked last.
func last(n *sim.Node) sim.ResetRecord {
	r := n.Resets()
	if len(r) == 0 {
		return sim.ResetRecord{}
	}
	return r[len(r)-1]
}
