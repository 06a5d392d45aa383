package store

import (
	"fmt"
	"reflect"
	"time"
	"unique"
)

// copierOf returns what makes the slices, maps and pointers of a shallow copy
// its own. Types are looked at once; for one without any it does nothing. It
// panics for types that it cannot copy: unexported fields that refer to
// something, functions, channels.
func copierOf[T any]() func(doc *T) {
	own := copierFor(reflect.TypeFor[T](), map[reflect.Type]*func(reflect.Value){})
	if own == nil {
		return func(*T) {}
	}
	return func(doc *T) { own(reflect.ValueOf(doc).Elem()) }
}

// copierFor is nil if values of the type refer to nothing.
func copierFor(t reflect.Type, seen map[reflect.Type]*func(reflect.Value)) func(reflect.Value) {
	if own, is := seen[t]; is { // a type that refers to itself
		return func(v reflect.Value) { (*own)(v) }
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Array:
	case reflect.Interface:
		return ownAny
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		panic(fmt.Sprintf("store: documents of %s cannot be held: it cannot be copied", t))
	default:
		return nil
	}
	if t == reflect.TypeFor[time.Time]() { // its location is nobody's
		return nil
	}
	var own func(reflect.Value)
	seen[t] = &own
	defer delete(seen, t)
	switch t.Kind() {
	case reflect.Struct:
		own = structCopier(t, seen)
	case reflect.Slice:
		own = sliceCopier(t, copierFor(t.Elem(), seen))
	case reflect.Map:
		own = mapCopier(t, copierFor(t.Elem(), seen))
	case reflect.Pointer:
		own = pointerCopier(copierFor(t.Elem(), seen), t)
	case reflect.Array:
		if elem := copierFor(t.Elem(), seen); elem != nil {
			own = func(v reflect.Value) {
				for i := range v.Len() {
					elem(v.Index(i))
				}
			}
		}
	}
	return own
}

func structCopier(t reflect.Type, seen map[reflect.Type]*func(reflect.Value)) func(reflect.Value) {
	type field struct {
		at  int
		own func(reflect.Value)
	}
	var fields []field
	for i := range t.NumField() {
		own := copierFor(t.Field(i).Type, seen)
		if own == nil {
			continue
		}
		if f := t.Field(i); !f.IsExported() && !f.Anonymous {
			panic(fmt.Sprintf("store: documents of %s cannot be held: %s is not exported and refers to something", t, f.Name))
		}
		fields = append(fields, field{i, own})
	}
	if len(fields) == 0 {
		return nil
	}
	return func(v reflect.Value) {
		for _, f := range fields {
			f.own(v.Field(f.at))
		}
	}
}

func sliceCopier(t reflect.Type, elem func(reflect.Value)) func(reflect.Value) {
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		fresh := reflect.MakeSlice(t, v.Len(), v.Len())
		reflect.Copy(fresh, v)
		if elem != nil {
			for i := range fresh.Len() {
				elem(fresh.Index(i))
			}
		}
		v.Set(fresh)
	}
}

func mapCopier(t reflect.Type, elem func(reflect.Value)) func(reflect.Value) {
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		fresh := reflect.MakeMapWithSize(t, v.Len())
		for all := v.MapRange(); all.Next(); {
			value := all.Value()
			if elem != nil {
				value = reflect.New(t.Elem()).Elem()
				value.Set(all.Value())
				elem(value)
			}
			fresh.SetMapIndex(all.Key(), value)
		}
		v.Set(fresh)
	}
}

func pointerCopier(elem func(reflect.Value), t reflect.Type) func(reflect.Value) {
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		fresh := reflect.New(t.Elem())
		fresh.Elem().Set(v.Elem())
		if elem != nil {
			elem(fresh.Elem())
		}
		v.Set(fresh)
	}
}

// ownAny copies what an interface holds, by the type of that.
func ownAny(v reflect.Value) {
	if v.IsNil() {
		return
	}
	own := copierFor(v.Elem().Type(), map[reflect.Type]*func(reflect.Value){})
	if own == nil {
		return
	}
	fresh := reflect.New(v.Elem().Type()).Elem()
	fresh.Set(v.Elem())
	own(fresh)
	v.Set(fresh)
}

// intern has equal strings be in memory once.
func intern(strings []*string) {
	for _, s := range strings {
		*s = unique.Make(*s).Value()
	}
}
