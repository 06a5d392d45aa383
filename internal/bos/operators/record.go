package operators

import (
	"context"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/audit"
)

// record takes down that PCS is asked for the call, or why it did not take it.
// What came of it is in the journal of each node.
func (b *powerCall) record(ctx context.Context, why error) error {
	if b.by.audit == nil {
		return nil
	}
	r := audit.Record{Who: audit.Drover("bos"), Path: "PCS " + b.by.operation, What: b.by.words, Outcome: audit.Asked}.About(b.ids())
	if sessions := b.sessions(); len(sessions) > 0 {
		r.Session = strings.Join(sessions, ",")
		r.Who = audit.Drover("session " + strings.Join(sessions, ", "))
	}
	if why != nil {
		r.Outcome, r.Why = audit.Failed, why.Error()
	}
	return b.by.audit.Append(ctx, r)
}

// sessions are those for which the call is made.
func (b *powerCall) sessions() (names []string) {
	for i := range b.nodes {
		if s := b.nodes[i].Session; s != "" && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	return names
}
