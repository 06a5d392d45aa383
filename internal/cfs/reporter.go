package cfs

import (
	"context"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
)

// onlyReports refuses patches by which a node or a job changes more than it has to: a node
// how it is configured, a session's job what its own session ran, on the nodes that it ran
// on, and an agent of BOS v1 those that it moves. What else components shall become is for
// those who may configure.
func onlyReports(ctx context.Context, patches ...ComponentPatch) error {
	who := auth.Of(ctx)
	if who == nil {
		return nil
	}
	isNode, isSession := who.Role == auth.Node, who.Role == auth.Job && who.Kind == auth.Session
	if who.Role == auth.Job {
		ids := make([]string, len(patches))
		for i := range patches {
			if ids[i] = patches[i].ID; ids[i] == "" {
				return fault.New(fault.Forbidden, "%s changes components by their names: expected a list, got filters", who.Name)
			}
		}
		if err := auth.For(ctx, ids...); err != nil {
			return err
		}
	}
	if !isNode && !isSession {
		return nil
	}
	for i := range patches {
		p := &patches[i]
		further := p.DesiredConfig != nil || p.RetryPolicy != nil || p.Tags != nil
		if isSession {
			further = further || p.State != nil || p.ErrorCount != nil || p.Enabled != nil
		}
		switch {
		case further && isNode:
			return fault.New(fault.Forbidden, "%s reports of itself: expected no more than state, state_append, error_count and enabled", who.Name)
		case further:
			return fault.New(fault.Forbidden, "%s reports what it ran: expected no more than state_append", who.Name)
		case isSession && p.StateAppend != nil && p.StateAppend.SessionName != who.ID:
			return fault.New(fault.Forbidden, "%s reports what it ran itself: expected state_append.session_name '%s', got '%s'", who.Name, who.ID, p.StateAppend.SessionName)
		}
	}
	return nil
}
