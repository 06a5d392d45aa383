package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/journal"
)

// One cluster tells the story of the main job, act by act.
func TestMainJob(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 4)
	c.configure("first", motd("first"))
	c.configure("second", motd("second"))
	c.template("one", "first")
	c.template("two", "second")
	nodes := c.nodes

	t.Run("boot from off", func(t *testing.T) {
		c.succeed(c.session("one", "Boot"))
		for _, n := range nodes {
			if got := c.motdOf(n); got != "first" {
				t.Errorf("%s: motd %q, want first", n, got)
			}
			if got := c.resets(n); got["On"] != 1 || len(got) != 1 {
				t.Errorf("%s: resets %v, want one On", n, got)
			}
		}
		want := []string{"on_hold", "power_on_pending", "power_on_called", "configuring", "stable"}
		if got := c.statuses(nodes[0]); !slices.Equal(got, want) {
			t.Errorf("statuses %v, want %v", got, want)
		}
	})

	t.Run("boot again does nothing but look", func(t *testing.T) {
		c.succeed(c.session("one", "boot"))
		if got := c.resets(nodes[0]); got["On"] != 1 || len(got) != 1 {
			t.Errorf("resets %v, want still one On", got)
		}
	})

	t.Run("reboot with a new image and configuration", func(t *testing.T) {
		seen := len(c.statuses(nodes[0]))
		c.succeed(c.session("two", "reboot"))
		for _, n := range nodes {
			if got := c.motdOf(n); got != "second" {
				t.Errorf("%s: motd %q, want second", n, got)
			}
		}
		want := []string{"on_hold", "power_off_pending", "power_off_gracefully_called", "power_on_pending", "power_on_called", "configuring", "stable"}
		if got := c.statuses(nodes[0])[seen:]; !slices.Equal(got, want) {
			t.Errorf("statuses %v, want %v", got, want)
		}
	})

	t.Run("a reconfiguration needs no reboot", func(t *testing.T) {
		before := c.resets(nodes[1])
		c.drover("cfs", "v3", "components", "update", nodes[1], "--desired-config", "first", "--enabled", "true")
		c.eventually("the node is reconfigured", func() bool { return c.motdOf(nodes[1]) == "first" })
		if after := c.resets(nodes[1]); len(after) != len(before) || after["On"] != before["On"] {
			t.Errorf("resets went from %v to %v", before, after)
		}
	})

	t.Run("shutdown", func(t *testing.T) {
		c.succeed(c.session("two", "Shutdown"))
		for _, n := range nodes {
			if power := c.view(n).Power; power != bmc.Off {
				t.Errorf("%s is %s", n, power)
			}
		}
	})

	t.Run("the seed commands work as typed, by the name cray too", func(t *testing.T) {
		cray := exec.Command(strings.TrimSuffix(binary, "drover")+"cray", "hsm", "groups", "list", "--format", "json")
		cray.Env = append(cray.Environ(), "DROVER_SERVER="+c.url(), "HOME="+c.dir)
		out, err := cray.CombinedOutput()
		if err != nil || !strings.HasPrefix(strings.TrimSpace(string(out)), "[") {
			t.Errorf("cray hsm groups list: %v\n%s", err, out)
		}
		c.drover("bos", "v2", "sessions", "list", "--format", "json")
		c.drover("cfs", "sessions", "list", "--tags", "bos_session=none")
		for _, s := range c.listIn("sessions", "cfs", "v3", "sessions", "list") {
			name := s.(map[string]any)["name"].(string)
			if d := c.object("cfs", "v3", "sessions", "describe", name); d["name"] != name {
				t.Errorf("described %v instead of %s", d["name"], name)
			}
		}
	})
}

// statuses is the history of a component's status, as the API tells it.
func (c *cluster) statuses(node string) []string {
	c.t.Helper()
	var entries []journal.Entry
	c.get("/apis/drover/v1/nodes/"+node+"/journal", &entries)
	var out []string
	for _, e := range entries {
		if e.Source != "bos" || e.Kind != "status" {
			continue
		}
		if _, to, found := strings.Cut(e.Text, " -> "); found {
			out = append(out, to)
		}
	}
	return out
}
