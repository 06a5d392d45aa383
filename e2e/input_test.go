package e2e

import (
	"strings"
	"testing"
)

// What cannot be meant is refused with words that name it, and changes nothing.
func TestBadInputChangesNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	node := c.nodes[0]
	create := func(name, template string) []string {
		return []string{"bos", "v2", "sessiontemplates", "create", "--file", c.write("template-"+name, template), "bad"}
	}
	configure := func(name, configuration string) []string {
		return []string{"cfs", "v3", "configurations", "update", "bad", "--file", c.write("configuration-"+name, configuration)}
	}
	serve := func(name, config string) []string {
		return []string{"serve", "--data", c.dir + "/other", "--config", c.write(name, config)}
	}
	before := c.everything()
	for _, bad := range []struct {
		args []string
		says string
	}{
		{[]string{"bos", "v2", "sessions", "create", "--template-name", "nope", "--operation", "boot"}, "nope"},
		{[]string{"bos", "v2", "sessions", "create", "--template-name", "nope", "--operation", "explode"}, "--operation"},
		{[]string{"bos", "v2", "sessions", "create", "--operation", "boot"}, "--template-name"},
		{[]string{"bos", "v2", "sessions", "describe", "nope"}, "nope"},
		{[]string{"bos", "v2", "components", "update", node, "--enabled", "perhaps"}, "--enabled"},
		{[]string{"bos", "v2", "options", "update", "--max-boot-wait-time", "-1"}, "max_boot_wait_time"},
		{[]string{"bos", "v2", "options", "update", "--max-boot-wait-time", "soon"}, "--max-boot-wait-time"},
		{[]string{"bos", "v2", "options", "update", "--no-such-option", "1"}, "--no-such-option"},

		{create("pathless.json", `{"boot_sets":{"c":{"type":"s3","node_roles_groups":["Compute"]}}}`), "path"},
		{create("broken.json", `{"boot_sets":`), "JSON"},
		{create("list.json", `[]`), "object"},
		{create("unknown.json", `{"colour":"red","boot_sets":{"c":{"type":"s3","path":"s3://b/m","node_roles_groups":["Compute"]}}}`), "colour"},
		{create("deep.json", `{"boot_sets":{"c":{"type":"s3","path":"s3://b/m","node_roles_groups":["Compute"],"colour":"red"}}}`), "colour"},
		{create("nodeless.json", `{"boot_sets":{"c":{"type":"s3","path":"s3://b/m"}}}`), "node"},
		{[]string{"bos", "v2", "sessiontemplates", "create", "--file", c.dir + "/missing.json", "bad"}, "missing.json"},

		{configure("broken.json", `{"layers":[}`), "JSON"},
		{configure("unknown.json", `{"layers":[{"clone_url":"file:///x","branch":"main","playbook":"a.yml","colour":"red"}]}`), "colour"},
		{configure("nowhere.json", `{"layers":[{"clone_url":"file:///no/such/repository","branch":"main","playbook":"a.yml"}]}`), "/no/such/repository"},
		{[]string{"cfs", "v3", "sessions", "create", "--name", "UPPER", "--configuration-name", "x"}, "name"},
		{[]string{"cfs", "v3", "sessions", "create", "--name", "a", "--configuration-name", "nope"}, "nope"},
		{[]string{"cfs", "v3", "components", "describe", "x9c9"}, "x9c9"},
		{[]string{"cfs", "v3", "options", "update", "--batch-size", "-1"}, "batch"},

		{[]string{"discover", "--password", "p", "127.0.0.1:1=x9z9"}, "x9z9"},
		{[]string{"discover", "--password", "p", "127.0.0.1:1=" + node}, node},
		{[]string{"discover", "--password", "p", "127.0.0.1:1"}, "127.0.0.1:1"},
		{[]string{"discover", "--password", "p", "127.0.0.1:[9-1]=x1000c0s0b0"}, "9-1"},
		{[]string{"explain", "x9999c0"}, "x9999c0"},
		{[]string{"bos", "v2", "sessions", "create", "--template-name", "t", "--operation", "boot", "--limit", "x9999c0"}, "x9999c0"},
		{[]string{"watch", "nope"}, "nope"},
		{[]string{"power", "transition", "on", "--xnames", "x1000c0s[7-b0n0"}, "x1000c0s[7-b0n0"},
		{[]string{"images", "upload", c.dir + "/missing", "--name", "bad"}, "missing"},

		{[]string{"serve", "--simulate", "-3"}, "simulate"},
		{[]string{"serve", "--database", "mysql://x"}, "database"},
		{[]string{"serve", "--log-level", "loud"}, "log-level"},
		{[]string{"serve", "--config", c.dir + "/missing.yaml"}, "missing.yaml"},
		{serve("unknown.yaml", "colour: red\n"), "colour"},
		{serve("nested.yaml", "listen:\n  address: x\n"), "listen"},
		{serve("type.yaml", "simulate: many\n"), "simulate"},
		{serve("broken.yaml", "listen: [\n"), "broken.yaml"},
		{serve("listen.yaml", "listen: nowhere\n"), "nowhere"},
	} {
		if out, err := c.try(bad.args...); err == nil || !strings.Contains(err.Error(), bad.says) || strings.Contains(err.Error(), "Traceback") {
			t.Errorf("drover %s: %v (printed %q); want an error that names %s", strings.Join(bad.args, " "), err, out, bad.says)
		}
	}
	if after := c.everything(); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
}

// everything is what commands can change.
func (c *cluster) everything() string {
	c.t.Helper()
	var all strings.Builder
	for _, list := range []string{"bos v2 components", "bos v2 sessions", "bos v2 sessiontemplates", "bos v2 options",
		"cfs v3 configurations", "cfs v3 sessions", "cfs v3 components", "cfs v3 options", "hsm inventory redfishEndpoints", "ims images"} {
		all.WriteString(c.drover(append(strings.Fields(list), "list", "--format", "json")...))
	}
	return all.String()
}
