package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

func TestShortVerbs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.configure("site", motd("site"))
	c.configure("other", motd("other"))
	c.template("one", "site")
	c.template("two", "site")
	group, one := "x1000c0s[0-1]b0n0,"+c.nodes[2], c.nodes[0]

	if text, err := c.try("boot", group); err == nil {
		t.Errorf("a boot by a template that nobody named: %s", text)
	}
	if text := c.drover("boot", group, "--template", "one", "--wait"); !strings.Contains(text, "by template one\n") || !strings.Contains(text, "all 3 nodes succeeded") {
		t.Error(text)
	}
	before := c.allResets()
	if text := c.drover("reboot", one, "--wait"); !strings.Contains(text, "reboot of 1 node ("+one+") by template one\n") {
		t.Error(text)
	}
	if got := c.resetsSince(before); got[one][bmc.ResetOn] != 1 || len(got[c.nodes[1]]) != 0 {
		t.Errorf("a reboot of %s: %v", one, got)
	}
	if text := c.drover("configure", group, "--desired-config", "other", "--wait"); !strings.HasSuffix(text, "configured 3, pending 0, failed 0\n") || c.motdOf(one) != "other" {
		t.Errorf("%s; motd %q", text, c.motdOf(one))
	}
	runs := len(c.runs())
	if text := c.drover("configure", one, "--wait"); !strings.HasSuffix(text, "configured 1, pending 0, failed 0\n") || len(c.runs()) != runs+1 {
		t.Errorf("%s: %d sessions, after %d", text, len(c.runs()), runs)
	}
	c.eventually("CFS is done", func() bool { return len(c.openRuns()) == 0 }) // it would wait for nodes that are off
	if text := c.drover("power", "off", one, c.nodes[1], "--wait"); !strings.HasSuffix(text, "succeeded 2, under way 0, failed 0\n") || c.power(one) != "off" || c.power(c.nodes[2]) != "on" {
		t.Error(text)
	}
	c.faults(0, sim.Faults{RefusePowerOn: "no such luck"})
	if text, err := c.try("power", "on", one, c.nodes[1], "-w"); err == nil || !strings.Contains(text, "failed x1000c0s[0-1]b0n0: ") || !strings.Contains(text, "no such luck") {
		t.Errorf("%v: %s", err, text)
	}
	c.faults(0, sim.Faults{})
	prompt := c.at(120, 24, "off", group)
	prompt.shows("Shut down 3 nodes (", ") by template one? [y/N]")
	prompt.types("n\r")
	prompt.ends(1)
	if text := c.drover("off", group, "--wait"); !strings.Contains(text, "all 3 nodes succeeded") {
		t.Error(text)
	}
	if c.power(c.nodes[2]) != "off" {
		t.Error("a node is on that was to be off")
	}
}

// A session is retried with what failed in it once the fault is gone, of BOS and of CFS.
func TestRetry(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	bad, gate := c.nodes[2], "gate/closed"
	c.configure("site", fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
		"    - ansible.builtin.wait_for: {path: %q, state: absent, timeout: 1}\n      when: inventory_hostname == %q\n      delegate_to: localhost\n      connection: local\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n", filepath.Join(c.dir, gate), bad))
	c.template("one", "site")
	c.fleet.Nodes()[2].SetFaults(sim.Faults{RefusePowerOn: "no such luck"})
	if text, err := c.try("boot", "x1000c0s[0-1]b0n0,"+bad, "--template", "one", "--name", "first", "--wait"); err == nil {
		t.Fatalf("a boot with a fault: %s", text)
	}
	c.faults(0, sim.Faults{})
	before := c.allResets()
	text := c.drover("retry", "first", "--name", "second", "--wait")
	if !strings.Contains(text, "session second: boot of 1 node ("+bad+") by template one\n") || !strings.Contains(text, "1 of 1 node succeeded") {
		t.Error(text)
	}
	if got := c.resetsSince(before); len(got[c.nodes[0]]) != 0 || got[bad][bmc.ResetOn] != 1 {
		t.Errorf("resets %v", got)
	}
	if text = c.drover("retry", "first"); text != "left out "+bad+": session second has it\nsession first: nothing else failed, there is nothing to retry\n" {
		t.Error(text)
	}
	if text = c.drover("retry", "second"); text != "session second: nothing failed, there is nothing to retry\n" {
		t.Error(text)
	}

	c.drover("cfs", "v3", "components", "update", bad, "--enabled", "false") // CFS itself would retry it
	c.write(gate, "")
	c.drover("cfs", "v3", "sessions", "create", "--name", "night", "--configuration-name", "site")
	c.eventually("the session is over", func() bool { return len(c.openRuns()) == 0 })
	if text, err := c.try("retry", "night", "--name", "vain", "--wait"); err == nil || !strings.Contains(text, "failed "+bad+": task '") {
		t.Errorf("a retry with the fault: %v %s", err, text)
	}
	c.remove(gate)
	if text = c.drover("retry", "vain", "--name", "later", "--wait"); !strings.HasPrefix(text, "session later: configuration site on 1 node ("+bad+")\n") || !strings.HasSuffix(text, "session later is complete\n") {
		t.Error(text)
	}
}
