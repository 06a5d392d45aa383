package httpapi

import (
	"context"
	"net/http"
	"path"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// untimed has operations read bodies for as long as those come: the listener bounds that.
const untimed = -1

// New returns an API whose routes mux serves below prefix, the path that the
// gateway gives the service, such as "/apis/bos". Paths of operations leave it
// out. Its OpenAPI document is at <prefix>/openapi.json, a page at <prefix>/docs.
// What no operation serves is answered with a problem.
func New(mux *http.ServeMux, prefix, title, version string) huma.API {
	return NewBounded(mux, prefix, title, version, BulkBody)
}

// NewBounded is New with another bound, in bytes, for the bodies of operations on many
// things.
func NewBounded(mux *http.ServeMux, prefix, title, version string, bulk int64) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: title, Version: version},
			Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName)},
			Servers:    []*huma.Server{{URL: prefix}},
		},
		OpenAPIPath:   "/openapi",
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
	}
	mux.HandleFunc(prefix+"/", unrouted(mux, prefix+"/"))
	api := humago.NewWithPrefix(mux, prefix, config)
	registerDocs(mux, prefix, api)
	refuseNoText(api)
	boundBodies(api, bulk)
	return api
}

// Handle registers an operation. Errors of the handler become problems: a
// *Problem as it is, anything else by its fault.Kind.
func Handle[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	HandleWith(api, op, func(err error) error { return AsProblem(err) }, handler)
}

// HandleWith is Handle for an interface that has errors of another form.
func HandleWith[I, O any](api huma.API, op huma.Operation, form func(error) error, handler func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = MaxBulkBody + 1 // boundBodies says how many
	op.BodyReadTimeout = untimed
	if op.Path == "/" {
		op.Path = exactRoot
		defer describeRoot(api)
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, form(err)
		}
		return out, nil
	})
}

// schemaName is a type's name in the document. The types of a package that is
// named after a version of the interface carry it: other versions have types of
// the same name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if path.Base(t.PkgPath()) == "v1" && t.Name() != "" {
		name = "V1" + name
	}
	return name
}
