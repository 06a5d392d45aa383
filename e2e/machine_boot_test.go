package e2e

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/need"
)

// The whole chain on a machine that has nothing of ours inside but its image:
// BMC, firmware, iPXE, boot script, kernel, root file system, reporters, SSH,
// Ansible; then a restart, a shutdown, a kill.
func TestVirtualNode(t *testing.T) {
	takesMinutes(t)
	c := newMachines(t, 1, "--virtual-memory", "1024")
	node := c.nodes[0]
	small := c.build("small", "busybox")
	c.configure("first", motd("first"))
	c.boots("small", small, small.root, "first")

	c.act("boots, reports and is configured", func() {
		c.succeed(c.session("small", "boot"))
		c.says(node, "cat /etc/motd", "first")
		c.says(node, "cat /proc/cmdline", "boot-images/"+small.id+"/rootfs")
		c.says(node, "hostname", node)
		explained := c.drover("explain", node)
		for _, says := range []string{"runs what it should", "boot script served", "/kernel (", "/initrd (", "/rootfs (", "HSM state Ready"} {
			if !strings.Contains(explained, says) {
				c.t.Errorf("explain does not say %q but:\n%s", says, explained)
			}
		}
	})
	c.act("restarts gracefully, loses its memory, and is configured again", func() {
		before := c.bootScripts(node)
		c.drover("power", "transition", "soft-restart", "--xnames", node)
		c.eventually("the node has its boot script again", func() bool { return c.bootScripts(node) > before })
		c.eventually("Ansible wrote again what was lost", func() bool { out, err := c.ssh(node, "cat /etc/motd"); return err == nil && out == "first" })
	})
	c.act("shuts down", func() {
		c.succeed(c.session("small", "shutdown"))
		if power := c.power(node); power != "off" {
			c.t.Errorf("power is %s", power)
		}
		if left := machines(c.server.Process.Pid); len(left) > 0 {
			c.t.Errorf("QEMU still runs: %v", left)
		}
	})
	c.act("no machine outlives a killed server, and the boot is finished by the next", func() {
		c.drover("bos", "v2", "options", "update", "--max-power-on-wait-time", "10") // then BOS calls again for a node that went off
		session := c.session("small", "boot")
		c.eventually("the node has its boot script", func() bool { return strings.Contains(c.drover("explain", node), "boot script served") })
		if running := machines(c.server.Process.Pid); len(running) != 1 {
			c.t.Errorf("QEMU processes: %v, want one", running)
		}
		c.kill()
		c.eventuallyAlone("QEMU is gone", func() bool { return len(machines(c.server.Process.Pid)) == 0 })
		c.start()
		c.succeed(session)
		c.says(node, "cat /etc/motd", "first")
	})
	c.act("no machine outlives a server that was stopped", func() {
		server := c.server.Process.Pid
		c.terminate()
		if left := machines(server); len(left) > 0 {
			c.t.Errorf("QEMU still runs: %v", left)
		}
		c.start()
		c.eventually("the node is off", func() bool { return c.power(node) == "off" })
	})
}

// A node boots by a session of the first version, and reboots by one of the
// second into an image of another kind.
func TestVirtualNodeByBothVersionsAndIntoAnotherImage(t *testing.T) {
	takesMinutes(t)
	c := newMachines(t, 1, "--virtual-memory", "1024")
	node := c.nodes[0]
	small, large := c.build("small", "busybox"), c.build("large", "systemd")
	c.configure("first", motd("first"))
	c.configure("second", "- hosts: Compute\n  gather_facts: true\n  tasks:\n"+
		"    - ansible.builtin.copy: {dest: /etc/motd, content: \"{{ ansible_service_mgr }} on {{ ansible_hostname }}\"}\n")
	c.boots("small", small, small.root, "first")
	c.boots("large", large, large.root, "second")

	c.act("boots by a session of version 1", func() {
		c.succeedV1(c.startV1("small", "Boot"), "boot", "configure")
		c.says(node, "cat /etc/motd", "first")
	})
	c.act("reboots into a second image", func() {
		c.succeed(c.session("large", "reboot"))
		c.says(node, "cat /etc/motd", "systemd on "+node)
		c.says(node, "cat /proc/1/comm", "systemd")
		c.says(node, "cat /proc/cmdline", "boot-images/"+large.id+"/rootfs")
		if console := c.drover("console", node, "--lines", "10000"); strings.Contains(console, small.id) || !strings.Contains(console, large.id) {
			c.t.Errorf("the console is not that of the last boot:\n%s", console)
		}
	})
	c.act("shuts down by a session of version 1", func() {
		c.succeedV1(c.startV1("large", "Shutdown"), "shutdown")
	})
}

// bootScripts is how many the node was given so far.
func (c *cluster) bootScripts(node string) (n int) {
	c.t.Helper()
	var entries []journal.Entry
	c.get("/apis/drover/v1/nodes/"+node+"/journal", &entries)
	for _, e := range entries {
		if e.Kind == "boot-script" {
			n++
		}
	}
	return n
}

// Simulated and virtual nodes in one fleet, booted and configured together by
// the same image and the same session.
func TestVirtualBesideSimulatedNodes(t *testing.T) {
	takesMinutes(t)
	need.Met(t, jail.Probe(t.TempDir()))
	c := newMachines(t, 1)
	c.terminate()
	virtual, simulated := c.nodes[0], []string{"x1000c0s0b0n0", "x1000c0s1b0n0"}
	c.nodes = append(c.nodes, simulated...)
	c.flags = append(c.flags, "--simulate", "2")
	c.start()
	c.known()
	image := c.build("small", "busybox")
	c.configure("site", motd("done"))
	c.boots("small", image, image.root, "site")
	c.succeed(c.session("small", "boot"))
	c.says(virtual, "cat /etc/motd", "done")
	for _, n := range simulated {
		if got := c.motdOf(n); got != "done" {
			t.Errorf("%s: motd %q, want done", n, got)
		}
	}
	c.says(virtual, "busybox wget -q -O - $(tr ' ' '\\n' </proc/cmdline | sed -n 's/^ds=nocloud-net;s=//p')meta-data", `"local-hostname":"`+virtual+`"`)
}
