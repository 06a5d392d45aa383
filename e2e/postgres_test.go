package e2e

import (
	"testing"

	"github.com/drover-hpc/drover/internal/store/storetest"
)

// The main job on PostgreSQL: boot, reboot, and a server that dies in each.
func TestMainJobOnPostgreSQL(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, "--database", storetest.Postgres(t))
	gate := c.gated()
	for _, act := range []struct {
		name, operation string
		kills           []moment
		resets          []string
	}{
		{"boot", "boot", nil, []string{"On"}},
		{"reboot", "reboot", nil, []string{"GracefulShutdown", "On"}},
		{"killed as nodes go off", "reboot", []moment{status("power_off_gracefully_called")}, []string{"GracefulShutdown", "On"}},
		{"killed as nodes go on and as Ansible runs", "reboot", []moment{status("power_on_called"), ansibleRuns}, []string{"GracefulShutdown", "On"}},
	} {
		c.act(act.name, func() {
			before := c.allResets()
			if act.kills != nil {
				c.write(gate, "")
			}
			session := c.session("one", act.operation)
			for _, reached := range act.kills {
				c.eventually("the moment has come", func() bool { return reached(c, c.nodes[0]) })
				c.kill()
				c.start()
			}
			if act.kills != nil {
				c.remove(gate)
			}
			c.succeed(session)
			c.drivenOnce(session, before, act.resets...)
		})
	}
}
