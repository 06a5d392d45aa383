package cli

import (
	"context"
	"errors"
	"net/http"

	"github.com/drover-hpc/drover/internal/progress"
)

// progressed is the gateway for who follows boot sessions.
func (s *session) progressed() progress.Gateway {
	return progress.Gateway{Get: s.get, Missing: missing}
}

func missing(err error) bool {
	var answer *refusal
	return errors.As(err, &answer) && answer.status == http.StatusNotFound
}

// followed is a session at the gateway, for a terminal.
type followed struct {
	progress.Follower
	gateway *gateway
}

// Snapshot tells errors without what steers a terminal.
func (f followed) Snapshot(ctx context.Context) (*progress.Snapshot, error) {
	s, err := f.Follower.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	for i := range s.Components {
		s.Components[i].Error = harmless(s.Components[i].Error)
	}
	for i := range s.Work {
		w := &s.Work[i]
		for _, text := range []*string{&w.Configuration, &w.Playbook, &w.Task, &w.Step} {
			*text = harmless(*text)
		}
	}
	return s, nil
}

// Changes implements watch.Source.
func (f followed) Changes(ctx context.Context) <-chan struct{} {
	if path := f.Events(); path != "" {
		return f.gateway.changes(ctx, path)
	}
	changes := make(chan struct{})
	close(changes)
	return changes
}
