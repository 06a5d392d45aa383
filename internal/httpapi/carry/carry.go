package carry

import (
	"encoding/json"
	"reflect"
	"sync"
)

// Into sets *to, which is the zero value, to what json.Unmarshal would make of
// the JSON of value. It tells whether it could; if not, *to is zero still.
// What JSON could not carry, an infinite number for instance, it does not carry.
func Into(to, value any) bool {
	dst := reflect.ValueOf(to)
	if dst.Kind() != reflect.Pointer || dst.IsNil() || !dst.Elem().IsZero() {
		return false
	}
	src := reflect.ValueOf(value)
	if !src.IsValid() { // null
		return true
	}
	if !planOf(dst.Elem().Type(), src.Type()).do(dst.Elem(), src) {
		dst.Elem().SetZero()
		return false
	}
	return true
}

// plan is how values of one type get into variables of another.
type plan struct {
	// copy tells whether it could; nil: the two do not fit.
	copy func(dst, src reflect.Value) bool
}

type pair struct{ dst, src reflect.Type }

var (
	plans  sync.Map // of *plan by pair
	making sync.Mutex
)

func planOf(dst, src reflect.Type) *plan {
	if p, known := plans.Load(pair{dst, src}); known {
		return p.(*plan)
	}
	making.Lock()
	defer making.Unlock()
	m := maker{made: map[pair]*plan{}}
	p := m.plan(dst, src)
	for of, p := range m.made {
		plans.LoadOrStore(of, p)
	}
	return p
}

// maker makes the plan of two types and those of their parts.
type maker struct{ made map[pair]*plan }

// plan may return one that is not made yet: that of a type within itself.
func (m maker) plan(dst, src reflect.Type) *plan {
	of := pair{dst, src}
	if p := m.made[of]; p != nil {
		return p
	}
	if p, known := plans.Load(of); known {
		return p.(*plan)
	}
	p := &plan{}
	m.made[of] = p
	p.copy = m.copier(dst, src)
	return p
}

// byJSON carries a part in the form of text.
func byJSON(dst, src reflect.Value) bool {
	text, err := json.Marshal(src.Interface())
	return err == nil && json.Unmarshal(text, dst.Addr().Interface()) == nil
}
