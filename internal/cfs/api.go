package cfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Register adds the v2 and v3 routes to api. s may be nil: the command line
// needs only the declarations.
func Register(api huma.API, s *Service) {
	httpapi.Bound(api, limits)
	httpapi.RefuseEmpty(api)
	registerService(api, s)
	registerConfigurations(api, s)
	registerSources(api, s)
	registerComponents(api, s)
	registerSessions(api, s)
	registerRecords(api, s)
	registerOptions(api, s)
	registerConfigurationsV2(api, s)
	registerComponentsV2(api, s)
	registerSessionsV2(api, s)
	registerOptionsV2(api, s)
}

// version is that of the published interface.
type version struct {
	Major string `json:"major"`
	Minor string `json:"minor"`
	Patch string `json:"patch"`
}

type health struct {
	DBStatus    string `json:"db_status"`
	KafkaStatus string `json:"kafka_status" doc:"State of the queue of session events"`
	// The others are Drover's own.
	KafkaError     string `json:"kafka_error,omitempty" doc:"Extension: why the queue of session events is not available"`
	EventsSetAside int    `json:"events_set_aside,omitempty" doc:"Extension: session events that nobody can act on, see docs/scale-out.md"`
	SessionsHeld   bool   `json:"sessions_held,omitempty" doc:"Extension: sessions are accepted and stay pending, none is started"`
}

type versionOutput struct{ Body version }

type healthOutput struct {
	Status int
	Body   health
}

func registerService(api huma.API, s *Service) {
	for path, id := range map[string]string{"/": "get_version", "/versions": "get_versions", "/v2": "get_versions_v2", "/v3": "get_versions_v3"} {
		httpapi.Handle(api, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: "Get the version of the service",
			Tags: []string{"version"}},
			func(context.Context, *struct{}) (*versionOutput, error) {
				return &versionOutput{version{Major: "1", Minor: "31", Patch: "1"}}, nil
			})
	}
	httpapi.Handle(api, huma.Operation{OperationID: "get_healthz", Method: http.MethodGet, Path: "/healthz",
		Summary: "Get the health of the service", Tags: []string{"healthz"}},
		func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
			status, body := s.health(ctx)
			return &healthOutput{status, body}, nil
		})
}

// health is 503 if the database or the queue of events cannot be used.
func (s *Service) health(ctx context.Context) (int, health) {
	const not = "not_available"
	dead, err := s.CountDeadEvents(ctx)
	if err != nil || s.Ping(ctx) != nil {
		return http.StatusServiceUnavailable, health{DBStatus: not, KafkaStatus: not}
	}
	h := health{DBStatus: "ok", KafkaStatus: "ok", EventsSetAside: dead, SessionsHeld: s.cfg.SessionsHeld}
	if s.cfg.Broker == nil {
		return http.StatusOK, h
	}
	if err := s.cfg.Broker(ctx); err != nil {
		h.KafkaStatus, h.KafkaError = not, err.Error()
		return http.StatusServiceUnavailable, h
	}
	return http.StatusOK, h
}

func operation(id, method, path, summary string, status int, tags ...string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, Tags: tags}
}

// none is the answer without a body.
type none struct{}

// The parts of inputs that are embedded are exported because huma finds no others.

// TenantHeader is the header that names a tenant.
type TenantHeader struct {
	Tenant string `header:"Cray-Tenant-Name" format:"tenant-name" doc:"Tenant on whose behalf the request is made; empty is the administrator"`
}

// PageQuery are the parameters of a paged list.
type PageQuery struct {
	Limit   int    `query:"limit" minimum:"1" doc:"Most records to return"`
	AfterID string `query:"after_id" doc:"Return the records after this one"`
}

// page bounds the limit to what fits in memory anyhow.
func (p PageQuery) page() Page { return Page{Limit: min(p.Limit, math.MaxInt32), AfterID: p.AfterID} }

// decodeStrict reads a body that huma does not: unknown properties are refused
// and errors name the field, as huma's do.
func decodeStrict(raw []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(out)
	if err == nil && d.More() {
		return fault.New(fault.Invalid, "the body has something behind its end")
	}
	if err == nil {
		return nil
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fault.New(fault.Invalid, "%w", httpapi.Mistyped(err))
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return fault.New(fault.Invalid, "unexpected property - '%s'", strings.Trim(field, `"`))
	}
	return fault.New(fault.Invalid, "the body is not as expected: %w", err)
}

// pathID removes the second level of percent-encoding that clients put on
// names that may be URLs; one level is fine too.
func pathID(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// textOrNull is how "next" echoes what was not given.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
