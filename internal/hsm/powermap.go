package hsm

import (
	"context"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// PowerMap is what a component gets its power from.
type PowerMap struct {
	ID        string   `json:"id" doc:"xname of the component"`
	PoweredBy []string `json:"poweredBy" nullable:"false" doc:"xnames of what feeds it, such as outlets of a PDU"`
}

func (m *PowerMap) settle() error {
	given := m.ID
	m.ID = xname.Normalize(given)
	if xname.TypeOf(m.ID) == xname.Invalid {
		return invalidXname(given)
	}
	if len(m.PoweredBy) == 0 {
		return fault.New(fault.Invalid, "%s: Missing poweredBy", m.ID)
	}
	by, err := xnames(m.PoweredBy)
	m.PoweredBy = by
	return err
}

// PowerMaps returns all power maps.
func (s *Service) PowerMaps(ctx context.Context) ([]PowerMap, error) {
	all, err := s.powerMaps.List(ctx, store.Query{})
	return append([]PowerMap{}, all...), err
}

// PowerMap returns that of one component.
func (s *Service) PowerMap(ctx context.Context, id string) (PowerMap, error) {
	if _, err := xnames([]string{id}); err != nil {
		return PowerMap{}, err
	}
	m, err := s.powerMaps.Get(ctx, xname.Normalize(id))
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no such xname: there is no power map of '%s'", id)
	}
	return m, err
}

// SetPowerMaps adds power maps and replaces those that there are, all or none.
func (s *Service) SetPowerMaps(ctx context.Context, maps []PowerMap) error {
	if len(maps) == 0 {
		return fault.New(fault.Invalid, "Missing power maps")
	}
	seen := map[string]bool{}
	for i := range maps {
		if err := maps[i].settle(); err != nil {
			return err
		}
		if seen[maps[i].ID] {
			return fault.New(fault.Invalid, "'%s' is given twice", maps[i].ID)
		}
		seen[maps[i].ID] = true
	}
	return s.powerMaps.Put(ctx, maps...)
}

// DeletePowerMaps removes power maps, nil for all, and returns how many there
// were.
func (s *Service) DeletePowerMaps(ctx context.Context, ids []string) (int, error) {
	return deleteFrom(ctx, s.db, s.powerMaps, ids, func(m *PowerMap) string { return m.ID })
}
