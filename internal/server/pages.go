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
// the process; whoever reads a page was let in to read all of it.
func (s *Server) registerPages() {
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
