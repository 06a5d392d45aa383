package bss

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Version is the version of the published interface that this service follows.
const Version = "1.37.0"

// health is what the service routes answer, each with its own part.
type health struct {
	Status  string `json:"bss-status,omitempty" enum:"running" doc:"State of this service"`
	Etcd    string `json:"bss-status-etcd,omitempty" enum:"connected,error" doc:"State of the connection to the database"`
	HSM     string `json:"bss-status-hsm,omitempty" enum:"connected,error" doc:"State of the connection to HSM"`
	Version string `json:"bss-version,omitempty" doc:"Version of the service"`
}

type healthOutput struct {
	Status int
	Body   health
}

func registerServiceStatus(api huma.API, s *Service) {
	for _, route := range []struct {
		path, summary string
		parts         func(ctx context.Context, h *health)
	}{
		{"status", "Tell whether the service runs", func(_ context.Context, h *health) { h.Status = "running" }},
		{"etcd", "Tell whether the database answers", func(ctx context.Context, h *health) { h.Etcd = s.databaseState(ctx) }},
		{"hsm", "Tell whether HSM answers", func(ctx context.Context, h *health) { h.HSM = s.hsmState(ctx) }},
		{"version", "Tell the version of the service", func(_ context.Context, h *health) { h.Version = Version }},
		{"status/all", "Tell everything about the service's health", func(ctx context.Context, h *health) {
			*h = health{Status: "running", Etcd: s.databaseState(ctx), HSM: s.hsmState(ctx), Version: Version}
		}},
	} {
		httpapi.Handle(api, huma.Operation{OperationID: "service-" + strings.ReplaceAll(route.path, "/", "-"), Method: http.MethodGet,
			Path: "/boot/v1/service/" + route.path, Summary: route.summary, Tags: []string{"service-status", "cli_ignore"}},
			func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
				out := &healthOutput{Status: http.StatusOK}
				route.parts(ctx, &out.Body)
				if out.Body.Etcd == failed || out.Body.HSM == failed {
					out.Status = http.StatusInternalServerError
				}
				return out, nil
			})
	}
}

const (
	connected = "connected"
	failed    = "error"
)

func (s *Service) databaseState(ctx context.Context) string {
	if s.cfg.DB.Ping(ctx) != nil {
		return failed
	}
	return connected
}

func (s *Service) hsmState(ctx context.Context) string {
	if s.inventory.ping(ctx) != nil {
		return failed
	}
	return connected
}
