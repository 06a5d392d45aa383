package operators

import (
	"context"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/xname"
)

// powerView is what PCS said last of the nodes that are on their way, so that a
// change of one does not mean asking about all again. Where no hints tell of
// changes it asks anew each time.
func powerView(c *Config) *view[bos.PowerStatus] {
	return newView(c.Now, c.PowerTable != "", func(ctx context.Context, ids []string) (map[string]bos.PowerStatus, error) {
		found, err := c.Power.Status(ctx, wellFormed(ids))
		out := make(map[string]bos.PowerStatus, len(found))
		for _, f := range found {
			out[f.Node] = f
		}
		return out, err
	})
}

// configView is the same of CFS.
func configView(c *Config) *view[bos.Configuration] {
	return newView(c.Now, c.ConfigurationTable != "", func(ctx context.Context, ids []string) (map[string]bos.Configuration, error) {
		found, err := c.Configurations.Components(ctx, ids)
		out := make(map[string]bos.Configuration, len(found))
		for _, f := range found {
			out[f.Node] = f
		}
		return out, err
	})
}

// watch adds the loop that has nodes looked at when another service tells of
// changes.
func (o *Operators) watch(c *Config, name, table string, view noted, looks *events.Loop) {
	if table != "" {
		o.add(c, &events.Loop{}, &watcher{name: name, table: table, view: view, wake: looks.Now})
	}
}

type watcher struct {
	name, table string
	view        noted
	wake        func(nodes ...string)
}

// noted is a view, whatever it is of.
type noted interface {
	changed(ids []string) (known []string)
	all() []string
}

func (w *watcher) spec() Spec { return Spec{Name: w.name, Inputs: []string{w.table}} }

func (w *watcher) run(_ context.Context, _ bos.Options, wake events.Wake) error {
	keys := wake.Keys
	if wake.All {
		keys = w.view.all()
	}
	w.wake(w.view.changed(keys)...)
	return nil
}

// wellFormed leaves out what is no xname: PCS refuses to answer for all when
// there is one such name among thev.
func wellFormed(ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if xname.TypeOf(id) != xname.Invalid {
			out = append(out, id)
		}
	}
	return out
}

// view keeps values of another service until told that they changed.
type view[T any] struct {
	now   func() time.Time
	told  bool // changes are told
	fetch func(ctx context.Context, ids []string) (map[string]T, error)

	mu      sync.Mutex
	entries map[string]*entry[T]
}

// seen is what a service said, and when it was asked.
type seen[T any] struct {
	value T
	at    time.Time
}

// entry is a value, nil if the service has none. Each change raises age, so
// that a value asked for before the change is not taken for a new one.
type entry[T any] struct {
	value *seen[T]
	fresh bool
	age   uint64
}

func newView[T any](now func() time.Time, told bool, fetch func(context.Context, []string) (map[string]T, error)) *view[T] {
	return &view[T]{now: now, told: told, fetch: fetch, entries: map[string]*entry[T]{}}
}

// get gives the values of the nodes in their order, nil where there is none.
// With an error there are none either, but what is asked for will be noticed.
func (v *view[T]) get(ctx context.Context, ids []string) ([]*seen[T], error) {
	out := make([]*seen[T], len(ids))
	var ask []string
	var asking []asked
	v.mu.Lock()
	for i, id := range ids {
		e := v.entries[id]
		if e == nil {
			e = &entry[T]{}
			v.entries[id] = e // from now on its changes are noticed
		}
		if e.fresh {
			out[i] = e.value
		} else {
			ask = append(ask, id)
			asking = append(asking, asked{at: i, age: e.age})
		}
	}
	v.mu.Unlock()
	if len(ask) == 0 {
		return out, nil
	}
	now := v.now()
	found, err := v.fetch(ctx, ask)
	if err != nil {
		return make([]*seen[T], len(ids)), err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, id := range ask {
		var value *seen[T]
		if v, is := found[id]; is {
			value = &seen[T]{v, now}
		}
		out[asking[i].at] = value
		if e := v.entries[id]; e != nil && e.age == asking[i].age {
			e.value, e.fresh = value, value != nil && v.told
		}
	}
	return out, nil
}

// asked is a value that is asked for: its place, and its age at that time.
type asked struct {
	at  int
	age uint64
}

// fresh are those of the values that need not be asked for.
func (v *view[T]) fresh(ids []string) map[string]*seen[T] {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make(map[string]*seen[T], len(ids))
	for _, id := range ids {
		if e := v.entries[id]; e != nil && e.fresh {
			out[id] = e.value
		}
	}
	return out
}

// tracked are those of the nodes whose changes are noticed.
func (v *view[T]) tracked(ids []string) (out []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		if v.entries[id] != nil {
			out = append(out, id)
		}
	}
	return out
}

// changed has the values asked for again and returns those that matter.
func (v *view[T]) changed(ids []string) (known []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		if e := v.entries[id]; e != nil {
			e.age++
			e.fresh = false
			known = append(known, id)
		}
	}
	return known
}

func (v *view[T]) all() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]string, 0, len(v.entries))
	for id := range v.entries {
		out = append(out, id)
	}
	return out
}

func (v *view[T]) forget(ids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		delete(v.entries, id)
	}
}
