package v1

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// limits are those of the published interface, by the name that tags give as
// the format.
var limits = httpapi.Limits{
	"category":      anyCase(categories...),
	"hsm-name":      {Min: 1, Max: 127},
	"limit":         {Max: bootset.MaxLimit},
	"name":          {Min: 1, Max: 127},
	"operation":     anyCase(string(Boot), string(Configure), string(Reboot), string(Shutdown)),
	"phase":         anyCase(PhaseShutdown, PhaseBoot, PhaseConfigure),
	"updated-phase": anyCase("", PhaseShutdown, PhaseBoot, PhaseConfigure, wholeBootSet),
	"parameters":    {Max: bootset.MaxKernelParameters},
	"path":          {Max: 4095},
	"tenant-name":   {Max: httpapi.MaxTenantName},
	"time":          {Max: 127},
	"word":          {Max: 127},
}

// anyCase allows the words, in any letter case.
func anyCase(words ...string) httpapi.Limit {
	named := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	return httpapi.Limit{Pattern: "^(?i:" + strings.Join(words, "|") + ")$", Means: "one of " + strings.Join(named, ", ")}
}

func lower(s string) string { return strings.ToLower(s) }

// Register adds the operations of BOS v1 to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {
	httpapi.Bound(api, limits)
	registerHealth(api, s)
	registerTemplates(api, s)
	registerSessions(api, s)
	registerStatus(api, s)
}

// handle registers an operation with this version's errors.
func handle[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	httpapi.HandleWith(api, op, bare, handler)
}

// NoTenant refuses tenants, which this version does not have.
type NoTenant struct {
	Tenant string `header:"Cray-Tenant-Name" format:"tenant-name" doc:"Must be empty: this version has no tenants"`
}

// Resolve refuses a tenant.
func (in *NoTenant) Resolve(huma.Context) []error {
	if in.Tenant == "" {
		return nil
	}
	return []error{httpapi.AsProblem(fault.Titled(fault.Invalid, "Multi-tenancy not supported",
		"BOS v1 has no tenants: the header Cray-Tenant-Name names '%s'; use BOS v2, or no tenant", in.Tenant))}
}

type healthOutput struct {
	Status int
	Body   struct {
		DBStatus  string `json:"dbStatus"`
		APIStatus string `json:"apiStatus"`
	}
}

func registerHealth(api huma.API, s *Service) {
	handle(api, huma.Operation{OperationID: "v1_get_healthz", Method: http.MethodGet, Path: "/v1/healthz",
		Summary: "Tell whether the service is well", Tags: []string{"healthz"}},
		func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
			out := &healthOutput{Status: http.StatusOK}
			out.Body.DBStatus, out.Body.APIStatus = "ok", "ok"
			if s.cfg.BOS.Ready(ctx) != nil {
				out.Status = http.StatusServiceUnavailable
				out.Body.DBStatus, out.Body.APIStatus = "Failed to read from cluster", "Not Ready"
			}
			return out, nil
		})
}
