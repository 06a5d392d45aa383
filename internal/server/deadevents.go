package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type deadEventsOutput struct{ Body []cfs.DeadEvent }

type forgetDeadEventsInput struct {
	Session string `query:"session" doc:"only those about this session; without it all"`
}

type forgetDeadEventsOutput struct {
	Body struct {
		Forgotten int `json:"forgotten" doc:"how many they were"`
	}
}

// registerDeadEvents adds what an administrator needs for session events that
// were set aside.
func registerDeadEvents(api huma.API, service *cfs.Service) {
	const path = "/v1/session-events/set-aside"
	httpapi.Handle(api, huma.Operation{OperationID: "list-dead-events", Method: http.MethodGet, Path: path, Tags: []string{"session-events"},
		Summary: "Events of CFS sessions that nobody can act on, the last one first",
	}, func(ctx context.Context, _ *struct{}) (*deadEventsOutput, error) {
		list, err := service.DeadEvents(ctx)
		if list == nil {
			list = []cfs.DeadEvent{}
		}
		return &deadEventsOutput{list}, err
	})
	httpapi.Handle(api, huma.Operation{OperationID: "forget-dead-events", Method: http.MethodDelete, Path: path, Tags: []string{"session-events"},
		Summary: "Forget events that were set aside",
	}, func(ctx context.Context, in *forgetDeadEventsInput) (*forgetDeadEventsOutput, error) {
		out := &forgetDeadEventsOutput{}
		var err error
		out.Body.Forgotten, err = service.ForgetDeadEvents(ctx, in.Session)
		return out, err
	})
}
