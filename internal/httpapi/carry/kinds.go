package carry

import (
	"bytes"
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"time"
	"unicode/utf8"
)

type copier = func(dst, src reflect.Value) bool

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
	rawType   = reflect.TypeFor[json.RawMessage]()
	anyType   = reflect.TypeFor[any]()

	writesJSON = reflect.TypeFor[json.Marshaler]()
	writesText = reflect.TypeFor[encoding.TextMarshaler]()
	readsJSON  = reflect.TypeFor[json.Unmarshaler]()
	readsText  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// copier is nil if the types do not fit, or nobody can tell beforehand how the
// source writes itself.
func (m maker) copier(dst, src reflect.Type) copier {
	switch {
	case dst == timeType && src == timeType:
		return copyTime
	case dst.Kind() == reflect.Pointer && src.Kind() == reflect.Pointer && dst.Elem() == timeType && src.Elem() == timeType:
		return m.pointer(dst, src)
	}
	writes := func(t reflect.Type) bool { return t.Implements(writesJSON) || t.Implements(writesText) }
	reads := func(t reflect.Type) bool { return t.Implements(readsJSON) || t.Implements(readsText) }
	switch {
	case dst == rawType:
		return nil // wants the very text
	case writes(src) || reads(reflect.PointerTo(dst)) && dst.Kind() != reflect.Pointer:
		if !writes(src) && writes(reflect.PointerTo(src)) {
			return nil
		}
		return byJSON
	case writes(reflect.PointerTo(src)) && src.Kind() != reflect.Pointer:
		return nil // how it writes itself depends on where it stands
	case src.Kind() == reflect.Pointer:
		return m.pointer(dst, src)
	case src.Kind() == reflect.Interface:
		return m.dynamic(dst)
	case dst.Kind() == reflect.Pointer:
		to := m.plan(dst.Elem(), src)
		return func(dst, src reflect.Value) bool {
			v := reflect.New(dst.Type().Elem())
			dst.Set(v)
			return to.do(v.Elem(), src)
		}
	case dst.Kind() == reflect.Interface:
		return byJSON
	case dst.Kind() != src.Kind():
		return byJSON
	}
	return m.sameKind(dst, src)
}

func (p *plan) do(dst, src reflect.Value) bool { return p.copy != nil && p.copy(dst, src) }

func (m maker) sameKind(dst, src reflect.Type) copier {
	switch src.Kind() {
	case reflect.Bool:
		return func(dst, src reflect.Value) bool { dst.SetBool(src.Bool()); return true }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(dst, src reflect.Value) bool { dst.SetInt(src.Int()); return true }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(dst, src reflect.Value) bool { dst.SetUint(src.Uint()); return true }
	case reflect.Float32, reflect.Float64:
		return copyFloat
	case reflect.String:
		if src == reflect.TypeFor[json.Number]() || dst == reflect.TypeFor[json.Number]() {
			return byJSON
		}
		return copyString
	case reflect.Slice:
		return m.slice(dst, src)
	case reflect.Map:
		return m.mapping(dst, src)
	case reflect.Struct:
		return m.fields(dst, src)
	case reflect.Array:
		return byJSON
	}
	return nil
}

// copyTime leaves out what the text does: the reading of the monotonic clock,
// and the names of places.
func copyTime(dst, src reflect.Value) bool {
	var t time.Time
	if src.CanAddr() {
		t = *src.Addr().Interface().(*time.Time)
	} else {
		t = src.Interface().(time.Time)
	}
	if _, offset := t.Zone(); offset != 0 || t.Year() < 0 || t.Year() > 9999 {
		return byJSON(dst, src)
	}
	*dst.Addr().Interface().(*time.Time) = t.UTC().Round(0)
	return true
}

func copyFloat(dst, src reflect.Value) bool {
	f := src.Float()
	dst.SetFloat(f)
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

func copyString(dst, src reflect.Value) bool {
	s := src.String()
	if !utf8.ValidString(s) {
		return byJSON(dst, src)
	}
	dst.SetString(s)
	return true
}

func (m maker) pointer(dst, src reflect.Type) copier {
	to := dst
	if dst.Kind() == reflect.Pointer {
		to = dst.Elem()
	}
	of := m.plan(to, src.Elem())
	return func(dst, src reflect.Value) bool {
		if src.IsNil() {
			return true // as null, which leaves zero
		}
		if dst.Kind() == reflect.Pointer {
			v := reflect.New(dst.Type().Elem())
			dst.Set(v)
			dst = v.Elem()
		}
		return of.do(dst, src.Elem())
	}
}

// dynamic copies what an interface holds.
func (m maker) dynamic(reflect.Type) copier {
	return func(dst, src reflect.Value) bool {
		if src.IsNil() {
			return true
		}
		if dst.Type() == anyType {
			if v, known := plain(src.Interface()); known {
				dst.Set(reflect.ValueOf(v))
				return true
			}
			return byJSON(dst, src)
		}
		return planOf(dst.Type(), src.Elem().Type()).do(dst, src.Elem())
	}
}

// plain copies what decoding JSON into an any may have made.
func plain(v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		return v, utf8.ValidString(v)
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			c, ok := plain(value)
			if !ok && value != nil || !utf8.ValidString(key) {
				return nil, false
			}
			out[key] = c
		}
		return out, v != nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			c, ok := plain(v[i])
			if !ok && v[i] != nil {
				return nil, false
			}
			out[i] = c
		}
		return out, v != nil
	}
	return nil, false
}

func (m maker) slice(dst, src reflect.Type) copier {
	switch {
	case dst == bytesType && src == bytesType:
		return func(dst, src reflect.Value) bool { dst.SetBytes(bytes.Clone(src.Bytes())); return true }
	case dst.Elem().Kind() == reflect.Uint8 || src.Elem().Kind() == reflect.Uint8:
		return byJSON // bytes are written as text
	}
	of := m.plan(dst.Elem(), src.Elem())
	return func(dst, src reflect.Value) bool {
		if src.IsNil() {
			return true
		}
		n := src.Len()
		out := reflect.MakeSlice(dst.Type(), n, n)
		dst.Set(out)
		for i := range n {
			if !of.do(out.Index(i), src.Index(i)) {
				return false
			}
		}
		return true
	}
}

func (m maker) mapping(dst, src reflect.Type) copier {
	text := reflect.TypeFor[string]()
	if dst.Key() != text || src.Key() != text {
		return byJSON
	}
	of := m.plan(dst.Elem(), src.Elem())
	return func(dst, src reflect.Value) bool {
		if src.IsNil() {
			return true
		}
		out := reflect.MakeMapWithSize(dst.Type(), src.Len())
		dst.Set(out)
		for each := src.MapRange(); each.Next(); {
			value := reflect.New(dst.Type().Elem()).Elem()
			if !utf8.ValidString(each.Key().String()) {
				dst.SetZero()
				return byJSON(dst, src)
			}
			if !of.do(value, each.Value()) {
				return false
			}
			out.SetMapIndex(each.Key(), value)
		}
		return true
	}
}
