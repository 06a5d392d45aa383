package httpapi

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

var docsTemplate = template.Must(template.New("docs").Funcs(template.FuncMap{"type": typeOf}).Parse(docsPage))

// docs is what the page about an interface shows: its OpenAPI document, for people.
type docs struct {
	Title, Version, Prefix string
	Groups                 []docsGroup
	Schemas                []docsSchema
}

// docsGroup are the operations with a tag.
type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	*huma.Operation
	Path      string // with the prefix
	Body      *huma.Schema
	Responses []docsResponse
}

type docsResponse struct {
	Status, Description string
	Schema              *huma.Schema
}

// docsSchema is a schema with a name.
type docsSchema struct {
	Name       string
	Schema     *huma.Schema
	Properties []docsProperty
}

type docsProperty struct {
	Name     string
	Required bool
	Schema   *huma.Schema
}

// registerDocs adds the page. It is made anew each time: operations are added later.
func registerDocs(mux *http.ServeMux, prefix string, api huma.API) {
	mux.HandleFunc("GET "+prefix+"/docs", func(w http.ResponseWriter, _ *http.Request) {
		var out bytes.Buffer
		if err := docsTemplate.Execute(&out, docsOf(prefix, api.OpenAPI())); err != nil {
			WriteProblem(w, err)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		w.Write(out.Bytes()) //nolint:errcheck // the client is gone
	})
}

func docsOf(prefix string, o *huma.OpenAPI) docs {
	d := docs{Title: o.Info.Title, Version: o.Info.Version, Prefix: prefix}
	groups := map[string][]docsOperation{}
	for _, path := range slices.Sorted(maps.Keys(o.Paths)) {
		item := o.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || op.Hidden {
				continue
			}
			tag := "other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			groups[tag] = append(groups[tag], docsOperationOf(prefix+path, op))
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(groups)) {
		d.Groups = append(d.Groups, docsGroup{tag, groups[tag]})
	}
	schemas := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := docsSchema{Name: name, Schema: schemas[name]}
		for _, property := range slices.Sorted(maps.Keys(s.Schema.Properties)) {
			s.Properties = append(s.Properties, docsProperty{property, slices.Contains(s.Schema.Required, property), s.Schema.Properties[property]})
		}
		d.Schemas = append(d.Schemas, s)
	}
	return d
}

func docsOperationOf(path string, op *huma.Operation) docsOperation {
	out := docsOperation{Operation: op, Path: path}
	if op.RequestBody != nil {
		out.Body = schemaIn(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		out.Responses = append(out.Responses, docsResponse{status, r.Description, schemaIn(r.Content)})
	}
	return out
}

// schemaIn is that of the first kind of content.
func schemaIn(content map[string]*huma.MediaType) *huma.Schema {
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		if s := content[kind].Schema; s != nil {
			return s
		}
	}
	return nil
}

// docsType is a type in words, and the schema with a name that they are about, if any.
type docsType struct{ Before, Name string }

// typeOf is the type of a schema; of several that there may be, the first.
func typeOf(s *huma.Schema) docsType {
	switch {
	case s == nil:
		return docsType{}
	case s.Ref != "":
		return docsType{Name: s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]}
	case len(s.OneOf) > 0:
		return typeOf(s.OneOf[0])
	case len(s.AnyOf) > 0:
		return typeOf(s.AnyOf[0])
	case len(s.AllOf) > 0:
		return typeOf(s.AllOf[0])
	case s.Items != nil:
		t := typeOf(s.Items)
		t.Before = "list of " + t.Before
		return t
	case s.AdditionalProperties != nil:
		if of, is := s.AdditionalProperties.(*huma.Schema); is {
			t := typeOf(of)
			t.Before = "names with " + t.Before
			return t
		}
	}
	words := s.Type
	if s.Format != "" {
		words += " (" + s.Format + ")"
	}
	if s.Nullable {
		words += " or null"
	}
	return docsType{Before: strings.TrimSpace(words)}
}
