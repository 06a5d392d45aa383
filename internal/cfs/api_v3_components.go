package cfs

import (
	"bytes"
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

type componentsInput struct {
	PageQuery
	IDs           string               `query:"ids" doc:"Comma-separated component ids"`
	Status        string               `query:"status" enum:"unconfigured,pending,failed,configured," doc:"Only components with this status"`
	Enabled       httpapi.OptionalBool `query:"enabled" doc:"Only components that are enabled, or that are not"`
	ConfigName    string               `query:"config_name" doc:"Only components with this desired configuration"`
	StateDetails  bool                 `query:"state_details" doc:"Include what ran on the nodes"`
	ConfigDetails bool                 `query:"config_details" doc:"Include the desired layers with their statuses"`
	Tags          string               `query:"tags" doc:"Comma-separated key=value pairs, all of which must match"`
}

func (in *componentsInput) filter() ComponentFilter {
	return ComponentFilter{IDs: in.IDs, Status: in.Status, Enabled: in.Enabled.Value, ConfigName: in.ConfigName, Tags: in.Tags}
}

type componentsNext struct {
	IDs           string `json:"ids"`
	Status        string `json:"status"`
	Enabled       *bool  `json:"enabled"`
	ConfigName    string `json:"config_name"`
	StateDetails  bool   `json:"state_details"`
	ConfigDetails bool   `json:"config_details"`
	Tags          string `json:"tags"`
	Limit         int    `json:"limit"`
	AfterID       string `json:"after_id"`
}

// TransformSchema implements huma.SchemaTransformer: null where there is none.
func (componentsNext) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return httpapi.Nullable(s)
}

func (in *componentsInput) next(found []Component) *componentsNext {
	return &componentsNext{IDs: in.IDs, Status: in.Status, Enabled: in.Enabled.Value, ConfigName: in.ConfigName,
		StateDetails: in.StateDetails, ConfigDetails: in.ConfigDetails, Tags: in.Tags,
		Limit: len(found), AfterID: found[len(found)-1].ID}
}

type componentsOutput struct {
	Body struct {
		Components []Component     `json:"components"`
		Next       *componentsNext `json:"next"`
	}
}

type idsOutput struct {
	Body struct {
		IDs []string `json:"component_ids"`
	}
}

// BulkBody leaves the body to the handler: decoding it twice, once to
// validate, would take longer than the change.
type BulkBody struct{ httpapi.RawJSON }

type bulkPatchInput struct {
	BulkBody
	CountErrors bool `query:"count_errors" doc:"Extension: each appended layer that failed adds one to error_count, applied sets it to 0; the same report of the same session counts once"`
}

// ComponentPath names a component.
type ComponentPath struct {
	ID string `path:"component_id" doc:"xname of the node"`
}

// Resolve implements huma.Resolver: however the name is written, it is one node's.
func (in *ComponentPath) Resolve(huma.Context) []error {
	in.ID = xname.Canonical(in.ID)
	return nil
}

type componentInput struct {
	ComponentPath
	StateDetails  bool `query:"state_details" doc:"Include what ran on the node"`
	ConfigDetails bool `query:"config_details" doc:"Include the desired layers with their statuses"`
}

type changeComponentInput struct {
	ComponentPath
	Body ComponentPatch
}

type componentOutput struct{ Body Component }

// filteredPatch is the form of a bulk PATCH that selects by filters.
type filteredPatch struct {
	Patch   *ComponentPatch  `json:"patch"`
	Filters *ComponentFilter `json:"filters"`
}

func registerComponents(api huma.API, s *Service) {
	const list, one = "/v3/components", "/v3/components/{component_id}"
	defer describeBulk[ComponentPatch, filteredPatch](api, list)
	httpapi.Handle(api, operation("get_components_v3", http.MethodGet, list, "List components", 200, "components", "v3"),
		func(ctx context.Context, in *componentsInput) (*componentsOutput, error) {
			page := in.page()
			page.AfterID = xname.Canonical(page.AfterID)
			found, more, err := s.Components(ctx, in.filter(), ComponentDetails{State: in.StateDetails, Config: in.ConfigDetails}, page)
			out := &componentsOutput{}
			out.Body.Components = found
			if more {
				out.Body.Next = in.next(found)
			}
			return out, err
		})
	httpapi.Handle(api, raw(operation("put_components_v3", http.MethodPut, list, "Create or replace components", 200, "components", "v3", "cli_ignore")),
		func(ctx context.Context, in *BulkBody) (*idsOutput, error) {
			body, err := decodeComponents(in.RawBody)
			if err != nil {
				return nil, err
			}
			return idsOf(s.PutComponents(ctx, body))
		})
	httpapi.Handle(api, raw(operation("patch_components_v3", http.MethodPatch, list, "Update components", 200, "components", "v3", "cli_ignore")),
		func(ctx context.Context, in *bulkPatchInput) (*idsOutput, error) { return idsOf(in.patch(ctx, s)) })
	httpapi.Handle(api, operation("get_component_v3", http.MethodGet, one, "Describe a component", 200, "components", "v3"),
		func(ctx context.Context, in *componentInput) (*componentOutput, error) {
			c, err := s.Component(ctx, in.ID, ComponentDetails{State: in.StateDetails, Config: in.ConfigDetails})
			return &componentOutput{c}, err
		})
	httpapi.Handle(api, operation("put_component_v3", http.MethodPut, one, "Create or replace a component", 200, "components", "v3", "cli_ignore"),
		func(ctx context.Context, in *changeComponentInput) (*componentOutput, error) {
			c, err := s.PutComponent(ctx, in.ID, in.Body)
			return &componentOutput{c}, err
		})
	httpapi.HandleQuick(api, operation("patch_component_v3", http.MethodPatch, one, "Update a component", 200, "components", "v3"), quickReport,
		func(ctx context.Context, in *changeComponentInput) (*componentOutput, error) {
			if err := onlyReports(ctx, in.Body.of(in.ID)); err != nil {
				return nil, err
			}
			c, err := s.PatchComponent(ctx, in.ID, in.Body)
			return &componentOutput{c}, err
		})
	httpapi.Handle(api, operation("delete_component_v3", http.MethodDelete, one, "Delete a component", 204, "components", "v3", "cli_ignore"),
		func(ctx context.Context, in *ComponentPath) (*none, error) { return nil, s.DeleteComponent(ctx, in.ID) })
}

// patch applies the body in whichever form it has.
func (in *bulkPatchInput) patch(ctx context.Context, s *Service) ([]Component, error) {
	if isList(in.RawBody) {
		body, err := decodeComponents(in.RawBody)
		if err == nil {
			err = onlyReports(ctx, body...)
		}
		if err != nil {
			return nil, err
		}
		return s.PatchComponents(ctx, body, in.CountErrors)
	}
	var body filteredPatch
	if err := decodeStrict(in.RawBody, &body); err != nil {
		return nil, err
	}
	if body.Patch == nil || body.Filters == nil {
		return nil, fault.New(fault.Invalid, "expected a list of components, or an object with 'patch' and 'filters'")
	}
	err := body.Patch.checkLength()
	if err == nil {
		err = onlyReports(ctx, body.Patch.of("")) // an id in it selects nothing
	}
	if err != nil {
		return nil, err
	}
	return s.PatchMatching(ctx, *body.Filters, *body.Patch)
}

func decodeComponents(body []byte) ([]ComponentPatch, error) {
	var out []ComponentPatch
	if err := decodeStrict(body, &out); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].ID = xname.Canonical(out[i].ID)
		if err := out[i].checkLength(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// of is the patch, of the component.
func (p ComponentPatch) of(id string) ComponentPatch {
	p.ID = id
	return p
}

// checkLength is the one rule of the v3 schema that decoding does not enforce.
func (p *ComponentPatch) checkLength() error {
	if p.DesiredConfig != nil && len(*p.DesiredConfig) > maxConfigurationName {
		return fault.New(fault.Invalid, "expected length <= %d - 'desired_config'", maxConfigurationName)
	}
	return nil
}

// describeBulk documents the bodies that handlers decode themselves: a list of
// P, and for PATCH also the filtered form F.
func describeBulk[P, F any](api huma.API, path string) {
	r := api.OpenAPI().Components.Schemas
	list := r.Schema(reflect.TypeFor[[]P](), true, "")
	item := api.OpenAPI().Paths[path]
	item.Put.RequestBody.Content["application/json"].Schema = list
	item.Patch.RequestBody.Content["application/json"].Schema = &huma.Schema{
		OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[F](), true, ""), list}}
}

// raw marks an operation on many components, whose handler reads the body itself.
func raw(op huma.Operation) huma.Operation {
	op.SkipValidateBody = true
	return httpapi.Bulk(op)
}

// isList tells the two forms of a bulk PATCH apart.
func isList(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) }

func idsOf(changed []Component, err error) (*idsOutput, error) {
	out := &idsOutput{}
	out.Body.IDs = make([]string, len(changed))
	for i := range changed {
		out.Body.IDs[i] = changed[i].ID
	}
	return out, err
}
