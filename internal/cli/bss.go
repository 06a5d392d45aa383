package cli

import (
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// editBSS puts in what people wrote by hand for the Boot Script Service:
// boot parameters are selected by the query or by a body.
func editBSS(c *catalog) {
	d := c.operation(http.MethodGet, "/boot/v1/bootparameters")
	if d == nil {
		return
	}
	d.Options = slices.DeleteFunc(d.Options, func(o derive.Option) bool {
		return o.Place == derive.Query || o.Name == "params" || strings.HasPrefix(o.Name, "cloud-init")
	})
	for name, help := range map[string]string{"name": "names, separated by commas", "mac": "MAC addresses, separated by commas",
		"nid": "node IDs, separated by commas"} {
		d.Options = append(d.Options, derive.Option{Name: name, Place: derive.Query, Path: []string{name}, Help: help})
	}
	slices.SortFunc(d.Options, func(a, b derive.Option) int { return strings.Compare(a.Name, b.Name) })
	c.put(d)
}

// editIMS puts in what people wrote by hand for the Image Management Service:
// a public key is given as a file.
func editIMS(c *catalog) {
	d := c.shown["public-keys create"]
	if d == nil || d.Option("public-key") == nil {
		return
	}
	d.Option("public-key").Metavar = "FILE"
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := d.Plain(in)
		if err != nil {
			return nil, err
		}
		path, _ := in.Given("public-key")
		key, err := os.ReadFile(path)
		if err != nil {
			return nil, failed("%v", err)
		}
		body(r)["public_key"] = string(key)
		return r, nil
	}
}
