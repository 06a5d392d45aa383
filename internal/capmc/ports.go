package capmc

import (
	"context"
	"net/url"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/pcs"
)

// Hardware is HSM; *hsm.Client is one.
type Hardware interface {
	Components(ctx context.Context, query url.Values) ([]hsm.Component, error)
	Query(ctx context.Context, q hsm.ComponentQuery) ([]hsm.Component, error)
	Reserve(ctx context.Context, ids []string, minutes int) (hsm.ReservationResult, error)
	Renew(ctx context.Context, keys []hsm.KeyOf, minutes int) (hsm.LockResult, error)
	Release(ctx context.Context, keys []hsm.KeyOf) (hsm.LockResult, error)
	Ready(ctx context.Context) error
}

// Power is PCS; *pcs.Client is one.
type Power interface {
	PowerStatus(ctx context.Context, xnames []string) ([]pcs.PowerStatus, error)
	Begin(ctx context.Context, op pcs.Operation, locations []pcs.Location, deadlineMinutes int) (string, error)
	Describe(ctx context.Context, id string) (pcs.Transition, error)
	Abort(ctx context.Context, id string) error
	SnapshotCaps(ctx context.Context, xnames []string) (string, error)
	SetCaps(ctx context.Context, orders []pcs.CapOrder) (string, error)
	CapTask(ctx context.Context, id string) (pcs.CapTask, error)
	Ready(ctx context.Context) error
}
