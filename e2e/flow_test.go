package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	aCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)
	aTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`) // no zone
	aJob    = regexp.MustCompile(`^cfs-[0-9a-f]{8}-[0-9a-f-]{27}$`)
)

// matches says which of the texts in the object do not look as they should.
func matches(o map[string]any, want map[string]*regexp.Regexp) (wrong []string) {
	for key, form := range want {
		if text, _ := o[key].(string); !form.MatchString(text) {
			wrong = append(wrong, fmt.Sprintf("%s is %v", key, o[key]))
		}
	}
	return wrong
}

func statusOf(session map[string]any) map[string]any {
	return session["status"].(map[string]any)["session"].(map[string]any)
}

// The flow of one session, step by step.
func TestCFSFlowOfASingleSession(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, "--cfs-hold-sessions")
	c.drover("cfs", "v3", "options", "update", "--batcher-disable", "true")

	// 1. A configuration with a branch gets the branch's commit.
	c.configure("first", motd("first"))
	configuration := c.object("cfs", "v3", "configurations", "describe", "first")
	layer := configuration["layers"].([]any)[0].(map[string]any)
	if wrong := matches(layer, map[string]*regexp.Regexp{"commit": aCommit}); wrong != nil || layer["branch"] != "main" || configuration["last_updated"] == nil {
		t.Errorf("%v: %v", wrong, configuration)
	}
	// 2. A session is pending from its creation, and is refused where it cannot be.
	s := c.object("cfs", "v3", "sessions", "create", "--name", "one", "--configuration-name", "first")
	if wrong := matches(statusOf(s), map[string]*regexp.Regexp{"start_time": aTime}); wrong != nil || statusOf(s)["status"] != "pending" ||
		statusOf(s)["succeeded"] != "none" || statusOf(s)["job"] != nil {
		t.Errorf("%v: %v", wrong, s)
	}
	for _, bad := range [][]string{{"one", "first"}, {"other", "none"}, {"Upper", "first"}, {strings.Repeat("x", 46), "first"}} {
		if _, err := c.try("cfs", "v3", "sessions", "create", "--name", bad[0], "--configuration-name", bad[1]); err == nil {
			t.Errorf("created session %v", bad)
		}
	}
	// 3, 4. What was created while nobody ran sessions is run later.
	c.template("image", "first")
	c.terminate()
	c.flags = slices.DeleteFunc(c.flags, func(f string) bool { return f == "--cfs-hold-sessions" })
	c.start()
	c.ends("one") // with no node up, whatever its end
	c.succeed(c.bootAll("image"))
	// 5, 7. It has one job, and ends with what it did.
	c.drover("cfs", "v3", "sessions", "create", "--name", "two", "--configuration-name", "first", "--ansible-limit", strings.Join(c.nodes, ","))
	record, status := c.ends("two")
	if wrong := matches(status, map[string]*regexp.Regexp{"start_time": aTime, "completion_time": aTime, "job": aJob}); wrong != nil || status["succeeded"] != "true" {
		t.Errorf("%v: %v", wrong, record)
	}
	if logs, _ := record["logs"].(string); !strings.HasSuffix(logs, "label=two") || record["tags"] == nil || record["target"].(map[string]any)["definition"] != "dynamic" {
		t.Errorf("%v", record)
	}
	for _, n := range c.nodes {
		if got := c.motdOf(n); got != "first" {
			t.Errorf("%s: motd %q", n, got)
		}
	}
	// 7. A playbook that fails fails its session.
	c.configure("bad", "- hosts: Compute\n  gather_facts: false\n  tasks: [{ansible.builtin.fail: {msg: no}}]\n")
	c.drover("cfs", "v3", "sessions", "create", "--name", "three", "--configuration-name", "bad")
	if record, status := c.ends("three"); status["succeeded"] != "false" {
		t.Errorf("%v", record)
	}
}

// bootAll boots all nodes without a configuration and returns the session.
func (c *cluster) bootAll(image string) string {
	c.t.Helper()
	var t map[string]any
	c.get("/apis/bos/v2/sessiontemplates/"+image, &t)
	path := t["boot_sets"].(map[string]any)["compute"].(map[string]any)["path"]
	file := c.write("bare.json", fmt.Sprintf(`{"enable_cfs":false,"boot_sets":{"compute":{"type":"s3","path":%q,"kernel_parameters":"quiet","node_roles_groups":["Compute"]}}}`, path))
	c.drover("bos", "v2", "sessiontemplates", "create", "--file", file, "bare")
	return c.session("bare", "boot")
}

// The automated flow, step by step.
func TestCFSAutomatedFlow(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.drover("cfs", "v3", "options", "update", "--batch-size", "2", "--batch-window", "1")
	c.configure("first", motd("first"))
	c.template("image", "first")
	c.succeed(c.bootAll("image"))
	component := func(node string) map[string]any {
		return c.object("cfs", "v3", "components", "describe", node, "--state-details", "true")
	}
	// 2. A desired configuration makes a component pending.
	disabled := c.nodes[2]
	c.drover("cfs", "v3", "components", "update", disabled, "--enabled", "false")
	for _, n := range c.nodes {
		c.drover("cfs", "v3", "components", "update", n, "--desired-config", "first")
	}
	got := component(disabled)
	if got["configuration_status"] != "pending" || got["error_count"] != 0.0 || got["enabled"] != false {
		t.Errorf("%v", got)
	}
	// 4, 5. The batcher makes sessions of those that are enabled.
	c.eventually("the enabled nodes are configured", func() bool {
		return component(c.nodes[0])["configuration_status"] == "configured" && component(c.nodes[1])["configuration_status"] == "configured"
	})
	for _, s := range c.listIn("sessions", "cfs", "v3", "sessions", "list", "--name-contains", "batcher-") {
		session := s.(map[string]any)
		limit, _ := session["ansible"].(map[string]any)["limit"].(string)
		if limit == "" || strings.Contains(limit, disabled) || session["configuration"].(map[string]any)["limit"] != "0" {
			t.Errorf("%v", session)
		}
	}
	// 9. What was applied stands in the component's state.
	state := component(c.nodes[0])["state"].([]any)
	if len(state) != 1 || !strings.HasPrefix(fmt.Sprint(state[0].(map[string]any)["session_name"]), "batcher-") || state[0].(map[string]any)["status"] != "applied" ||
		state[0].(map[string]any)["playbook"] != "site.yml" {
		t.Errorf("%v", state)
	}
	if got := c.motdOf(disabled); got == "first" {
		t.Error("a disabled node was configured")
	}
	// 3. A reporter that empties the state has the node configured again.
	before := len(c.listIn("sessions", "cfs", "v3", "sessions", "list", "--name-contains", "batcher-"))
	c.drover("cfs", "v3", "components", "update", disabled, "--enabled", "true", "--state", "[]")
	c.eventually("the node is configured", func() bool { return component(disabled)["configuration_status"] == "configured" })
	if after := len(c.listIn("sessions", "cfs", "v3", "sessions", "list", "--name-contains", "batcher-")); after != before+1 {
		t.Errorf("%d sessions, before %d", after, before)
	}
	// 10. A node that fails is tried as often as the policy says, then left.
	c.drover("cfs", "v3", "options", "update", "--default-batcher-retry-policy", "2", "--batcher-max-backoff", "0")
	c.configure("bad", "- hosts: Compute\n  gather_facts: false\n  tasks: [{ansible.builtin.fail: {msg: no}}]\n")
	failing := c.nodes[0]
	c.drover("cfs", "v3", "components", "update", failing, "--desired-config", "bad")
	c.eventually("the node has failed", func() bool { return component(failing)["configuration_status"] == "failed" })
	if got := component(failing)["error_count"]; got != 2.0 {
		t.Errorf("%v errors are counted, expected 2", got)
	}
	c.drover("cfs", "v3", "components", "update", failing, "--desired-config", "first")
	c.eventually("the node is well again", func() bool { return component(failing)["configuration_status"] == "configured" })
}
