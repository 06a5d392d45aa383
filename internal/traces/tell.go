package traces

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
)

const (
	// page is how many nodes of a session are looked at together, part how many are sent
	// together: collectors bound what they take at once.
	page = 1000
	part = 10
	// maxEntries bounds what is told of a node.
	maxEntries = 500
)

// tell sends what is told of a session, the parts after one that is refused, too. unsent is
// what the collector answered, err that the database did not.
func (x *Exporter) tell(ctx context.Context, s *bos.Session) (unsent, err error) {
	all, f, err := x.candidates(ctx, s)
	if err != nil {
		return nil, err
	}
	chosen := Choose(all, x.Nodes)
	f.Shown = len(chosen)
	root := Root(&f)
	spans := []Span{root}
	for list := range slices.Chunk(chosen, part) {
		for _, c := range list {
			n, err := x.node(ctx, s, c.Name)
			if err != nil {
				return nil, err
			}
			spans = append(spans, Spans(&root, s, n)...)
		}
		switch err := x.Sender.Send(ctx, spans); {
		case fault.Is(err, fault.Invalid):
			unsent = cmp.Or(unsent, err)
		case err != nil:
			return err, nil
		}
		spans = nil
	}
	if len(spans) > 0 { // it has no nodes
		unsent = x.Sender.Send(ctx, spans)
	}
	return unsent, nil
}

// candidates are the nodes of a session, with what they are known for if they are the
// session's still.
func (x *Exporter) candidates(ctx context.Context, s *bos.Session) ([]Candidate, Facts, error) {
	var all []Candidate
	f := Facts{Session: s}
	for after := ""; ; {
		list, err := x.Sessions.Owned(ctx, s, after, page)
		if err != nil {
			return nil, f, err
		}
		for i := range list {
			c := &list[i]
			status := c.Computed()
			if status == bos.StatusFailed {
				f.Failed++
			}
			if status == bos.StatusStable {
				f.Succeeded++
			}
			all = append(all, Candidate{Name: c.ID, Failed: status == bos.StatusFailed, Took: max(c.Engine.PhaseSince.Sub(s.Status.StartTime), 0)})
		}
		if len(list) < page {
			break
		}
		after = list[len(list)-1].ID
	}
	others, err := x.former(ctx, s, all)
	f.count(len(all))
	return append(all, others...), f, err
}

// former are nodes that the session began with and that are not its own any more.
func (x *Exporter) former(ctx context.Context, s *bos.Session, own []Candidate) (list []Candidate, err error) {
	began, err := x.Sessions.SessionNodes(ctx, *s)
	for _, nodes := range began {
		for name := range strings.SplitSeq(nodes.Components, ",") {
			_, is := slices.BinarySearchFunc(own, name, func(c Candidate, name string) int { return strings.Compare(c.Name, name) })
			if name != "" && !is {
				list = append(list, Candidate{Name: name})
			}
		}
	}
	return list, err
}

// count completes the counts of a session that has so many nodes still: where others have
// taken some, what was kept at its end counts, whose shares are of two decimals.
func (f *Facts) count(own int) {
	f.Nodes = own
	if kept := f.Session.Saved; kept != nil && kept.ManagedComponentsCount != own {
		of := func(p bos.Percent) int {
			return int(math.Round(float64(p) / 100 * float64(kept.ManagedComponentsCount)))
		}
		f.Nodes, f.Succeeded, f.Failed = kept.ManagedComponentsCount, of(kept.PercentSuccessful), of(kept.PercentFailed)
	}
}

// node reads what the journal has of a node while the session lasted.
func (x *Exporter) node(ctx context.Context, s *bos.Session, name string) (Node, error) {
	list, err := x.Journal.List(ctx, name, journal.Before(name, s.Status.StartTime), maxEntries+1)
	n := Node{Name: name, Entries: list}
	if len(list) > maxEntries {
		n.Entries, n.More = list[:maxEntries], true
	}
	end := slices.IndexFunc(n.Entries, func(e journal.Entry) bool { return e.Time.After(s.Status.EndTime) })
	if end >= 0 {
		n.Entries, n.More = n.Entries[:end], false
	}
	return n, err
}
