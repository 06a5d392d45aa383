package cfs

import (
	"context"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
)

// onlyReports refuses patches by which a node or a session's job changes more than
// it has to report: a node how it is configured, a job what its own session ran. What
// components shall become is for those who may configure.
func onlyReports(ctx context.Context, patches ...ComponentPatch) error {
	who := auth.Of(ctx)
	if who == nil {
		return nil
	}
	isNode, isSession := who.Role == auth.Node, who.Role == auth.Job && who.Kind == auth.Session
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
