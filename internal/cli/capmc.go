package cli

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// legacyControls are the controls that were options of their own.
var legacyControls = []string{"node", "accel"}

// editCAPMC puts in what people wrote by hand: every control of set_power_cap
// is for every node, and the source of states is not asked for.
func editCAPMC(c *catalog) {
	if d := c.shown["get_xname_status create"]; d != nil {
		d.Options = slices.DeleteFunc(d.Options, func(o derive.Option) bool { return o.Name == "source" })
	}
	d := c.operation(http.MethodPost, "/set_power_cap")
	if d == nil {
		return
	}
	d.Options = []derive.Option{
		required(derive.Option{Name: "nids", Place: derive.Body, Path: []string{"nids"}, List: true, Kind: derive.Integer, Help: "the nodes, such as [1,4-8]"}),
		{Name: "control", Repeat: true, Values: 2, Metavar: "NAME VALUE", Help: "a control and its value in watts; 0 removes the cap"},
	}
	// Before there was --control, these two were all the controls; documents still have them.
	for _, name := range legacyControls {
		d.Options = append(d.Options, derive.Option{Name: name, Kind: derive.Integer, Help: "the same as --control " + name})
	}
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := d.Plain(&derive.Input{Command: d, Values: map[string][]string{"nids": in.Values["nids"]}})
		if err != nil {
			return nil, err
		}
		pairs := slices.Collect(slices.Chunk(in.Values["control"], 2))
		for _, name := range legacyControls {
			if watts, given := in.Given(name); given {
				pairs = append(pairs, []string{name, watts})
			}
		}
		if len(pairs) == 0 {
			return nil, usageError("Missing option '--control'.")
		}
		controls := []any{}
		for _, pair := range pairs {
			watts, err := strconv.Atoi(pair[1])
			if err != nil {
				return nil, usageError("Invalid value for '--control': '%s' is not a valid integer.", pair[1])
			}
			controls = append(controls, map[string]any{"name": pair[0], "val": watts})
		}
		list := []any{}
		for _, n := range r.Body.(map[string]any)["nids"].([]any) {
			list = append(list, map[string]any{"nid": n, "controls": controls})
		}
		r.Body = map[string]any{"nids": list}
		return r, nil
	}
	c.put(d)
}
