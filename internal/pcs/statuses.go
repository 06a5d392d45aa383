package pcs

import (
	"context"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// What is said of components that have no power status, in the words that
// clients know.
const (
	saysUnknown = "Component not found in component map."
	saysNoPower = "Component can not have power state and managment state data"
)

// VisitStatuses shows what is known of all components' power to who must not change or keep
// any of it, but for its texts.
func (s *Service) VisitStatuses(ctx context.Context, visit func(*PowerStatus)) error {
	return s.statuses.Visit(ctx, store.Query{}, visit)
}

// PowerStatuses returns what is known of the selected components' power.
// Malformed names are a fault.Invalid; for a name that has no power status
// there is an entry that says why.
func (s *Service) PowerStatuses(ctx context.Context, f Filter) ([]PowerStatus, error) {
	var bad []string
	for _, x := range f.Xnames {
		if xname.TypeOf(x) == xname.Invalid {
			bad = append(bad, x)
		}
	}
	if len(bad) > 0 {
		return nil, fault.New(fault.Invalid, "invalid xnames detected: %s", strings.Join(bad, ", "))
	}
	var q store.Query
	if len(f.Xnames) > 0 {
		q.Keys = f.Xnames
	}
	rows, err := s.statuses.List(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(f.Xnames) > 0 {
		if rows, err = s.withMissing(ctx, rows, f.Xnames); err != nil {
			return nil, err
		}
	}
	out := make([]PowerStatus, 0, len(rows))
	for i := range rows {
		if f.match(&rows[i]) {
			out = append(out, rows[i])
		}
	}
	return out, nil
}

// withMissing adds an entry for each of the names that has no row.
func (s *Service) withMissing(ctx context.Context, rows []PowerStatus, names []string) ([]PowerStatus, error) {
	have := make(map[string]bool, len(names))
	for i := range rows {
		have[rows[i].Xname] = true
	}
	var missing []string
	for _, x := range names {
		if !have[x] {
			have[x] = true
			missing = append(missing, x)
		}
	}
	if len(missing) == 0 {
		return rows, nil
	}
	components, err := s.catalog.get(ctx, missing)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "power status: %w", err)
	}
	for _, x := range missing {
		p := PowerStatus{Xname: x}
		c, known := components[x]
		switch {
		case !hasPower(xname.TypeOf(x)):
			p.Error = saysNoPower
		case !known:
			p.Error = saysUnknown
		default: // discovered a moment ago
			p.PowerState, p.ManagementState = PowerUndefined, Unavailable
			p.SupportedPowerTransitions = c.supported()
		}
		rows = append(rows, p)
	}
	return rows, nil
}
