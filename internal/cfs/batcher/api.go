package batcher

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
)

type standOutput struct{ Body Stand }

// Register adds the batcher's one route to CFS's api. The published interface
// has nothing like it.
func Register(api huma.API, b *Batcher) {
	httpapi.Handle(api, huma.Operation{
		OperationID: "get_component_waiting_v3", Method: http.MethodGet, Path: "/v3/components/{component_id}/waiting",
		Summary: "Tell what a component waits for before it is configured", Tags: []string{"components", "v3"},
	}, func(ctx context.Context, in *cfs.ComponentPath) (*standOutput, error) {
		stand, err := b.Stand(ctx, in.ID)
		return &standOutput{Body: stand}, err
	})
}
