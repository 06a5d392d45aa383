package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/journal"
)

// The workflows of the documents, act by act, with what can be asked on the
// way.
func TestBOSWorkflowsOfVersion2(t *testing.T) {
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

	t.Run("what the records say after it", func(t *testing.T) {
		list := c.list("bos", "v2", "sessions", "list")
		status := list[0]["status"].(map[string]any)
		if len(list) != 1 || status["status"] != "complete" || status["error"] != nil || status["end_time"] == nil || list[0]["components"] != strings.Join(nodes, ",") {
			t.Errorf("%v", list)
		}
		got := c.component(nodes[0])
		action, tries, session := got["last_action"].(map[string]any), got["event_stats"].(map[string]any), list[0]["name"]
		if got["enabled"] != false || got["session"] != session || action["action"] != "powering_on" || action["failed"] != false || tries["power_on_attempts"] != 0.0 {
			t.Errorf("%v", got)
		}
		actual, desired := got["actual_state"].(map[string]any), got["desired_state"].(map[string]any)
		if actual["bss_token"] == "" || actual["bss_token"] != desired["bss_token"] || desired["configuration"] != "first" {
			t.Errorf("%v", got)
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

	t.Run("staged reboot of one node", func(t *testing.T) {
		node := nodes[0]
		session := c.session("one", "reboot", "--staged", "true", "--limit", node)
		c.eventually("the session is staged", func() bool {
			return c.object("bos", "v2", "sessions", "status", "list", session)["percent_staged"] == 100.0
		})
		if staged := c.component(node)["staged_state"].(map[string]any)["session"]; staged != session || c.motdOf(node) != "second" {
			t.Errorf("staged for %v, motd %q", staged, c.motdOf(node))
		}
		c.drover("bos", "v2", "applystaged", "create", "--xnames", node)
		c.eventually("the node runs the other image", func() bool { return c.status(node) == "stable" && c.motdOf(node) == "first" })
		c.succeed(c.session("two", "reboot", "--limit", node))
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
		cray.Env = c.clientEnv()
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
