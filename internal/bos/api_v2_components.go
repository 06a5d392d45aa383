package bos

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// ComponentPath names the component that a call is about.
type ComponentPath struct {
	TenantHeader
	ID string `path:"component_id" minLength:"1" format:"component-id" doc:"The component's ID: its xname"`
}

// Resolve implements huma.Resolver: however the name is written, it is one node's.
func (in *ComponentPath) Resolve(huma.Context) []error {
	in.ID = xname.Canonical(in.ID)
	return nil
}

type componentsInput struct {
	TenantHeader
	IDs           string         `query:"ids" minLength:"1" doc:"Only these components, comma-separated"`
	Session       string         `query:"session" minLength:"1" format:"name" doc:"Only components of this session"`
	StagedSession string         `query:"staged_session" minLength:"1" format:"name" doc:"Only components with this session staged"`
	Enabled       optional[bool] `query:"enabled" doc:"Only components that are enabled, or that are not"`
	Phase         string         `query:"phase" enum:"configuring,powering_off,powering_on," doc:"Only components in this phase"`
	Status        string         `query:"status" maxLength:"512" doc:"Only components with one of these statuses, comma-separated"`
	StartAfterID  string         `query:"start_after_id" minLength:"1" format:"component-id" doc:"Only components after this ID; for paging"`
	PageSize      int            `query:"page_size" minimum:"0" maximum:"1048576" doc:"At most so many components; 0 is no limit"`
}

func (in *componentsInput) selection() Selection {
	sel := Selection{Session: in.Session, StagedSession: in.StagedSession, Enabled: in.Enabled.pointer(), Phase: Phase(in.Phase),
		After: xname.Canonical(in.StartAfterID), PageSize: in.PageSize, Tenant: in.Tenant}
	if in.IDs != "" {
		sel.IDs = xname.CanonicalAll(strings.Split(in.IDs, ","))
	}
	if in.Status != "" {
		sel.Statuses = strings.Split(in.Status, ",")
	}
	return sel
}

type componentInput struct {
	httpapi.Caller
	ComponentPath
	Body    ComponentPatch
	RawBody []byte
}

func (in *componentInput) check() error {
	if name := in.Body.readOnly(); name != "" {
		return readOnlyProperty(name)
	}
	if err := refuseNull(in.RawBody); err != nil {
		return err
	}
	if in.Body == (ComponentPatch{}) {
		return invalid("the body says nothing: expected at least one property of the component")
	}
	return nil
}

// Bulk bodies are decoded and checked once, by decodePatches.
type putComponentsInput struct {
	TenantHeader
	httpapi.Caller
	httpapi.RawJSON
}

type patchComponentsInput struct {
	TenantHeader
	httpapi.Caller
	httpapi.RawJSON
	SkipBadIDs bool `query:"skip_bad_ids" default:"false" doc:"Leave out components that do not exist instead of changing none"`
}

type componentOutput struct{ Body ComponentRecord }

type componentsOutput struct{ Body []ComponentRecord }

func oneComponent(c Component, err error) (*componentOutput, error) {
	if err != nil {
		return nil, err
	}
	return &componentOutput{Body: componentRecord(&c)}, nil
}

func manyComponents(list []Component, err error) (*componentsOutput, error) {
	if err != nil {
		return nil, err
	}
	return &componentsOutput{Body: componentRecords(list)}, nil
}

func registerComponents(api huma.API, s *Service) {
	op := func(id, method, path, summary string, tags ...string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags: append([]string{"v2", "components"}, tags...)}
	}
	const all, one = "/v2/components", "/v2/components/{component_id}"
	httpapi.Handle(api, op("get_v2_components", http.MethodGet, all, "List components"),
		func(ctx context.Context, in *componentsInput) (*componentsOutput, error) {
			return manyComponents(s.SelectComponents(ctx, in.selection()))
		})
	httpapi.Handle(api, op("get_v2_component", http.MethodGet, one, "Describe a component"),
		func(ctx context.Context, in *ComponentPath) (*componentOutput, error) {
			return oneComponent(s.Component(ctx, in.ID, in.Tenant))
		})
	httpapi.Handle(api, op("put_v2_component", http.MethodPut, one, "Create a component or replace it", "cli_ignore"),
		func(ctx context.Context, in *componentInput) (*componentOutput, error) {
			if err := in.check(); err != nil {
				return nil, err
			}
			in.Body.ID = in.ID
			if err := s.ownReports(ctx, in.IP, in.Body); err != nil {
				return nil, err
			}
			list, err := s.PutComponents(ctx, []ComponentPatch{in.Body}, in.Tenant)
			if err != nil {
				return nil, err
			}
			return oneComponent(list[0], nil)
		})
	httpapi.HandleQuick(api, op("patch_v2_component", http.MethodPatch, one, "Change a component"), quickReport,
		func(ctx context.Context, in *componentInput) (*componentOutput, error) {
			if err := in.check(); err != nil {
				return nil, err
			}
			if err := onlyReports(ctx, in.Body); err != nil {
				return nil, err
			}
			in.Body.ID = in.ID
			if err := s.ownReports(ctx, in.IP, in.Body); err != nil {
				return nil, err
			}
			return oneComponent(s.PatchComponent(ctx, in.ID, in.Body, in.Tenant))
		})
	del := op("delete_v2_component", http.MethodDelete, one, "Forget a component", "cli_ignore")
	del.DefaultStatus = http.StatusNoContent
	httpapi.Handle(api, del, func(ctx context.Context, in *ComponentPath) (*struct{}, error) {
		return nil, s.DeleteComponent(ctx, in.ID, in.Tenant)
	})
	registerBulk(api, s, op("put_v2_components", http.MethodPut, all, "Create many components or replace them", "cli_ignore"),
		op("patch_v2_components", http.MethodPatch, all, "Change many components", "cli_ignore"))
}

func registerBulk(api huma.API, s *Service, put, patch huma.Operation) {
	schemas := newBulkSchemas(api)
	put.SkipValidateBody, patch.SkipValidateBody = true, true
	put, patch = httpapi.Bulk(put), httpapi.Bulk(patch)
	httpapi.Handle(api, put, func(ctx context.Context, in *putComponentsInput) (*componentsOutput, error) {
		patches, err := schemas.decodeList(in.RawBody)
		if err == nil {
			err = s.ownReports(ctx, in.IP, patches...)
		}
		if err != nil {
			return nil, err
		}
		return manyComponents(s.PutComponents(ctx, patches, in.Tenant))
	})
	httpapi.Handle(api, patch, func(ctx context.Context, in *patchComponentsInput) (*componentsOutput, error) {
		if isList(in.RawBody) {
			patches, err := schemas.decodeList(in.RawBody)
			if err == nil {
				err = s.ownReports(ctx, in.IP, patches...)
			}
			if err != nil {
				return nil, err
			}
			return manyComponents(s.PatchComponents(ctx, patches, in.Tenant, in.SkipBadIDs))
		}
		u, err := schemas.decodeUpdate(in.RawBody)
		if err != nil {
			return nil, err
		}
		if u.Filters.Session != "" {
			return manyComponents(s.PatchSession(ctx, u.Filters.Session, u.Patch, in.Tenant))
		}
		patches := u.each()
		if err := s.ownReports(ctx, in.IP, patches...); err != nil {
			return nil, err
		}
		return manyComponents(s.PatchComponents(ctx, patches, in.Tenant, in.SkipBadIDs))
	})
	routes := api.OpenAPI().Paths[put.Path]
	routes.Put.RequestBody.Content["application/json"].Schema = schemas.list
	routes.Patch.RequestBody.Content["application/json"].Schema = &huma.Schema{OneOf: []*huma.Schema{schemas.update, schemas.list}}
}

type appliedInput struct {
	TenantHeader
	Body struct {
		Xnames []string `json:"xnames,omitempty" nullable:"false" maxItems:"32768" doc:"Nodes whose staged state to apply"`
	}
}

type appliedOutput struct{ Body Applied }

func registerStaged(api huma.API, s *Service) {
	httpapi.Handle(api, huma.Operation{OperationID: "post_v2_apply_staged", Method: http.MethodPost, Path: "/v2/applystaged",
		Summary: "Start the sessions staged for nodes", DefaultStatus: http.StatusOK, Tags: []string{"v2", "applystaged"}},
		func(ctx context.Context, in *appliedInput) (*appliedOutput, error) {
			applied, err := s.ApplyStaged(ctx, xname.CanonicalAll(in.Body.Xnames), in.Tenant)
			return &appliedOutput{Body: applied}, err
		})
}
