package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// Filter selects records; all given conditions must hold.
type Filter struct {
	Before       int64 // number of the oldest that is known already
	Since, Until time.Time
	Who          string    // name or id
	Session      string    // that it is about, or whose doing it is
	Node         string    // a component: it, what is inside it, what it is inside of
	Outcomes     []Outcome // one of them
	Limit        int
}

// listAtOnce is how many records are read at a time.
const listAtOnce = 500

// List returns the newest records that the filter selects, newest first.
func (l *Log) List(ctx context.Context, f Filter) ([]Record, error) {
	l.settle(ctx) //nolint:errcheck // what is not written yet is not told, but the rest is
	out := []Record{}
	span := store.Span{Before: f.Before, Backwards: true, Limit: listAtOnce}
	if !f.Since.IsZero() {
		span.Since = f.Since.UnixNano()
	}
	if !f.Until.IsZero() {
		span.Until = f.Until.UnixNano()
	}
	for {
		lines, err := l.lines.Lines(ctx, span)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			span.Before = line.Number
			var r Record
			if err := json.Unmarshal([]byte(line.Doc), &r); err != nil {
				return nil, fmt.Errorf("decode audit record %d: %w", line.Number, err)
			}
			if f.selects(&r) {
				out = append(out, r)
			}
			if len(out) == f.Limit && f.Limit > 0 {
				return out, nil
			}
		}
		if len(lines) < listAtOnce || span.Before == 1 {
			return out, nil
		}
	}
}

func (f *Filter) selects(r *Record) bool {
	return (f.Who == "" || strings.EqualFold(f.Who, r.Who.Name) || f.Who == r.Who.ID) &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, r.Outcome)) &&
		(f.Session == "" || slices.Contains(strings.Split(r.Session, ","), f.Session) || f.Session == r.Who.ID) &&
		(f.Node == "" || r.concerns(xname.Canonical(f.Node)))
}

// concerns tells whether the record is about the component, or may be.
func (r *Record) concerns(name string) bool {
	if r.Unnamed > 0 || xname.Canonical(r.Who.Name) == name {
		return true
	}
	if r.Nodes == "" {
		return false
	}
	names, err := xname.Expand(r.Nodes)
	return err != nil || slices.ContainsFunc(names, func(n string) bool { return xname.Within(n, name) || xname.Within(name, n) })
}
