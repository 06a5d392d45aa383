package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// operations of a transition and the words that are sent for them.
var transitions = map[string]string{"on": "on", "off": "off", "soft-off": "soft-off", "soft-restart": "soft-restart",
	"hard-restart": "hard-restart", "force-off": "force-off", "reinit": "init"}

// editPower is the whole module: its commands follow no rule.
func editPower(c *catalog) {
	for name := range c.shown {
		c.drop(name)
	}
	for verb, operation := range transitions {
		c.put(transition(verb, operation))
	}
	plain := func(groups []string, verb, method, route, summary string, options ...derive.Option) *derive.Command {
		d := &derive.Command{Groups: groups, Verb: verb, Method: method, Route: route, Summary: summary, Options: options}
		c.put(d)
		return d
	}
	id := []derive.Argument{{Name: "transition_id"}}
	group := []string{"transition"}
	plain(group, "list", http.MethodGet, "/v1/transitions", "List transitions")
	plain(group, "describe", http.MethodGet, "/v1/transitions/{transition_id}", "Show a transition and its tasks").Args = id
	plain(group, "delete", http.MethodDelete, "/v1/transitions/{transition_id}", "Abort a transition").Args = id
	c.put(powerStatus("list", nil))
	c.put(powerStatus("describe", []derive.Argument{{Name: "xname"}}))
	group = []string{"cap"}
	xnames := required(derive.Option{Name: "xnames", Place: derive.Body, Path: []string{"xnames"}, List: true, Help: "the nodes"})
	plain(group, "snapshot", http.MethodPost, "/v1/power-cap/snapshot", "Read the power caps of nodes", xnames)
	plain(group, "list", http.MethodGet, "/v1/power-cap", "List power cap tasks")
	plain(group, "describe", http.MethodGet, "/v1/power-cap/{task_id}", "Show a power cap task").Args = []derive.Argument{{Name: "task_id"}}
	c.put(setCap())
}

func transition(verb, operation string) *derive.Command {
	d := &derive.Command{Groups: []string{"transition"}, Verb: verb, Method: http.MethodPost, Route: "/v1/transitions",
		Summary: "Start the transition " + verb,
		Options: []derive.Option{
			{Name: "xnames", Required: true, Repeat: true, Metavar: "EXPR", Help: "components, such as x1000c[0-7]s[0-7]b0n0"},
			{Name: "include", Repeat: true, Enum: []string{"parents", "children"}, Help: "also these relatives of the components"},
		}}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		names, err := powerNames(in)
		if err != nil {
			return nil, err
		}
		location := []any{}
		for _, n := range names {
			location = append(location, map[string]any{"xname": n})
		}
		return &derive.Request{Method: d.Method, Path: d.Route,
			Body: map[string]any{"operation": operation, "location": location}}, nil
	}
	return d
}

// powerNames are the components asked for and their relatives, sorted, each
// once. Children come first, so that their parents are included too.
func powerNames(in *derive.Input) ([]string, error) {
	var names []string
	for _, expr := range in.Values["xnames"] {
		more, err := xname.Expand(expr)
		if err != nil {
			return nil, usageError("Invalid value for '--xnames': %v.", err)
		}
		names = append(names, more...)
	}
	for _, relatives := range []struct {
		word string
		find func(*derive.Input, string) ([]string, error)
	}{{"children", children}, {"parents", parents}} {
		if !slices.Contains(in.Values["include"], relatives.word) {
			continue
		}
		for _, n := range slices.Clone(names) {
			more, err := relatives.find(in, n)
			if err != nil {
				return nil, err
			}
			names = append(names, more...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

const hsmComponents = "/apis/smd/hsm/v2/State/Components"

func children(in *derive.Input, name string) ([]string, error) {
	var types []string
	switch xname.TypeOf(name) {
	case xname.Chassis:
		types = []string{string(xname.ComputeModule), string(xname.RouterModule), string(xname.Node)}
	case xname.ComputeModule:
		types = []string{string(xname.Node)}
	default:
		return nil, nil
	}
	return componentIDs(in, hsmComponents+"/Query/"+httpapi.Segment(name)+"?"+
		url.Values{"type": types, "enabled": {"true"}}.Encode())
}

func parents(in *derive.Input, name string) ([]string, error) {
	if !xname.IsNode(name) {
		return nil, nil
	}
	slot := xname.Parent(xname.Parent(name))
	return componentIDs(in, hsmComponents+"?"+url.Values{"id": {slot, xname.Parent(slot)}}.Encode())
}

func componentIDs(in *derive.Input, path string) ([]string, error) {
	text, err := in.Fetch(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	var list struct{ Components []struct{ ID string } }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, failed("decode components: %v", err)
	}
	var ids []string
	for _, c := range list.Components {
		ids = append(ids, c.ID)
	}
	return ids, nil
}

func powerStatus(verb string, args []derive.Argument) *derive.Command {
	d := &derive.Command{Groups: []string{"status"}, Verb: verb, Method: http.MethodGet, Route: "/v1/power-status",
		Summary: "Show power states", Args: args}
	if verb == "list" {
		d.Options = []derive.Option{
			{Name: "xnames", Repeat: true, Metavar: "EXPR", Help: "components; all if not set"},
			{Name: "include", Repeat: true, Enum: []string{"parents", "children"}, Help: "also these relatives of the components"},
			{Name: "powerfilter", Enum: []string{"on", "off", "undefined"}, Place: derive.Query, Path: []string{"powerStateFilter"},
				Help: "only components in this state"},
			{Name: "mgmtfilter", Enum: []string{"available", "unavailable"}, Place: derive.Query, Path: []string{"managementStateFilter"},
				Help: "only components whose BMC is or is not available"},
		}
	}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		names := in.Args
		var err error
		if len(args) == 0 {
			if names, err = powerNames(in); err != nil {
				return nil, err
			}
		}
		r, err := d.Plain(&derive.Input{Command: d, Values: in.Values})
		if err == nil && len(names) > 0 {
			r.Query["xname"] = names
		}
		return r, err
	}
	return d
}

func setCap() *derive.Command {
	d := &derive.Command{Groups: []string{"cap"}, Verb: "set", Method: http.MethodPatch, Route: "/v1/power-cap",
		Summary: "Cap the power of nodes",
		Options: []derive.Option{
			{Name: "xnames", Required: true, Repeat: true, Metavar: "EXPR", Help: "the nodes"},
			{Name: "control", Required: true, Repeat: true, Values: 2, Metavar: "NAME VALUE", Help: "a control and its value in watts; 0 removes the cap"},
		}}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		names, err := powerNames(in)
		if err != nil {
			return nil, err
		}
		controls, components := []any{}, []any{}
		for pair := range slices.Chunk(in.Values["control"], 2) {
			watts, err := strconv.Atoi(pair[1])
			if err != nil {
				return nil, usageError("Invalid value for '--control': '%s' is not a valid integer.", pair[1])
			}
			controls = append(controls, map[string]any{"name": pair[0], "value": watts})
		}
		for _, n := range names {
			components = append(components, map[string]any{"xname": n, "controls": controls})
		}
		return &derive.Request{Method: d.Method, Path: d.Route, Body: map[string]any{"components": components}}, nil
	}
	return d
}
