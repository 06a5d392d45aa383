package cli

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

func editCFS2(c *catalog) { editCFS(c, "/v2", camel) }

func editCFS3(c *catalog) {
	editCFS(c, "/v3", func(s string) string { return s })
	for _, d := range c.commands() {
		if len(d.Groups) > 0 && d.Groups[0] == "sources" {
			for i := range d.Args {
				d.Args[i].Twice = true // names may be URLs
			}
		}
	}
	for _, verb := range recordVerbs {
		c.drop("sessions " + verb + " list")
	}
	if d := c.shown["sessions describe"]; d != nil {
		typo := *d
		typo.Groups, typo.Hidden = []string{"session"}, true
		c.put(&typo)
	}
}

// recordVerbs show what sessions did.
var recordVerbs = []string{"results", "hosts", "log"}

// addRecords mounts them where sessions are: version 3 has them, and the module
// itself. The log is text, which no derived command prints.
func (a *app) addRecords(top *cobra.Command, m module, doc *huma.OpenAPI) {
	c := newCatalog(doc, derive.Rules{Prefix: "/v3", Verbs: m.verbs})
	for _, parent := range []*cobra.Command{top, child(top, "v3")} {
		for _, verb := range recordVerbs[:2] {
			if d := c.operation(http.MethodGet, "/v3/sessions/{}/"+verb); d != nil {
				d.Groups, d.Verb = []string{"sessions"}, verb
				a.mount(parent, m, d)
			}
		}
		if sessions := child(parent, "sessions"); sessions != nil {
			sessions.AddCommand(a.logs("log"), a.shell())
		}
	}
}

// editCFS puts in what people wrote by hand for the Configuration Framework
// Service. spell is how the version writes the interface's names.
func editCFS(c *catalog, version string, spell func(string) string) {
	for _, internal := range []string{"sessions update", "components delete"} {
		c.drop(internal)
	}
	if o := option(c, "sessions deleteall", "status"); o != nil {
		o.Default = "complete"
	}
	c.put(updateConfiguration(version))
	c.put(createConfigurationSession(version, spell))

	one := &derive.Command{Groups: []string{"components"}, Verb: "update", Method: http.MethodPatch,
		Route: version + "/components/{component_id}", Args: []derive.Argument{{Name: "component_id"}},
		Summary: "Update a component", Options: append(componentOptions(spell), text("id", "the component's ID", "id"))}
	one.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := componentPatch(one, in)
		if err != nil {
			return nil, err
		}
		return trim(r), nil
	}
	c.put(one)
	c.put(updateManyComponents(version, spell))
	namesNodes(c, "components list", "ids", derive.NodeList)
}

func option(c *catalog, command, name string) *derive.Option {
	d := c.shown[command]
	if d == nil {
		return nil
	}
	return d.Option(name)
}

// camel is how version 2 writes error_count: errorCount.
func camel(name string) string {
	head, tail, found := strings.Cut(name, "_")
	for found {
		var word string
		word, tail, found = strings.Cut(tail, "_")
		head += strings.ToUpper(word[:1]) + word[1:]
	}
	return head
}

func updateConfiguration(version string) *derive.Command {
	d := &derive.Command{Groups: []string{"configurations"}, Verb: "update", Method: http.MethodPut,
		Route: version + "/configurations/{configuration_id}", Args: []derive.Argument{{Name: "configuration_id"}},
		Summary: "Create or replace a configuration, or resolve its branches again",
		Options: []derive.Option{
			local(derive.Text, "file", "file with the whole configuration as JSON"),
			local(derive.Switch, "update-branches", "resolve all branches of the stored configuration to commits again"),
		}}
	if version == "/v3" {
		d.Options = append(d.Options, derive.Option{Name: "drop-branches", Kind: derive.Bool, Place: derive.Query,
			Path: []string{"drop_branches"}, Help: "forget the branches after resolving them"})
	}
	d.Foretell = foretellConfiguration
	d.Build = fromFile("file", func(in *derive.Input) (*derive.Request, error) {
		if _, ok := in.Given("update-branches"); !ok {
			return nil, failed("Either --file or --update-branches must be set for updates")
		}
		return &derive.Request{Method: http.MethodPatch, Path: d.Path(in.Args)}, nil
	})
	return d
}

func componentOptions(spell func(string) string) []derive.Option {
	return []derive.Option{
		bodyOption(derive.JSON, "state", "the applied layers as JSON; [] forgets all of them", []string{"state"}),
		local(derive.Text, "tags", "tags as KEY=VALUE,KEY=VALUE"),
		boolean("enabled", "whether the component is configured automatically", "enabled"),
		integer("retry-policy", "failures after which no more attempts are made; -1: no limit", spell("retry_policy")),
		integer("error-count", "failures so far", spell("error_count")),
		text("desired-config", "name of the configuration wanted", spell("desired_config")),
	}
}

func componentPatch(d *derive.Command, in *derive.Input) (*derive.Request, error) {
	r, err := d.Plain(in)
	if err != nil {
		return nil, err
	}
	if list, ok := in.Given("tags"); ok {
		if body(r)["tags"], err = tags("tags", list); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// filterNames are the filters of an update of many components.
var filterNames = []string{"ids", "status", "enabled", "config_name", "tags"}

func updateManyComponents(version string, spell func(string) string) *derive.Command {
	d := &derive.Command{Groups: []string{"components"}, Verb: "updatemany", Method: http.MethodPatch,
		Route: version + "/components", Summary: "Update the components that filters select",
		Options: slices.Concat([]derive.Option{
			local(derive.Text, "filter-ids", "comma list of component IDs"),
			local(derive.Text, "filter-status", "configuration status"),
			local(derive.Bool, "filter-enabled", "enabled or not"),
			local(derive.Text, "filter-config-name", "desired configuration"),
			local(derive.Text, "filter-tags", "tags as KEY=VALUE,KEY=VALUE"),
			local(derive.JSON, "patch", "the changes, as JSON"),
		}, componentOptions(spell))}
	d.Option("filter-ids").Nodes = derive.NodeList
	d.Option("filter-status").Enum = []string{"unconfigured", "pending", "failed", "configured"}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		filters := map[string]any{}
		for _, f := range filterNames {
			v, ok := in.Given("filter-" + strings.ReplaceAll(f, "_", "-"))
			if !ok {
				continue
			}
			filters[spell(f)] = v
			if f == "enabled" {
				filters[f], _ = derive.ParseBool(v)
			}
		}
		if len(filters) == 0 {
			return nil, failed("at least one of the --filter options must be set")
		}
		r, err := componentPatch(d, in)
		if err != nil {
			return nil, err
		}
		return filtered(in, r, filters)
	}
	return d
}

func createConfigurationSession(version string, spell func(string) string) *derive.Command {
	d := &derive.Command{Groups: []string{"sessions"}, Verb: "create", Method: http.MethodPost, Route: version + "/sessions",
		Summary: "Configure nodes or images now",
		Options: []derive.Option{
			required(text("name", "name of the session", "name")),
			required(text("configuration-name", "configuration to apply", spell("configuration_name"))),
			text("configuration-limit", "only these layers: names or numbers from 0", spell("configuration_limit")),
			text("ansible-limit", "only these hosts, as an Ansible pattern", spell("ansible_limit")),
			text("ansible-config", "ConfigMap with the ansible.cfg", spell("ansible_config")),
			integer("ansible-verbosity", "0 to 4", spell("ansible_verbosity")),
			text("ansible-passthrough", "further options of ansible-playbook", spell("ansible_passthrough")),
			{Name: "target-definition", Place: derive.Body, Path: []string{"target", "definition"}, Default: "dynamic",
				Enum: []string{"dynamic", "image", "repo", "spec"}, Help: "where the inventory comes from"},
			{Name: "target-group", Values: 2, Repeat: true, Metavar: "NAME MEMBERS", Help: "a group of the inventory and its members, separated by commas"},
			{Name: "target-image-map", Values: 2, Repeat: true, Metavar: "SOURCE_ID RESULT_NAME", Help: "the name of the image made of an image"},
			local(derive.Text, "tags", "tags as KEY=VALUE,KEY=VALUE"),
		}}
	if version == "/v3" {
		d.Options = append(d.Options, boolean("debug-on-failure", "keep the session's surroundings after a failure", "debug_on_failure"))
	}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := componentPatch(d, in)
		if err != nil {
			return nil, err
		}
		groups, images := []any{}, []any{}
		for pair := range slices.Chunk(in.Values["target-group"], 2) {
			groups = append(groups, map[string]any{"name": pair[0], "members": commaList(pair[1])})
		}
		for pair := range slices.Chunk(in.Values["target-image-map"], 2) {
			images = append(images, map[string]any{"source_id": pair[0], "result_name": pair[1]})
		}
		derive.Set(body(r), []string{"target", "groups"}, groups)
		derive.Set(body(r), []string{"target", "image_map"}, images)
		return r, nil
	}
	return d
}
