package cli

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// editBOS puts in what people wrote by hand for the Boot Orchestration
// Service.
func editBOS(c *catalog) {
	for _, internal := range []string{"sessions update", "sessions status create", "components delete"} {
		c.drop(internal)
	}
	if d := c.operation(http.MethodPost, "/v2/sessions"); d != nil {
		c.put(createSession(d))
	}
	for verb, method := range map[string]string{"create": http.MethodPut, "update": http.MethodPatch} {
		if d := c.operation(method, "/v2/sessiontemplates/{}"); d != nil {
			d.Verb = verb
			d.Options = append(d.Options, local(derive.Text, "file", "file with the whole template as JSON; other options are then ignored"))
			d.Build = fromFile("file", d.Plain)
			c.put(d)
		}
	}
	if d := c.operation(http.MethodPatch, "/v2/components/{}"); d != nil {
		d.Options = append(d.Options, clearOptions()...)
		d.Build = func(in *derive.Input) (*derive.Request, error) {
			r, err := d.Plain(in)
			if err != nil {
				return nil, err
			}
			clearStates(in, body(r))
			return trim(r), nil
		}
		c.put(d)
	}
	c.put(updateManyNodes())
	namesNodes(c, "components list", "ids", derive.NodeList)
	namesNodes(c, "applystaged create", "xnames", derive.NodeList)
	if d := c.shown["applystaged create"]; d != nil {
		d.After = tellNotApplied
	}
}

// namesNodes marks an option whose value names nodes.
func namesNodes(c *catalog, command, name string, form derive.NodesForm) {
	if o := option(c, command, name); o != nil {
		o.Nodes = form
	}
}

// createSession accepts what published documents type: operations in any
// letter case, and --staged for --stage.
func createSession(d *derive.Command) *derive.Command {
	if o := d.Option("operation"); o != nil {
		o.AnyCase = true
	}
	if o := d.Option("stage"); o != nil {
		staged := *o
		staged.Name, staged.Hidden = "staged", true
		d.Options = append(d.Options, staged)
	}
	if o := d.Option("limit"); o != nil {
		o.Nodes = derive.NodesLimit
	}
	return d
}

// states are the texts of a component's states that the clear options empty.
var states = map[string][]string{
	"desired_state": {"configuration", "bss_token", "boot_artifacts.kernel", "boot_artifacts.kernel_parameters", "boot_artifacts.initrd"},
	"staged_state":  {"configuration", "session", "boot_artifacts.kernel", "boot_artifacts.kernel_parameters", "boot_artifacts.initrd"},
}

func clearOptions() []derive.Option {
	return []derive.Option{
		local(derive.Switch, "clear-desired-state", "empty the desired state"),
		local(derive.Switch, "clear-staged-state", "empty the staged state"),
		local(derive.Switch, "clear-pending-state", "empty both"),
	}
}

func clearStates(in *derive.Input, patch map[string]any) {
	_, both := in.Given("clear-pending-state")
	for state, texts := range states {
		_, asked := in.Given("clear-" + strings.ReplaceAll(state, "_", "-"))
		if !asked && !both {
			continue
		}
		for _, t := range texts {
			derive.Set(patch, append([]string{state}, strings.Split(t, ".")...), "")
		}
	}
}

func updateManyNodes() *derive.Command {
	d := &derive.Command{Groups: []string{"components"}, Verb: "updatemany", Method: http.MethodPatch, Route: "/v2/components",
		Summary: "Update the components that a filter selects",
		Options: slices.Concat([]derive.Option{
			local(derive.Text, "filter-ids", "comma list of component IDs"),
			local(derive.Text, "filter-session", "components of this session"),
			local(derive.JSON, "patch", "the changes, as JSON"),
			boolean("enabled", "whether BOS acts on the components", "enabled"),
			integer("retry-policy", "how often an action is tried", "retry_policy"),
		}, clearOptions())}
	d.Option("filter-ids").Nodes = derive.NodeList
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		filters := map[string]any{}
		for _, f := range []string{"ids", "session"} {
			if v, ok := in.Given("filter-" + f); ok && v != "" {
				filters[f] = v
			}
		}
		if len(filters) != 1 {
			return nil, failed("exactly one of --filter-ids and --filter-session must be set")
		}
		r, err := d.Plain(in)
		if err != nil {
			return nil, err
		}
		clearStates(in, body(r))
		return filtered(in, r, filters)
	}
	return d
}

// editBOS1 are the commands of the first version, which documents still show.
func editBOS1(c *catalog) {
	for _, internal := range []string{"session status create", "session status update", "session status delete"} {
		c.drop(internal)
	}
	c.drop("session log list") // text, which no derived command prints: see logs
	if o := option(c, "session create", "limit"); o != nil {
		o.Nodes = derive.NodesLimit
	}
	if d := c.shown["sessiontemplate create"]; d != nil {
		c.put(templateFromFile(d))
	}
}

// templateFromFile adds --file, which is how boot sets are given; --name names
// the template, whatever the file says.
func templateFromFile(d *derive.Command) *derive.Command {
	d.Options = append(d.Options, local(derive.Text, "file", "file with the whole template as JSON; of the other options --name alone counts then"))
	if o := d.Option("name"); o != nil {
		o.Required = false // the file may have it
	}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := fromFile("file", d.Plain)(in)
		name, named := in.Given("name")
		text, whole := []byte(nil), false
		if err == nil {
			text, whole = r.Body.([]byte)
		}
		if !whole || !named {
			return r, err
		}
		var template map[string]json.RawMessage
		if err := json.Unmarshal(text, &template); err != nil {
			return nil, failed("file %s: expected a template, which is an object: %v", in.Values["file"][0], err)
		}
		if template["name"], err = json.Marshal(name); err != nil {
			return nil, err
		}
		r.Body = template
		return r, nil
	}
	return d
}
