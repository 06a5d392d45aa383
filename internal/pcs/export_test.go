package pcs

import (
	"context"

	"github.com/drover-hpc/drover/internal/events"
)

// Prune removes what is kept no longer, as the service does now and then.
func (s *Service) Prune(ctx context.Context) error { return s.prune(ctx, events.Wake{All: true}) }
