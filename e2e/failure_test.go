package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/sim"
)

// Each node of one cluster has a trouble of its own; the last one has none and
// must not suffer from the others'.
func TestTroubledNodes(t *testing.T) {
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

func TestBadInputChangesNothing(t *testing.T) {
	c := newCluster(t, 1)
	node := c.fleet.Nodes()[0].Xname()
	before := c.drover("bos", "v2", "components", "describe", node)
	for _, bad := range []struct {
		args []string
		says string
	}{
		{[]string{"bos", "v2", "sessions", "create", "--template-name", "nope", "--operation", "boot"}, "nope"},
		{[]string{"bos", "v2", "sessions", "create", "--template-name", "nope", "--operation", "explode"}, "--operation"},
		{[]string{"bos", "v2", "sessions", "create", "--operation", "boot"}, "--template-name"},
		{[]string{"bos", "v2", "sessiontemplates", "create", "--file", c.write("bad.json", `{"boot_sets":{"c":{"type":"s3"}}}`), "bad"}, "path"},
		{[]string{"bos", "v2", "options", "update", "--max-boot-wait-time", "-1"}, "max_boot_wait_time"},
		{[]string{"cfs", "v3", "sessions", "create", "--name", "UPPER", "--configuration-name", "x"}, "name"},
		{[]string{"cfs", "v3", "components", "describe", "x9c9"}, "x9c9"},
		{[]string{"serve", "--simulate", "-3"}, "simulate"},
		{[]string{"serve", "--database", "mysql://x"}, "database"},
	} {
		if out, err := c.try(bad.args...); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("drover %s: %v (printed %q); want an error that names %s", strings.Join(bad.args, " "), err, out, bad.says)
		}
	}
	if after := c.drover("bos", "v2", "components", "describe", node); after != before {
		t.Errorf("component changed from\n%s\nto\n%s", before, after)
	}
	if n := len(c.list("bos", "v2", "sessions", "list")) + len(c.list("bos", "v2", "sessiontemplates", "list")); n != 0 {
		t.Errorf("%d sessions and templates came of bad input", n)
	}
}
