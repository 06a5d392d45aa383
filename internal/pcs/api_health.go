package pcs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

type health struct {
	KvStore      string `json:"KvStore" doc:"The database"`
	DistLocking  string `json:"DistLocking" doc:"Reservations of components"`
	StateManager string `json:"StateManager" doc:"The Hardware State Manager"`
	Vault        string `json:"Vault" doc:"The BMCs' credentials"`
	TaskRunner   string `json:"TaskRunner" doc:"What drives the BMCs"`
}

func registerHealth(g routes, s *Service) {
	tags := []string{"cli_ignore"}
	handle(g, huma.Operation{OperationID: "liveness", Method: http.MethodGet, Path: "/liveness",
		Summary: "Tell that the service runs", DefaultStatus: http.StatusNoContent, Tags: tags},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	handle(g, huma.Operation{OperationID: "readiness", Method: http.MethodGet, Path: "/readiness",
		Summary: "Tell that the service can work", DefaultStatus: http.StatusNoContent, Tags: tags},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, s.ready(ctx) })
	handle(g, huma.Operation{OperationID: "health", Method: http.MethodGet, Path: "/health",
		Summary: "Tell how the service and what it needs are", DefaultStatus: http.StatusOK, Tags: tags},
		func(ctx context.Context, _ *struct{}) (*struct{ Body health }, error) {
			return &struct{ Body health }{s.health(ctx)}, nil
		})
}

func (s *Service) ready(ctx context.Context) error {
	if !s.started() {
		return errNotRunning
	}
	if err := s.db.Ping(ctx); err != nil {
		return fault.New(fault.Unavailable, "database does not answer: %w", err)
	}
	return nil
}

func (s *Service) health(ctx context.Context) health {
	words := func(err error) string {
		if err != nil {
			return err.Error()
		}
		return "connected, responsive"
	}
	return health{KvStore: words(s.db.Ping(ctx)), DistLocking: "in this process", StateManager: words(s.leases.reachable(ctx)),
		Vault: "not used", TaskRunner: "connected, responsive, local mode"}
}
