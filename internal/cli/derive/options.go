package derive

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// options are the operation's, required ones first, then by name.
func options(doc *huma.OpenAPI, op *huma.Operation, method string) []Option {
	d := deriver{doc: doc, seen: map[string]bool{}}
	for _, p := range op.Parameters {
		d.parameter(p)
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			if media.Schema != nil {
				d.properties(media.Schema, nil, 0, true)
			}
		}
	}
	for i := range d.out {
		// A default in a partial update would alter what nobody named.
		if o := &d.out[i]; o.Place == Body && method == http.MethodPatch {
			o.Default = ""
		}
	}
	slices.SortStableFunc(d.out, func(a, b Option) int {
		if a.Required != b.Required {
			if a.Required {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return d.out
}

type deriver struct {
	doc  *huma.OpenAPI
	out  []Option
	seen map[string]bool
}

func (d *deriver) parameter(p *huma.Param) {
	place := Query
	switch {
	case p.In == "path" || p.In == "cookie" || strings.EqualFold(p.Name, "Cray-Tenant-Name"):
		return
	case p.In == "header":
		place = Header
	}
	o := Option{Name: optionName(p.Name), Place: place, Path: []string{p.Name}, Required: p.Required, Help: p.Description}
	s := d.resolve(p.Schema)
	if s.Type == huma.TypeArray {
		o.List = true
		o.Joined = p.Explode == nil || !*p.Explode
		s = d.resolve(s.Items)
	}
	d.add(o, s)
}

// maxDepth ends the walk through schemas that contain themselves.
const maxDepth = 6

// properties adds an option for each scalar below the schema. objects is the
// length of the path to the array of objects that it is in, 0 for none.
func (d *deriver) properties(s *huma.Schema, path []string, objects int, required bool) {
	s = d.resolve(s)
	if len(path) > maxDepth {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if p.ReadOnly || name == "$schema" {
			continue
		}
		needed := required && objects == 0 && slices.Contains(s.Required, name)
		d.property(p, append(slices.Clone(path), name), objects, needed)
	}
}

func (d *deriver) property(p *huma.Schema, path []string, objects int, required bool) {
	s := d.resolve(p)
	help := p.Description
	if help == "" {
		help = s.Description
	}
	o := Option{Name: optionName(path...), Place: Body, Path: path, Objects: objects, Required: required, Help: help}
	switch s.Type {
	case huma.TypeObject:
		d.properties(s, path, objects, required)
	case huma.TypeArray:
		items := d.resolve(s.Items)
		switch {
		case items.Type == huma.TypeArray || objects > 0:
		case items.Type == huma.TypeObject || len(items.Properties) > 0:
			d.properties(items, path, len(path), false)
		default:
			o.List = true
			d.add(o, items)
		}
	case "":
		if len(s.Properties) > 0 {
			d.properties(s, path, objects, required)
		}
	default:
		d.add(o, s)
	}
}

func (d *deriver) add(o Option, s *huma.Schema) {
	if d.seen[o.Name] || s.ReadOnly {
		return
	}
	d.seen[o.Name] = true
	switch s.Type {
	case huma.TypeBoolean:
		o.Kind = Bool
	case huma.TypeInteger:
		o.Kind = Integer
	case huma.TypeNumber:
		o.Kind = Number
	}
	for _, e := range s.Enum {
		if e != nil {
			o.Enum = append(o.Enum, fmt.Sprint(e))
		}
	}
	if words := slices.DeleteFunc(slices.Clone(o.Enum), func(w string) bool { return w == "" }); o.Kind == Text &&
		len(words) == 2 && slices.Contains(words, "true") && slices.Contains(words, "false") {
		o.Kind, o.Enum = Bool, nil // a query parameter that tells absent from false
	}
	o.Default = defaultText(s.Default)
	d.out = append(d.out, o)
}

// defaultText is a schema's default as a user would type it, empty for the
// kind's zero value.
func defaultText(v any) string {
	raw, err := json.Marshal(v) // the default may be a pointer
	if err != nil {
		return ""
	}
	text := string(raw)
	if json.Unmarshal(raw, &v) == nil {
		if s, ok := v.(string); ok {
			text = s
		}
	}
	switch text {
	case "null", "0", "false", "[]", "{}":
		return ""
	}
	return text
}

// resolve follows references and merges what a schema is composed of: all of
// allOf, the first object of oneOf and anyOf.
func (d *deriver) resolve(s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = d.doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case s == nil:
		return &huma.Schema{}
	case len(s.AllOf) > 0:
		return d.merge(s, s.AllOf)
	case s.Type != "" || len(s.Properties) > 0:
		return s
	}
	for _, one := range append(slices.Clone(s.OneOf), s.AnyOf...) {
		if r := d.resolve(one); r.Type != "null" && r.Type != huma.TypeArray {
			return r
		}
	}
	return s
}

func (d *deriver) merge(s *huma.Schema, parts []*huma.Schema) *huma.Schema {
	out := *s
	out.AllOf, out.Properties = nil, maps.Clone(s.Properties)
	if out.Properties == nil {
		out.Properties = map[string]*huma.Schema{}
	}
	for _, p := range parts {
		r := d.resolve(p)
		maps.Copy(out.Properties, r.Properties)
		out.Required = append(slices.Clone(out.Required), r.Required...)
		if out.Type == "" {
			out.Type = r.Type
		}
	}
	return &out
}
