package traces

import (
	"fmt"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/journal"
)

// Facts are what is known of a session that ended.
type Facts struct {
	Session *bos.Session
	// Nodes, Succeeded and Failed count its nodes; Shown are told of.
	Nodes, Succeeded, Failed, Shown int
}

// Node is a node of a session, with what the journal has of it while the session
// lasted, the oldest first.
type Node struct {
	Name    string
	Entries []journal.Entry
	// More: the journal has more than that.
	More bool
}

// Root is the span of the session.
func Root(f *Facts) Span {
	s := f.Session
	start, end := s.Status.StartTime, s.Status.EndTime
	if end.Before(start) {
		end = start
	}
	root := Span{Trace: traceID("session", s.Tenant, s.Name, start.UTC().Format(time.RFC3339Nano)), Name: string(s.Operation)}
	root = root.child("", root.Name, start)
	root.Parent, root.End = SpanID{}, end
	root.set("drover.session.name", s.Name)
	root.set("drover.session.operation", string(s.Operation))
	root.set("drover.session.template", s.TemplateName)
	if s.Tenant != "" {
		root.set("drover.session.tenant", s.Tenant)
	}
	if s.Limit != "" {
		root.set("drover.session.limit", s.Limit)
	}
	if s.Stage {
		root.set("drover.session.staged", true)
	}
	root.set("drover.nodes.total", f.Nodes)
	root.set("drover.nodes.succeeded", f.Succeeded)
	root.set("drover.nodes.failed", f.Failed)
	root.set("drover.nodes.shown", f.Shown)
	if s.LeftOutCount > 0 {
		root.set("drover.nodes.left_out", s.LeftOutCount)
	}
	switch {
	case s.Status.Error != "":
		root.fail(s.Status.Error)
	case f.Failed > 0:
		root.fail(fmt.Sprintf("%d of %d nodes failed", f.Failed, f.Nodes))
	}
	return root
}
