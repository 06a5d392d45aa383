package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// Each node of one cluster has a trouble of its own; the last one has none and
// must not suffer from the others'.
func TestTroubledNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4)
	refused, hangs, unconfigurable, fine := c.fleet.Nodes()[0], c.fleet.Nodes()[1], c.fleet.Nodes()[2], c.fleet.Nodes()[3]
	const words = "Insufficient power budget in chassis 0"
	refused.SetFaults(sim.Faults{RefusePowerOn: words})
	hangs.SetFaults(sim.Faults{HangBoot: 1})
	c.drover("bos", "v2", "options", "update", "--max-boot-wait-time", "5")
	c.drover("cfs", "v3", "options", "update", "--default-batcher-retry-policy", "1")
	c.configure("site", fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.fail: {msg: the disk is missing}\n      when: inventory_hostname == '%s'\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n", unconfigurable.Xname()))
	c.template("one", "site")
	session := c.session("one", "boot")
	status := c.finish(session)

	t.Run("a refused power-on fails with the BMC's own words", func(t *testing.T) {
		if got := c.status(refused.Xname()); got != "failed" {
			t.Errorf("status %s, want failed", got)
		}
		if text, _ := c.component(refused.Xname())["error"].(string); !strings.Contains(text, words) {
			t.Errorf("error %q does not hold the BMC's words", text)
		}
		if !strings.Contains(fmt.Sprint(status["error_summary"]), words) {
			t.Errorf("error summary %v", status["error_summary"])
		}
		if text := c.drover("explain", refused.Xname()); !strings.Contains(text, words) {
			t.Errorf("explain says:\n%s", text)
		}
		if got := c.resets(refused.Xname())["On"]; got != 3 {
			t.Errorf("power-on was tried %d times, want 3 as the retry policy says", got)
		}
	})
	t.Run("a hung boot is retried", func(t *testing.T) {
		if got := c.status(hangs.Xname()); got != "stable" {
			t.Errorf("status %s, want stable", got)
		}
		if got := c.resets(hangs.Xname())["On"]; got != 2 {
			t.Errorf("powered on %d times, want 2", got)
		}
	})
	t.Run("a failing playbook marks its node and no other", func(t *testing.T) {
		if got := c.status(unconfigurable.Xname()); got != "failed" {
			t.Errorf("status %s, want failed", got)
		}
		for _, n := range []*sim.Node{hangs, fine} {
			if got := c.motdOf(n.Xname()); got != "done" {
				t.Errorf("%s: motd %q, want done", n.Xname(), got)
			}
		}
	})
	t.Run("the session tells the truth", func(t *testing.T) {
		if status["percent_successful"] != 50.0 || status["percent_failed"] != 50.0 {
			t.Errorf("status %v, want half and half", status)
		}
		if _, err := c.try("watch", session); err == nil {
			t.Error("watch of a session with failures exits 0")
		}
	})
}

// A node that comes up and tells nobody is tried as often as the retry policy
// says, and explained as what it is.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	silent, fine := c.fleet.Nodes()[0], c.nodes[1]
	silent.SetFaults(sim.Faults{Silent: true})
	c.drover("bos", "v2", "options", "update", "--max-boot-wait-time", "4", "--default-retry-policy", "2")
	c.gated()
	status := c.finish(c.session("one", "boot"))
	if status["percent_successful"] != 50.0 || status["percent_failed"] != 50.0 {
		t.Errorf("status %v, want half and half", status)
	}
	if got := c.status(silent.Xname()); got != "failed" {
		t.Errorf("status %s, want failed", got)
	}
	if got := c.resets(silent.Xname())["On"]; got != 2 {
		t.Errorf("powered on %d times, want 2 as the retry policy says", got)
	}
	if got := c.motdOf(fine); got != "done" {
		t.Errorf("%s: motd %q, want done", fine, got)
	}
	explained := c.drover("explain", silent.Xname())
	for _, says := range []string{silent.Xname() + " failed.", "did not report what it booted within 4s"} {
		if !strings.Contains(explained, says) {
			t.Errorf("explain does not say %q but:\n%s", says, explained)
		}
	}
	if strings.Contains(explained, "BMC does not answer") {
		t.Errorf("explain blames the BMC:\n%s", explained)
	}
}

// A BMC that falls silent in mid-boot: a node that reports all the same has
// booted; one that does not has failed, and it is said why.
func TestUnreachableBMC(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	reports, hangs, fine := c.fleet.Nodes()[0], c.fleet.Nodes()[1], c.fleet.Nodes()[2]
	c.drover("bos", "v2", "options", "update", "--max-power-on-wait-time", "8", "--max-boot-wait-time", "30")
	c.gated()
	reports.SetFaults(sim.Faults{SlowBoot: 6 * time.Second})
	hangs.SetFaults(sim.Faults{HangBoot: 10})
	session := c.session("one", "boot")
	for _, n := range []*sim.Node{reports, hangs} {
		c.eventually("the node boots", func() bool { return n.Phase() != sim.PhaseOff && c.status(n.Xname()) == "power_on_called" })
		f := n.Faults()
		f.UnreachableBMC = true
		n.SetFaults(f)
	}
	c.finish(session)
	if got := c.motdOf(reports.Xname()); got != "done" {
		t.Errorf("%s: motd %q, want done", reports.Xname(), got)
	}
	for n, want := range map[*sim.Node]string{reports: "stable", hangs: "failed", fine: "stable"} {
		if got := c.status(n.Xname()); got != want {
			t.Errorf("%s: status %s, want %s", n.Xname(), got, want)
		}
		if got := c.resets(n.Xname()); got["On"] != 1 || len(got) != 1 {
			t.Errorf("%s: resets %v, want one On", n.Xname(), got)
		}
	}
	if text := c.drover("explain", hangs.Xname()); !strings.Contains(text, "BMC does not answer") {
		t.Errorf("explain does not name the BMC:\n%s", text)
	}
}
