package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// With --simulate the fleet ends with the server and goes on with the next one:
// nodes that were up are up, nodes that were booting boot. A CFS session that
// was under way lost its nodes, so there may be a second one.
func TestSimulationCarriesOn(t *testing.T) {
	for _, how := range []struct {
		name string
		end  func(c *cluster)
	}{
		{"after SIGTERM", (*cluster).terminate},
		{"after SIGKILL", (*cluster).kill},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			c := newSimulation(t, 3)
			gate := c.gated()
			c.act("a boot", func() {
				session := c.session("one", "boot")
				c.eventually("nodes go on", func() bool { return status("power_on_called")(c, c.nodes[0]) })
				how.end(c)
				c.start()
				c.succeed(session)
				c.resetOnce(nil, "On")
			})
			c.act("a reboot, and again", func() {
				before := c.allResets()
				session := c.session("one", "reboot")
				for _, name := range []string{"power_off_gracefully_called", "power_on_called", "configuring"} {
					c.eventually("nodes are at "+name, func() bool { return status(name)(c, c.nodes[1]) })
					how.end(c)
					c.start()
				}
				c.succeed(session)
				c.resetOnce(before, "GracefulShutdown", "On")
			})
			c.act("while Ansible runs", func() {
				before := c.allResets()
				c.write(gate, "")
				session := c.session("one", "reboot")
				c.eventually("Ansible runs", func() bool { return ansibleRuns(c, c.nodes[0]) && ansibleRuns(c, c.nodes[2]) })
				how.end(c)
				c.remove(gate)
				c.start()
				c.succeed(session)
				c.resetOnce(before, "GracefulShutdown", "On")
			})
		})
	}
}

// A fleet that is started with more nodes than before has them all.
func TestSimulationGrows(t *testing.T) {
	t.Parallel()
	c := newSimulation(t, 2)
	c.terminate()
	i := slices.Index(c.flags, "--simulate") + 1
	c.flags[i] = fmt.Sprint(5)
	c.start()
	c.nodes = nil
	for _, n := range c.views() {
		c.nodes = append(c.nodes, n.Xname)
	}
	c.known()
	c.configure("site", motd("done"))
	c.template("one", "site")
	c.succeed(c.session("one", "boot"))
}
