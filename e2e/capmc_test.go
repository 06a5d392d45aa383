package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bmc"
)

// The commands of CAPMC on a fleet whose BMCs are of every character: nodes go
// off and on and are restarted, and the power of each is capped.
func TestCAPMCPowersNodesAndCapsTheirPower(t *testing.T) {
	t.Parallel()
	n := len(bmc.CharacterNames())
	c := prepare(t, []string{"--simulate", fmt.Sprint(n), "--sim-bmcs", "all",
		"--sim-boot-delay", "100ms", "--sim-on-delay", "50ms", "--sim-off-delay", "100ms"})
	c.start()
	for _, v := range c.views() {
		c.nodes = append(c.nodes, v.Xname)
	}
	c.known()
	all := strings.Join(c.nodes, ",")
	fine := func(args ...string) map[string]any {
		c.t.Helper()
		answer := c.object(append([]string{"capmc"}, args...)...)
		if answer["e"] != 0.0 || answer["err_msg"] != "" {
			c.t.Errorf("%v: %v", args, answer)
		}
		return answer
	}
	state := func(want string) {
		c.t.Helper()
		c.eventually("all are "+want, func() bool {
			list, _ := c.object("capmc", "get_xname_status", "create", "--xnames", all)[want].([]any)
			return len(list) == n
		})
	}
	ready := func() {
		c.t.Helper()
		c.eventually("all are Ready", func() bool {
			return len(c.listIn("Components", "hsm", "state", "components", "list", "--type", "Node", "--state", "Ready")) == n
		})
	}

	nidOf := map[string]string{}
	for _, e := range c.listIn("Components", "hsm", "state", "components", "list", "--type", "Node") {
		component := e.(map[string]any)
		nidOf[component["ID"].(string)] = fmt.Sprintf("%.0f", component["NID"])
	}
	nids := strings.Join(slices.Collect(maps.Values(nidOf)), ",")

	c.act("status of what is off", func() {
		c.eventually("PCS has looked", func() bool { return c.object("capmc", "get_xname_status", "create")["undefined"] == nil })
		fine("get_xname_status", "create", "--xnames", all)
		state("off")
	})
	c.act("boot", func() {
		for _, part := range []string{"kernel", "initrd", "rootfs"} {
			c.write(filepath.Join("image", part), strings.Repeat(part+"\n", 1000))
		}
		image := c.object("images", "upload", filepath.Join(c.dir, "image"), "--name", "image")
		file := c.write("template.json", fmt.Sprintf(`{"enable_cfs":false,"boot_sets":{"compute":
			{"type":"s3","path":%q,"etag":%q,"node_roles_groups":["Compute"]}}}`, image["path"], image["etag"]))
		c.drover("bos", "v2", "sessiontemplates", "create", "--file", file, "plain")
		c.succeed(c.session("plain", "boot"))
		ready()
	})
	c.act("reinit", func() {
		before := c.allResets()
		fine("xname_reinit", "create", "--xnames", all, "--reason", "new kernel")
		for _, node := range c.nodes {
			since := c.resetsSince(before)[node]
			if since["GracefulShutdown"] != 1 || since["On"]+since["ForceOn"] != 1 {
				t.Errorf("%s: %v", node, since)
			}
		}
		state("on")
		ready()
	})
	c.act("power caps", func() {
		fine("set_power_cap", "create", "--nids", nids, "--control", "node", "500")
		for _, v := range c.views() {
			if v.PowerCap != 500 {
				t.Errorf("%s has %d W", v.Xname, v.PowerCap)
			}
		}
		list := fine("get_power_cap", "create", "--nids", nids)["nids"].([]any)
		if len(list) != n {
			t.Errorf("%v", list)
		}
		for _, e := range list {
			if control := e.(map[string]any)["controls"].([]any)[0].(map[string]any); control["val"] != 500.0 {
				t.Errorf("%v", e)
			}
		}
		// Two forms of the three give the limit the same name.
		if groups := fine("get_power_cap_capabilities", "create", "--nids", nids)["groups"].([]any); len(groups) != 2 {
			t.Errorf("groups %v", groups)
		}
	})
	c.act("a power cap that is refused", func() {
		c.patch("/apis/drover/v1/sim/nodes/"+c.nodes[1], `{"faults":{"refuse_power_cap":"supply 2 is missing","refuse_status":400}}`)
		answer := c.object("capmc", "set_power_cap", "create", "--nids", nidOf[c.nodes[0]]+","+nidOf[c.nodes[1]], "--control", "node", "400")
		if text := fmt.Sprint(answer); answer["e"] != 52.0 || !strings.Contains(text, "supply 2 is missing") || len(answer["nids"].([]any)) != 1 {
			t.Errorf("%v", answer)
		}
		if a, b := c.view(c.nodes[0]).PowerCap, c.view(c.nodes[1]).PowerCap; a != 400 || b != 500 {
			t.Errorf("%d and %d W", a, b)
		}
	})
	c.act("PCS's own caps, and a restart", func() {
		c.kill()
		c.start()
		started := c.object("power", "cap", "set", "--xnames", all, "--control", "Node Power Limit", "0")
		c.patch("/apis/drover/v1/sim/nodes/"+c.nodes[1], `{"faults":{"refuse_power_cap":""}}`)
		id := started["taskID"].(string)
		c.eventually("the task is completed", func() bool { return c.object("power", "cap", "describe", id)["taskStatus"] == "completed" })
		again := c.object("power", "cap", "snapshot", "--xnames", all)["taskID"].(string)
		c.eventually("the snapshot is completed", func() bool { return c.object("power", "cap", "describe", again)["taskStatus"] == "completed" })
		counts := c.object("power", "cap", "describe", again)["taskCounts"].(map[string]any)
		if counts["succeeded"] != float64(n) {
			t.Errorf("%v", counts)
		}
		if v := c.view(c.nodes[0]); v.PowerCap != 0 {
			t.Errorf("%s has %d W", v.Xname, v.PowerCap)
		}
	})
	c.act("off", func() {
		c.patch("/apis/drover/v1/sim/nodes/"+c.nodes[0], `{"faults":{"refuse_power_on":"fan 3 is broken","refuse_status":400}}`)
		fine("xname_off", "create", "--xnames", all, "--force", "true")
		state("off")
		answer := c.object("capmc", "xname_on", "create", "--xnames", c.nodes[0]+","+c.nodes[1])
		list, _ := answer["xnames"].([]any)
		if answer["e"] != -1.0 || len(list) != 1 || !strings.Contains(fmt.Sprint(list[0]), "fan 3 is broken") {
			t.Errorf("%v", answer)
		}
		if v := c.view(c.nodes[1]); v.Power != bmc.On {
			t.Errorf("%s is %s", v.Xname, v.Power)
		}
	})
}
