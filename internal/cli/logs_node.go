package cli

import (
	"context"
	"fmt"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// lastSessionOf is the session of CFS that configures the node, or else the last one
// that did, which is told.
func (s *session) lastSessionOf(ctx context.Context, node string) (name string, err error) {
	running, err := s.progressed().Running(ctx, map[string]bool{node: true})
	if err != nil {
		return "", err
	}
	for _, w := range running {
		name = w.Session
	}
	what := "configures"
	if name == "" {
		var c cfs.Component
		if err := s.get(ctx, "/apis/cfs/v3/components/"+httpapi.Segment(node)+"?state_details=true", &c); err != nil {
			return "", err
		}
		if len(c.State) == 0 {
			return "", failed("no session of CFS has configured %s since it booted: drover explain %s tells where it stands", node, node)
		}
		name, what = c.State[len(c.State)-1].SessionName, "was the last that configured"
	}
	fmt.Fprintf(s.app.Stderr, "session %s %s %s\n", name, what, node)
	return name, nil
}
