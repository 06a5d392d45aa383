package cli

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/spf13/cobra"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// module is a service on the command line.
type module struct {
	name, short string
	// prefix is what the gateway puts before the service's routes.
	prefix string
	// register declares the operations of which the commands are derived; nil
	// for modules written by hand.
	register func(api huma.API)
	// versions are its sub-groups; the first one's commands are also the
	// module's own.
	versions []version
	verbs    map[string]string
	// add puts in commands that are not derived, or not where they would be.
	add func(a *app, top *cobra.Command, m module, doc *huma.OpenAPI)
	// unversioned mounts the routes that belong to no version as well.
	unversioned bool
}

// version is one version of a module's interface.
type version struct {
	name string
	// routes is the beginning of its routes.
	routes string
	// edit puts in what was written by hand.
	edit func(c *catalog)
}

// isModule marks a module, which is a group also where it was not derived.
const isModule = "module"

func (a *app) module(m module, load bool) *cobra.Command {
	top := group(m.name, m.short)
	top.Annotations = map[string]string{isModule: m.name}
	if !load {
		return top
	}
	var doc *huma.OpenAPI
	if m.register != nil {
		api := httpapi.New(http.NewServeMux(), m.prefix, m.name, "")
		m.register(api)
		doc = api.OpenAPI()
	}
	if m.unversioned && doc != nil {
		rules := derive.Rules{Verbs: m.verbs, Except: []string{"/"}}
		for _, v := range m.versions {
			rules.Except = append(rules.Except, v.routes)
		}
		for _, c := range derive.Resolve(derive.Operations(doc, rules)) {
			a.mount(top, m, c)
		}
	}
	for i, v := range m.versions {
		sub := group(v.name, "Version "+strings.TrimPrefix(v.name, "v")+" of the interface")
		sub.Hidden = true // until it has a command to show
		top.AddCommand(sub)
		c := newCatalog(doc, derive.Rules{Prefix: v.routes, Verbs: m.verbs})
		if v.edit != nil {
			v.edit(c)
		}
		for _, d := range c.commands() {
			a.mount(sub, m, d)
			if i == 0 {
				a.mount(top, m, d)
			}
		}
	}
	if m.add != nil {
		m.add(a, top, m, doc)
	}
	return top
}

func group(name, short string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: noArguments, RunE: showHelp}
}

// mount adds a command below its groups, which it makes as needed.
func (a *app) mount(parent *cobra.Command, m module, d *derive.Command) {
	parent.Hidden = parent.Hidden && d.Hidden
	for _, g := range d.Groups {
		sub := child(parent, g)
		if sub == nil {
			sub = group(g, "")
			sub.Hidden = true
			if o := derive.Original(g); o != g {
				sub.Aliases = []string{o}
			}
			parent.AddCommand(sub)
		}
		sub.Hidden = sub.Hidden && d.Hidden
		parent = sub
	}
	if old := child(parent, d.Verb); old != nil {
		parent.RemoveCommand(old)
	}
	parent.AddCommand(a.leaf(m.prefix, d))
}

func child(parent *cobra.Command, name string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// catalog is a version's operations and the commands made of them.
type catalog struct {
	operations []*derive.Command
	shown      map[string]*derive.Command
}

func newCatalog(doc *huma.OpenAPI, rules derive.Rules) *catalog {
	c := &catalog{shown: map[string]*derive.Command{}}
	if doc != nil {
		c.operations = derive.Operations(doc, rules)
	}
	for _, d := range derive.Resolve(c.operations) {
		c.shown[d.Name()] = d
	}
	return c
}

// operation is a copy of the operation's command, nil if the service has no
// such operation. Arguments in the route are written {}.
func (c *catalog) operation(method, route string) *derive.Command {
	for _, d := range c.operations {
		if d.Method == method && argument.ReplaceAllString(d.Route, "{}") == route {
			out := *d
			out.Options = slices.Clone(d.Options)
			return &out
		}
	}
	return nil
}

// put adds a command or replaces the one of the same name.
func (c *catalog) put(d *derive.Command) { c.shown[d.Name()] = d }

// drop removes the command of the name.
func (c *catalog) drop(name string) { delete(c.shown, name) }

func (c *catalog) commands() []*derive.Command {
	out := make([]*derive.Command, 0, len(c.shown))
	for _, d := range c.shown {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *derive.Command) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}
