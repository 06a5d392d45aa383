package e2e

import (
	"fmt"
	"testing"
)

// The server dies in mid-session, at several moments, and the next one
// finishes: nothing is lost, and no node is driven twice.
func TestKilledServerFinishesTheSession(t *testing.T) {
	for _, moment := range []struct {
		name    string
		reached func(c *cluster, node string) bool
	}{
		{"right after the request", func(*cluster, string) bool { return true }},
		{"while nodes power on", func(c *cluster, node string) bool { return c.resets(node)["On"] > 0 }},
		{"while Ansible runs", func(c *cluster, node string) bool { return c.motdOf(node) == "begun" }},
	} {
		t.Run(moment.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 3)
			gate := c.write("gate/closed", "")
			c.configure("site", fmt.Sprintf("- hosts: Compute\n  gather_facts: false\n  tasks:\n"+
				"    - ansible.builtin.copy: {dest: /etc/motd, content: begun}\n"+
				"    - ansible.builtin.wait_for: {path: %q, state: absent, timeout: 120}\n      delegate_to: localhost\n      connection: local\n"+
				"    - ansible.builtin.copy: {dest: /etc/motd, content: done}\n", gate))
			c.template("one", "site")
			session := c.session("one", "reboot")
			node := c.fleet.Nodes()[0].Xname()
			c.eventually("the moment has come", func() bool { return moment.reached(c, node) })
			c.kill()
			c.remove(gate)
			c.start()
			c.succeed(session)
			for _, n := range c.fleet.Nodes() {
				if got := c.motdOf(n.Xname()); got != "done" {
					t.Errorf("%s: motd %q, want done", n.Xname(), got)
				}
				if got := c.resets(n.Xname()); got["On"] != 1 {
					t.Errorf("%s: resets %v, want one On", n.Xname(), got)
				}
			}
			if n := len(c.listIn("sessions", "cfs", "v3", "sessions", "list")); n > 3 {
				t.Errorf("%d CFS sessions for 3 nodes", n)
			}
		})
	}
}
