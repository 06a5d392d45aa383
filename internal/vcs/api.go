package vcs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type listOutput struct{ Body []Repository }

type createInput struct {
	Body struct {
		Org  string `json:"org" minLength:"1" maxLength:"100" example:"cray" doc:"Organization; it is there as soon as it has a repository"`
		Name string `json:"name" minLength:"1" maxLength:"104" example:"site-config" doc:"Name in the organization"`
	}
}

type repositoryInput struct {
	Org  string `path:"org" doc:"Organization"`
	Name string `path:"name" doc:"Name in the organization"`
}

type repositoryOutput struct{ Body Repository }

// Register adds the operations, which are Drover's own, to api; s may be nil
// when only their description is wanted.
func Register(api huma.API, s *Service) {
	const all, one = "/v1/vcs/repositories", "/v1/vcs/repositories/{org}/{name}"
	tags := []string{"repositories"}
	httpapi.Handle(api, huma.Operation{OperationID: "list-repositories", Method: http.MethodGet, Path: all,
		Summary: "List the git repositories that this server keeps", Tags: tags},
		func(ctx context.Context, _ *struct{}) (*listOutput, error) {
			list, err := s.List(ctx)
			return &listOutput{Body: list}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "create-repository", Method: http.MethodPost, Path: all,
		Summary: "Create an empty git repository", Tags: tags, DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *createInput) (*repositoryOutput, error) {
			r, err := s.Create(ctx, in.Body.Org, in.Body.Name)
			return &repositoryOutput{Body: r}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "get-repository", Method: http.MethodGet, Path: one,
		Summary: "Describe a git repository", Tags: tags},
		func(ctx context.Context, in *repositoryInput) (*repositoryOutput, error) {
			r, err := s.Get(ctx, in.Org, in.Name)
			return &repositoryOutput{Body: r}, err
		})
	httpapi.Handle(api, huma.Operation{OperationID: "delete-repository", Method: http.MethodDelete, Path: one,
		Summary: "Delete a git repository and all that was pushed to it", Tags: tags, DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *repositoryInput) (*struct{}, error) {
			return nil, s.Delete(ctx, in.Org, in.Name)
		})
}
