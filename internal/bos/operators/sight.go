package operators

import (
	"context"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/xname"
)

// sight keeps what PCS and CFS said last of the nodes that are on their way,
// so that a change of one does not mean asking about all again.
type sight struct {
	power  *mirror[bos.PowerStatus]
	config *mirror[bos.Configuration]
}

// newSight asks anew each time where no hints tell of changes.
func newSight(c *Config) *sight {
	return &sight{
		power: newMirror(c.Now, c.PowerTable != "", func(ctx context.Context, ids []string) (map[string]bos.PowerStatus, error) {
			found, err := c.Power.Status(ctx, wellFormed(ids))
			out := make(map[string]bos.PowerStatus, len(found))
			for _, f := range found {
				out[f.Node] = f
			}
			return out, err
		}),
		config: newMirror(c.Now, c.ConfigurationTable != "", func(ctx context.Context, ids []string) (map[string]bos.Configuration, error) {
			found, err := c.Configurations.Components(ctx, ids)
			out := make(map[string]bos.Configuration, len(found))
			for _, f := range found {
				out[f.Node] = f
			}
			return out, err
		}),
	}
}

// wellFormed leaves out what is no xname: PCS refuses to answer for all when
// there is one such name among them.
func wellFormed(ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if xname.TypeOf(id) != xname.Invalid {
			out = append(out, id)
		}
	}
	return out
}

// mirror keeps values of another service until told that they changed.
type mirror[T any] struct {
	now   func() time.Time
	told  bool // changes are told
	fetch func(ctx context.Context, ids []string) (map[string]T, error)

	mu      sync.Mutex
	entries map[string]*entry[T]
}

// entry is a value with the time before which it was asked for, nil if the service has none. Each change raises age, so
// that a value asked for before the change is not taken for a new one.
type entry[T any] struct {
	value *seen[T]
	fresh bool
	age   uint64
}

func newMirror[T any](now func() time.Time, told bool, fetch func(context.Context, []string) (map[string]T, error)) *mirror[T] {
	return &mirror[T]{now: now, told: told, fetch: fetch, entries: map[string]*entry[T]{}}
}

func (m *mirror[T]) get(ctx context.Context, ids []string) (map[string]*seen[T], error) {
	ages := map[string]uint64{}
	var ask []string
	out := make(map[string]*seen[T], len(ids))
	m.mu.Lock()
	for _, id := range ids {
		e := m.entries[id]
		if e == nil {
			e = &entry[T]{}
			m.entries[id] = e // from now on its changes are noticed
		}
		if e.fresh {
			out[id] = e.value
		} else {
			ask = append(ask, id)
			ages[id] = e.age
		}
	}
	m.mu.Unlock()
	if len(ask) == 0 {
		return out, nil
	}
	asked := m.now()
	found, err := m.fetch(ctx, ask)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ask {
		var value *seen[T]
		if v, is := found[id]; is {
			value = &seen[T]{v, asked}
		}
		out[id] = value
		if e := m.entries[id]; e != nil && e.age == ages[id] {
			e.value, e.fresh = value, value != nil && m.told
		}
	}
	return out, nil
}

// changed has the values asked for again and returns those that matter.
func (m *mirror[T]) changed(ids []string) (known []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if e := m.entries[id]; e != nil {
			e.age++
			e.fresh = false
			known = append(known, id)
		}
	}
	return known
}

func (m *mirror[T]) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]string, 0, len(m.entries))
	for id := range m.entries {
		out = append(out, id)
	}
	return out
}

func (m *mirror[T]) forget(ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.entries, id)
	}
}
