package pcs

import (
	"context"

	"github.com/drover-hpc/drover/internal/events"
)

// Prune removes what is kept no longer, as the service does now and then.
func (s *Service) Prune(ctx context.Context) error { return s.prune(ctx, events.Wake{All: true}) }

// LookAt looks at the component now, as polls do.
func (s *Service) LookAt(ctx context.Context, xname string) error {
	found, _ := s.catalog.known([]string{xname})
	return s.pollOne(ctx, target{component: found[xname]})
}
