package server

import (
	"context"
	"net/http"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/explain/gather"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/tapms"
	"github.com/drover-hpc/drover/internal/web"
)

// shownTables are those whose changes concern what pages show.
var shownTables = append([]string{bos.SessionsTable, v1.SessionsTable, cfs.SessionsTable, cfs.ConfigurationsTable, tapms.Table}, rosterTables...)

// shownEvents is where pages are told of changes.
const shownEvents = nativePrefix + "/v1/events"

// registerPages adds what browsers show. They ask the services as any client does, within
// the process; whoever reads a page was let in to read all of it. What they do they ask of
// front, as who sent the form.
func (s *Server) registerPages(front http.Handler) {
	s.mux.HandleFunc("GET "+shownEvents, changeEvents(s.hub, s.stopping, shownTables...))
	all, nodes, services := s.client("Drover", "", ""), s.rosterServices(), s.nodeServices()
	web.Register(s.mux, web.Sources{
		Results: cfs.NewClient(s.client("CFS", cfsPrefix, "")),
		Gateway: func(tenant string) progress.Gateway {
			as := *all
			if tenant != "" {
				as.Header = http.Header{auth.TenantHeader: {tenant}}
			}
			return progress.Gateway{
				Get: func(ctx context.Context, path string, out any) error {
					_, err := as.Do(ctx, http.MethodGet, path, nil, nil, out)
					return err
				},
				Missing: func(err error) bool { return httpapi.IsStatus(err, http.StatusNotFound) },
			}
		},
		Tenants: s.platform.tapms.List,
		Do:      asCaller(front),
		May: func(ctx context.Context, method, path string) bool {
			r, err := http.NewRequestWithContext(ctx, method, path, nil)
			return err == nil && s.rules.May(r) == nil
		},
		Look: func(ctx context.Context) (*roster.Answer, error) {
			return roster.Look(ctx, nodes, roster.Selection{}, s.now)
		},
		Facts: func(ctx context.Context, node string) (*explain.Facts, error) {
			ctx, cancel := context.WithTimeout(ctx, healthTimeout)
			defer cancel()
			return gather.Facts(ctx, services, node, s.now)
		},
		Events: shownEvents, Now: s.now})
}

// shown are the headers by which it is known who makes a request, and which one it is.
var shown = []string{"Authorization", certificateHeader, requestID}

// asCaller asks front, where all that comes from outside is looked at, with what r showed:
// by its rules that is allowed or refused, and recorded, as if who made r had asked.
func asCaller(front http.Handler) func(r *http.Request, tenant, method, path string, in, out any) error {
	transport := httpapi.Local(front)
	return func(r *http.Request, tenant, method, path string, in, out any) error {
		c := httpapi.NewClient("Drover", "http://drover", transport)
		c.HTTP.Timeout, c.Retries = 0, 0
		c.Header = http.Header{"X-Forwarded-For": {httpapi.CallerOf(r).IP}}
		for _, name := range shown {
			if values := r.Header.Values(name); values != nil {
				c.Header[name] = values
			}
		}
		if tenant != "" {
			c.Header.Set(auth.TenantHeader, tenant)
		}
		_, err := c.Do(r.Context(), method, path, nil, in, out)
		return err
	}
}
