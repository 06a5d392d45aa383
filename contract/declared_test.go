package contract

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/capmc"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/tapms"
)

// service is one service, as published and as declared.
type service struct {
	name, file string
	prefix     string // of the gateway
	version    string // what the published paths leave out
	only       string // the beginning of the paths that matter
	register   func(huma.API)
}

func register[S any](declare func(huma.API, *S)) func(huma.API) {
	return func(api huma.API) { declare(api, nil) }
}

func registerBOS(api huma.API) {
	bos.Register(api, nil)
	v1.Register(api, nil)
}

var services = []service{
	{"BOS", "bos-v2.yaml", "/apis/bos", "", "", registerBOS},
	{"BOS v1", "bos-v1-and-v2.yaml", "/apis/bos", "", "/v1", registerBOS},
	{"CFS", "cfs.yaml", "/apis/cfs", "", "", register(cfs.Register)},
	{"HSM", "hsm-v2.yaml", "/apis/smd/hsm/v2", "", "", register(hsm.Register)},
	{"PCS", "pcs-v1.yaml", "/apis/power-control", "/v1", "", register(pcs.Register)},
	{"CAPMC", "capmc-v1.yaml", "/apis/capmc/capmc/v1", "", "", register(capmc.Register)},
	{"BSS", "bss-v1.yaml", "/apis/bss", "", "", register(bss.Register)},
	{"IMS", "ims-v3.yaml", "/apis/ims", "", "", register(ims.Register)},
	{"TAPMS", "tapms.yaml", "/apis/tapms", "", "", register(tapms.Register)},
}

// What is declared is what is published, but for the known differences; and
// each of those is still one.
func TestDeclaredAsPublished(t *testing.T) {
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			mux := http.NewServeMux()
			api := httpapi.New(mux, s.prefix, s.name, "1")
			s.register(api)
			c := comparison{want: published(t, s.file), got: declared(t, api)}
			got := c.got.operations("")
			for at, want := range c.want.operations(s.version) {
				c.at = at
				if _, path, _ := strings.Cut(at, " "); !strings.HasPrefix(path, s.only) {
					continue
				}
				if have, ok := got[at]; ok {
					c.operation(want, have)
				} else if !routed(mux, s.prefix, at) {
					c.differs("missing")
				}
			}
			known := knownDifferences[s.name]
			used := map[string]bool{}
			slices.Sort(c.found)
			for _, difference := range c.found {
				if pattern := known.match(difference); pattern != "" {
					used[pattern] = true
				} else {
					t.Error(difference)
				}
			}
			for pattern := range known {
				if !used[pattern] {
					t.Errorf("no difference any more: %s", pattern)
				}
			}
		})
	}
}

// routed tells whether a path that is not documented is served anyway.
func routed(mux *http.ServeMux, prefix, at string) bool {
	method, path, _ := strings.Cut(at, " ")
	r := httptest.NewRequest(method, prefix+strings.ReplaceAll(path, "{}", "x"), nil)
	_, pattern := mux.Handler(r)
	return pattern != prefix+"/" // what answers that there is nothing
}

// comparison collects the differences of two descriptions of one service.
type comparison struct {
	want, got document
	at        string // operation
	found     []string
}

func (c *comparison) differs(format string, args ...any) {
	c.found = append(c.found, c.at+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) operation(want, got operation) {
	for name, w := range want.query {
		g, ok := got.query[name]
		switch {
		case !ok:
			c.differs("query %s missing", name)
			continue
		case w["required"] != g["required"]:
			c.differs("query %s required: %v, here %v", name, w["required"], g["required"])
		}
		c.values("query "+name, c.want.flat(w), c.got.flat(g))
	}
	for name := range got.query {
		if want.query[name] == nil {
			c.differs("query %s added", name)
		}
	}
	if (want.body == nil) != (got.body == nil) {
		c.differs("has a body: %v, here %v", want.body != nil, got.body != nil)
	} else if want.body != nil {
		c.schema("body", want.body, got.body, true, 0)
	}
	for status, w := range want.answers {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		if g, ok := got.answers[status]; !ok {
			c.differs("answers %s, here %s", status, success(got))
		} else if w != nil && g != nil {
			c.schema("answer", w, g, false, 0)
		}
	}
}

func success(o operation) string {
	var out []string
	for status := range o.answers {
		if strings.HasPrefix(status, "2") {
			out = append(out, status)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// maxDepth ends schemas that contain themselves.
const maxDepth = 8

func (c *comparison) schema(at string, want, got object, input bool, depth int) {
	w, g := alternatives(c.want, want), alternatives(c.got, got)
	if depth > maxDepth {
		return
	}
	if a, b := typeOf(w), typeOf(g); a != "" && b != "" && a != b {
		c.differs("%s is of type %s, here %s", at, a, b)
		return
	}
	c.values(at, w, g)
	wp, _ := w["properties"].(object)
	gp, _ := g["properties"].(object)
	wr, gr := names(w["required"]), names(g["required"])
	for name, sub := range wp {
		below := at + "." + name
		other, ok := gp[name].(object)
		readOnly := c.want.flat(sub)["readOnly"] == true
		switch {
		case !ok && input && readOnly: // refused either way
		case !ok:
			c.differs("%s missing", below)
		default:
			if input && !readOnly && wr[name] != gr[name] {
				c.differs("%s required: %v, here %v", below, wr[name], gr[name])
			}
			c.schema(below, sub.(object), other, input, depth+1)
		}
	}
	for name := range gp {
		if wp[name] == nil && len(wp) > 0 {
			c.differs("%s.%s added", at, name)
		}
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		a, aok := w[inner].(object)
		b, bok := g[inner].(object)
		if aok && bok {
			c.schema(at+"[]", a, b, input, depth+1)
		}
	}
}

// values compares what a scalar may be.
func (c *comparison) values(at string, want, got object) {
	w, g := enum(want), enum(got)
	for v := range g {
		if len(w) > 0 && !w[v] {
			c.differs("%s value '%s' added", at, v)
		}
	}
	if len(g) == 0 {
		return // anything goes
	}
	if len(w) == 0 {
		c.differs("%s is limited to %v", at, slices.Sorted(maps.Keys(g)))
	}
	for v := range w {
		if !g[v] {
			c.differs("%s value '%s' missing", at, v)
		}
	}
}

// alternatives is a schema with the properties of all its alternatives.
func alternatives(d document, schema object) object {
	o := d.flat(schema)
	for _, word := range []string{"oneOf", "anyOf"} {
		list, ok := o[word].([]any)
		if !ok {
			continue
		}
		out, properties := maps.Clone(o), object{}
		delete(out, "type")
		for _, part := range list {
			p := d.flat(part)
			if sub, ok := p["properties"].(object); ok {
				maps.Copy(properties, sub)
			}
			if items, ok := p["items"]; ok {
				out["items"] = items
			}
		}
		out["properties"] = properties
		return out
	}
	return o
}

// typeOf is the type of which there is only one besides null.
func typeOf(o object) string {
	switch v := o["type"].(type) {
	case string:
		if v == "number" {
			return "" // an integer is one
		}
		return v
	case []any:
		for _, e := range v {
			if e != "null" && len(v) == 2 {
				return e.(string)
			}
		}
	}
	return ""
}

func names(v any) map[string]bool {
	out := map[string]bool{}
	list, _ := v.([]any)
	for _, e := range list {
		out[e.(string)] = true
	}
	return out
}

func enum(o object) map[string]bool {
	list, _ := o["enum"].([]any)
	if items, ok := o["items"].(object); ok && list == nil {
		list, _ = items["enum"].([]any)
	}
	out := map[string]bool{}
	for _, e := range list {
		if e != nil {
			out[fmt.Sprint(e)] = true
		}
	}
	return out
}
