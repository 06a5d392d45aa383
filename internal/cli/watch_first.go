package cli

import (
	"context"
	"errors"
	"net/http"

	"github.com/drover-hpc/drover/internal/cli/watch"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const bosFirst = "/apis/bos/v1/session/"

// watched is the session of that name: one of version 2, or else one of
// version 1 with that ID. Errors are for the first look to meet again.
func (s *session) watched(ctx context.Context, name string) watch.Source {
	second := &bootSession{session: s, name: name, why: map[string]string{}}
	if !missing(s.get(ctx, bosAPI+"/sessions/"+httpapi.Segment(name), nil)) {
		return second
	}
	if s.get(ctx, bosFirst+httpapi.Segment(name), nil) != nil {
		return second
	}
	return &firstSession{session: s, id: name}
}

func missing(err error) bool {
	var answer *refusal
	return errors.As(err, &answer) && answer.status == http.StatusNotFound
}

// firstSession is a session of version 1 at the gateway.
type firstSession struct {
	*session
	id string
}

// Snapshot asks for the status tree. A boot set that the agent has not come to
// has no status.
func (f *firstSession) Snapshot(ctx context.Context) (*watch.Snapshot, error) {
	out := watch.First{ID: f.id}
	path := bosFirst + httpapi.Segment(f.id)
	if err := f.get(ctx, path, &out); err != nil {
		return nil, err
	}
	var top struct {
		BootSets []string `json:"boot_sets"`
	}
	if err := f.get(ctx, path+"/status", &top); err != nil && !missing(err) {
		return nil, err
	}
	for _, name := range top.BootSets {
		var set watch.BootSet
		switch err := f.get(ctx, path+"/status/"+httpapi.Segment(name), &set); {
		case missing(err):
		case err != nil:
			return nil, err
		default:
			out.BootSets = append(out.BootSets, set)
		}
	}
	s := out.Snapshot()
	for i := range s.Components {
		s.Components[i].Error = harmless(s.Components[i].Error)
	}
	return s, nil
}

// Changes cannot be told of version 1.
func (f *firstSession) Changes(context.Context) <-chan struct{} {
	changes := make(chan struct{})
	close(changes)
	return changes
}
