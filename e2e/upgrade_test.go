package e2e

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A site goes from one version to the next server by server, while it reboots: the
// servers that stand by, then the one that leads, as docs/scale-out.md tells it. The
// older version has an older schema.
func TestAnUpgradeGoesServerByServer(t *testing.T) {
	older := os.Getenv("OLDER_DROVER")
	if older == "" {
		t.Skip("make upgrade-check runs this with an earlier version")
	}
	c := prepare(t, nil)
	newer := c.binary
	c.binary = older
	m := c.withMembers(2)
	m.outside = true // an older version kept repositories with the server that led
	c.withFleet(5)
	gate := c.gated()
	c.succeed(c.session("one", "boot"))

	c.binary = newer
	lead := m.leader()
	stand := 1 - lead
	c.act("the one that stands by is replaced while nodes go on", func() {
		m.rebootsWhile("one", gate, status("power_on_called"), func() {
			m.each[stand].signal(syscall.SIGTERM)
			m.start()
		})
		if says := m.each[stand].ready(); !strings.HasPrefix(says, "ok, by way of") {
			c.t.Errorf("the newer server says %q", says)
		}
	})
	c.act("the older one that leads is killed while Ansible runs", func() {
		m.rebootsWhile("one", gate, ansibleRuns, func() {
			m.each[lead].signal(syscall.SIGKILL)
			m.takesOver(lead)
		})
	})
	c.act("the older one comes back, and passes requests on", func() {
		c.binary = older
		m.start()
		c.binary = newer
		if says := m.each[lead].ready(); !strings.HasPrefix(says, "ok, by way of") {
			c.t.Errorf("the older server says %q", says)
		}
		m.rebootsWhile("one", gate, status("configuring"), func() {})
	})
	c.act("it does not lead when the newer one dies", func() {
		m.each[stand].signal(syscall.SIGKILL)
		c.eventually("the older one says why it does not lead", func() bool {
			status, text := m.each[lead].probe()
			return status == http.StatusServiceUnavailable && strings.Contains(text, "install the version of the server that leads")
		})
	})
	c.act("it leads once both are of the newer version", func() {
		m.start() // the one that died
		m.each[lead].signal(syscall.SIGTERM)
		m.start()
		m.rebootsWhile("one", gate, status("power_on_called"), func() {
			m.each[stand].signal(syscall.SIGTERM)
			m.takesOver(stand)
		})
	})
}
