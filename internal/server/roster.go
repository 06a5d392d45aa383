package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/xname"
)

// rosterTables are those whose changes concern where nodes stand. What services
// elsewhere change is not told.
var rosterTables = []string{hsm.ComponentsTable, pcs.StatusTable, bos.ComponentsTable, cfs.ComponentsTable, ims.ImagesTable}

type nodesInput struct {
	bos.TenantHeader
	IDs string `query:"ids" minLength:"1" doc:"Only these nodes, comma-separated"`
}

// Resolve implements huma.Resolver.
func (in *nodesInput) Resolve(huma.Context) (problems []error) {
	for _, id := range in.names() {
		if !xname.IsNode(id) {
			problems = append(problems, &huma.ErrorDetail{Message: "expected xnames of nodes, such as x1000c0s0b0n0", Location: "query.ids", Value: id})
		}
	}
	return problems[:min(len(problems), 1)]
}

// names are those of the nodes asked for; nil is all.
func (in *nodesInput) names() []string {
	if in.IDs == "" {
		return nil
	}
	return xname.CanonicalAll(strings.Split(in.IDs, ","))
}

type nodesOutput struct{ Body roster.Answer }

// registerRoster adds what `drover status` shows.
func registerRoster(api huma.API, services roster.Services, now func() time.Time) {
	httpapi.Handle(api, huma.Operation{
		OperationID: "get-nodes", Method: http.MethodGet, Path: "/v1/nodes", Tags: []string{"nodes"},
		Summary: "Where all nodes stand: power, state, boot, image and configuration of each",
	}, func(ctx context.Context, in *nodesInput) (*nodesOutput, error) {
		answer, err := roster.Look(ctx, services, roster.Selection{IDs: in.names(), Tenant: in.Tenant}, now)
		if err != nil {
			return nil, err
		}
		return &nodesOutput{Body: *answer}, nil
	})
}
