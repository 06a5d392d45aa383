package cfs

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// assessor computes statuses with what the database says now; each
// configuration is read once.
type assessor struct {
	s       *Service
	options Options
	known   map[string]bool
	layers  map[string][]JobLayer
}

func (s *Service) newAssessor(ctx context.Context) (*assessor, error) {
	options, err := s.Options(ctx)
	return &assessor{s: s, options: options, known: map[string]bool{"": false}, layers: map[string][]JobLayer{}}, err
}

// resolved returns the layers of the configuration, and whether it exists.
func (a *assessor) resolved(ctx context.Context, name string) ([]JobLayer, bool, error) {
	if known, looked := a.known[name]; looked {
		return a.layers[name], known, nil
	}
	c, err := a.s.configurations.Get(ctx, name)
	if fault.Is(err, fault.NotFound) {
		a.known[name] = false
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	urls, err := a.s.sourceURLs(ctx, c.sources())
	if err != nil {
		return nil, false, err
	}
	a.known[name], a.layers[name] = true, c.pin(urls, a.options.DefaultPlaybook)
	return a.layers[name], true, nil
}

func (a *assessor) status(ctx context.Context, r *record) (ConfigurationStatus, error) {
	layers, known, err := a.resolved(ctx, r.DesiredConfig)
	if err != nil {
		return "", err
	}
	status, _ := assess(&r.Component, layers, known, a.options.DefaultBatcherRetryPolicy)
	return status, nil
}

func (a *assessor) assess(ctx context.Context, r *record) ([]JobLayer, []ConfigurationStatus, error) {
	layers, known, err := a.resolved(ctx, r.DesiredConfig)
	if err != nil {
		return nil, nil, err
	}
	_, each := assess(&r.Component, layers, known, a.options.DefaultBatcherRetryPolicy)
	return layers, each, nil
}

// reassess recomputes the statuses of the components that desire one of the
// configurations (nil: of all components) and writes those that changed.
func (s *Service) reassess(ctx context.Context, configurations []string) error {
	var q store.Query
	if configurations != nil {
		q.Where = []store.Match{{Column: "desired_config", In: configurations}}
	}
	found, err := s.components.List(ctx, q)
	if err != nil || len(found) == 0 {
		return err
	}
	a, err := s.newAssessor(ctx)
	if err != nil {
		return err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	_, _, err = s.components.Update(ctx, ids, func(r *record) error {
		status, err := a.status(ctx, r)
		if err != nil {
			return err
		}
		if status == r.Status {
			return store.ErrUnchanged
		}
		r.Status = status
		return nil
	})
	return err
}
