package tapms

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type listOutput struct {
	Body struct {
		Items []Tenant `json:"items" nullable:"false" doc:"All tenants"`
	}
}

type ownersInput struct {
	Body []string `doc:"Nodes, by xname" nullable:"false" example:"[\"x1000c0s0b0n0\",\"x1000c0s0b1n0\"]"`
}

type ownersOutput struct{ Body []Tenant }

type tenantInput struct {
	ID string `path:"id" doc:"Name or UUID of the tenant"`
}

type putInput struct {
	ID   string `path:"id" doc:"Name of the tenant"`
	Body Tenant
}

type tenantOutput struct{ Body Tenant }

// Register adds the operations to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {
	tags := []string{"tenants"}
	httpapi.Handle(api, huma.Operation{OperationID: "list-tenants", Method: http.MethodGet, Path: "/v1alpha3/tenants",
		Summary: "List all tenants", Tags: tags},
		func(ctx context.Context, _ *struct{}) (*listOutput, error) {
			all, err := s.List(ctx)
			out := &listOutput{}
			out.Body.Items = append([]Tenant{}, all...)
			return out, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "find-tenants", Method: http.MethodPost, Path: "/v1alpha3/tenants",
		Summary: "List the tenants that own any of the nodes", Tags: tags, DefaultStatus: http.StatusOK},
		func(ctx context.Context, in *ownersInput) (*ownersOutput, error) {
			owners, err := s.Owners(ctx, in.Body)
			return &ownersOutput{Body: owners}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "get-tenant", Method: http.MethodGet, Path: "/v1alpha3/tenants/{id}",
		Summary: "Describe a tenant", Tags: tags},
		func(ctx context.Context, in *tenantInput) (*tenantOutput, error) {
			t, err := s.Get(ctx, in.ID)
			return &tenantOutput{Body: t}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "put-tenant", Method: http.MethodPut, Path: "/v1alpha3/tenants/{id}",
		Summary: "Create a tenant or replace what it asks for", Tags: tags},
		func(ctx context.Context, in *putInput) (*tenantOutput, error) {
			t, err := s.Put(ctx, in.ID, in.Body)
			return &tenantOutput{Body: t}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "delete-tenant", Method: http.MethodDelete, Path: "/v1alpha3/tenants/{id}",
		Summary: "Delete a tenant", Tags: tags, DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *tenantInput) (*struct{}, error) {
			return nil, s.Delete(ctx, in.ID)
		})
}
