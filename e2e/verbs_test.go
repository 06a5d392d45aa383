package e2e

import (
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
