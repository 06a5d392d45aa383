package bos

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type cancelInput struct {
	TenantHeader
	Name string `path:"name" minLength:"1" doc:"Name of the session"`
}

type cancelOutput struct{ Body Cancelled }

// RegisterNative adds to api what Drover can do with sessions beyond the
// published interface.
func RegisterNative(api huma.API, s *Service) {
	httpapi.Handle(api, huma.Operation{OperationID: "cancel-session", Method: http.MethodPost, Path: "/v1/sessions/{name}/cancel", Tags: []string{"sessions"},
		Summary: "Cancel a session of BOS v2: nothing more is done to its nodes"},
		func(ctx context.Context, in *cancelInput) (*cancelOutput, error) {
			out, err := s.CancelSession(ctx, in.Name, in.Tenant)
			return &cancelOutput{Body: out}, err
		})
}
