package derive

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Rules are what differs between modules.
type Rules struct {
	// Prefix is the part of the routes that is no group, such as "/v2".
	// Routes outside it have no command.
	Prefix string
	// Except are prefixes of routes that have no command.
	Except []string
	// Verbs replace the usual ones: "PUT" for both kinds of route, "PUT item"
	// and "PUT collection" for one.
	Verbs map[string]string
}

// Operations are the commands of all operations of doc, before Resolve.
func Operations(doc *huma.OpenAPI, rules Rules) []*Command {
	var out []*Command
	for _, route := range slices.Sorted(maps.Keys(doc.Paths)) {
		if !rules.covers(route) {
			continue
		}
		item := doc.Paths[route]
		for _, m := range []struct {
			method string
			op     *huma.Operation
		}{{http.MethodGet, item.Get}, {http.MethodPost, item.Post}, {http.MethodPut, item.Put},
			{http.MethodPatch, item.Patch}, {http.MethodDelete, item.Delete}} {
			if m.op != nil && !slices.Contains(m.op.Tags, "cli_ignore") {
				out = append(out, command(doc, rules, m.method, route, m.op))
			}
		}
	}
	return out
}

func (r Rules) covers(route string) bool {
	if rest, ok := strings.CutPrefix(route, r.Prefix); !ok || rest != "" && rest[0] != '/' {
		return false
	}
	return !slices.ContainsFunc(r.Except, func(p string) bool {
		return route == p || strings.HasPrefix(route, strings.TrimSuffix(p, "/")+"/") && p != "/"
	})
}

func command(doc *huma.OpenAPI, rules Rules, method, route string, op *huma.Operation) *Command {
	c := &Command{Method: method, Route: route, Summary: op.Summary, Description: op.Description}
	for _, s := range strings.Split(strings.TrimPrefix(route, rules.Prefix), "/") {
		switch {
		case s == "":
		case isArgument(s):
			c.Args = append(c.Args, Argument{Name: strings.Trim(s, "{}")})
			c.item = true
			continue
		default:
			c.Groups = append(c.Groups, groupName(s))
		}
		c.item = false
	}
	slices.Reverse(c.Args)
	c.Verb = rules.verb(method, c.item)
	for _, tag := range op.Tags {
		if q, ok := strings.CutPrefix(tag, "cli_danger$"); ok {
			c.Danger = q
		}
		c.Hidden = c.Hidden || tag == "cli_hidden"
	}
	c.Options = options(doc, op, method)
	return c
}

func (r Rules) verb(method string, item bool) string {
	kind := " collection"
	if item {
		kind = " item"
	}
	for _, key := range []string{method + kind, method} {
		if v := r.Verbs[key]; v != "" {
			return v
		}
	}
	switch {
	case method == http.MethodGet && item:
		return "describe"
	case method == http.MethodGet:
		return "list"
	case method == http.MethodPost:
		return "create"
	case method == http.MethodDelete:
		return "delete"
	}
	return "update"
}

// Resolve keeps one command per name: of an item and a collection the item
// (but things are created in a collection), of PATCH and PUT the PATCH.
func Resolve(all []*Command) []*Command {
	best := map[string]*Command{}
	for _, c := range all {
		name := c.Name()
		if old := best[name]; old == nil || c.wins(old) {
			best[name] = c
		}
	}
	out := make([]*Command, 0, len(best))
	for _, name := range slices.Sorted(maps.Keys(best)) {
		out = append(out, best[name])
	}
	return out
}

func (c *Command) wins(old *Command) bool {
	if c.item != old.item {
		return c.item == (c.Method != http.MethodPost)
	}
	return c.Method == http.MethodPatch
}

// Name is the groups and the verb.
func (c *Command) Name() string {
	return strings.Join(append(slices.Clone(c.Groups), c.Verb), " ")
}

// Option is the option of the name, nil if there is none.
func (c *Command) Option(name string) *Option {
	for i := range c.Options {
		if c.Options[i].Name == name {
			return &c.Options[i]
		}
	}
	return nil
}
