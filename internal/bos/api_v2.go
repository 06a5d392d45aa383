package bos

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// The version of the published interface that this one follows.
const (
	versionMajor = "2"
	versionMinor = "50"
	versionPatch = "0"
)

// Register adds the operations of BOS v2 to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {
	httpapi.Bound(api, limits)
	httpapi.RefuseEmpty(api)
	registerVersion(api, s)
	registerTemplates(api, s)
	registerSessions(api, s)
	registerComponents(api, s)
	registerStaged(api, s)
	registerOptions(api, s)
	describeAsJSON(api)
}

// describeAsJSON strikes the second media type that huma adds for a body that
// an operation also wants as it was sent.
func describeAsJSON(api huma.API) {
	for _, item := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Put, item.Patch} {
			if op != nil && op.RequestBody != nil {
				delete(op.RequestBody.Content, "application/octet-stream")
			}
		}
	}
}

// TenantHeader is the tenant that a call is limited to. It and the paths are
// exported because huma looks only into exported parts of an input.
type TenantHeader struct {
	Tenant string `header:"Cray-Tenant-Name" format:"tenant-name" doc:"Tenant to which the call is limited; empty is no limit"`
}

// optional is a query parameter that can be told from its zero value.
type optional[T any] struct {
	Value T
	IsSet bool
}

// Schema is that of the value.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver is where huma puts the value.
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet is how huma tells whether there was one.
func (o *optional[T]) OnParamSet(isSet bool, _ any) { o.IsSet = isSet }

func (o *optional[T]) pointer() *T {
	if !o.IsSet {
		return nil
	}
	return &o.Value
}

// Version is a version of the interface.
type Version struct {
	Major string `json:"major" format:"version-number"`
	Minor string `json:"minor" format:"version-number"`
	Patch string `json:"patch" format:"version-number"`
	Links []Link `json:"links"`
}

// Link points at another resource.
type Link struct {
	Href string `json:"href"`
	Rel  string `json:"rel"`
}

type versionInput struct{ base string }

// Resolve notes the address by which the caller reached the service.
func (in *versionInput) Resolve(ctx huma.Context) []error {
	scheme := "http"
	if ctx.TLS() != nil {
		scheme = "https"
	}
	if via := ctx.Header("X-Forwarded-Proto"); via != "" {
		scheme, _, _ = strings.Cut(via, ",")
	}
	in.base = scheme + "://" + ctx.Host() + "/apis/bos"
	return nil
}

func (in *versionInput) link(rel, path string) Link { return Link{Rel: rel, Href: in.base + path} }

type versionOutput struct{ Body Version }

type versionsOutput struct{ Body []Version }

type healthOutput struct {
	Body struct {
		DBStatus  string `json:"dbStatus"`
		APIStatus string `json:"apiStatus"`
	}
}

func registerVersion(api huma.API, s *Service) {
	httpapi.Handle(api, huma.Operation{OperationID: "root_get", Method: http.MethodGet, Path: "/",
		Summary: "List the versions of the interface", Tags: []string{"version"}},
		func(_ context.Context, in *versionInput) (*versionsOutput, error) {
			return &versionsOutput{Body: []Version{{versionMajor, versionMinor, versionPatch, []Link{in.link("self", "/v2")}},
				{"1", "0", "0", []Link{in.link("self", "/v1")}}}}, nil
		})
	for id, path := range map[string]string{"get_v2": "/v2", "get_version_v2": "/v2/version"} {
		httpapi.Handle(api, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path,
			Summary: "Tell the version of the interface", Tags: []string{"v2", "version"}},
			func(_ context.Context, in *versionInput) (*versionOutput, error) {
				return &versionOutput{Body: Version{versionMajor, versionMinor, versionPatch,
					[]Link{in.link("self", "/"), in.link("versions", "/v2")}}}, nil
			})
	}
	for id, path := range map[string]string{"v1_get": "/v1", "v1_get_version": "/v1/version"} {
		httpapi.Handle(api, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path,
			Summary: "Tell the version of the interface", Tags: []string{"version"}},
			func(_ context.Context, in *versionInput) (*versionOutput, error) {
				return &versionOutput{Body: Version{"1", "0", "0", []Link{in.link("self", "/v1"), in.link("versions", "/")}}}, nil
			})
	}
	httpapi.Handle(api, huma.Operation{OperationID: "get_v2_healthz", Method: http.MethodGet, Path: "/v2/healthz",
		Summary: "Tell whether the service is well", Tags: []string{"v2", "healthz"}},
		func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
			out := &healthOutput{}
			out.Body.DBStatus, out.Body.APIStatus = "ok", "ok"
			if s.Ready(ctx) != nil {
				out.Body.DBStatus = "not_available"
			}
			return out, nil
		})
}

func readOnlyProperty(name string) error { return invalid("Property is read-only - '%s'", name) }
