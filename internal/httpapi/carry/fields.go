package carry

import (
	"reflect"
	"strings"
)

// field is a part of a struct as its JSON has it.
type field struct {
	name      string
	index     []int
	typ       reflect.Type
	omitEmpty bool
	omitZero  bool
}

// fieldsOf lists the fields, those of embedded structs among them; ok is false
// where a rule of encoding/json would have to choose, or is not known here.
func fieldsOf(t reflect.Type, within []int) (out []field, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		embedded := f.Anonymous && name == ""
		index := append(append([]int{}, within...), i)
		switch {
		case tag == "-" || !f.IsExported() && !(embedded && f.Type.Kind() == reflect.Struct):
			continue
		case embedded && f.Type.Kind() == reflect.Struct:
			inner, known := fieldsOf(f.Type, index)
			if !known {
				return nil, false
			}
			out = append(out, inner...)
			continue
		case embedded && f.Type.Kind() == reflect.Pointer:
			return nil, false
		case name == "":
			name = f.Name
		}
		each := field{name: name, index: index, typ: f.Type}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "":
			case "omitempty":
				each.omitEmpty = true
			case "omitzero":
				each.omitZero = true
			default:
				return nil, false
			}
		}
		out = append(out, each)
	}
	seen := map[string]bool{}
	for _, f := range out {
		if seen[f.name] {
			return nil, false
		}
		seen[f.name] = true
	}
	return out, true
}

// move is a field of the source on its way to one of the destination.
type move struct {
	dst, src []int
	plan     *plan
	omit     func(reflect.Value) bool // nil: never
}

func (m maker) fields(dst, src reflect.Type) copier {
	from, known := fieldsOf(src, nil)
	to, alike := fieldsOf(dst, nil)
	if !known || !alike {
		return byJSON
	}
	var moves []move
	taken := map[int]bool{}
	for _, f := range from {
		i := find(to, f.name)
		if i < 0 {
			continue
		}
		if taken[i] {
			return byJSON // the last one that is there would count
		}
		taken[i] = true
		one := move{dst: to[i].index, src: f.index, plan: m.plan(to[i].typ, f.typ)}
		if one.omit, known = omission(f); !known {
			return byJSON
		}
		moves = append(moves, one)
	}
	return func(dst, src reflect.Value) bool {
		for i := range moves {
			one := &moves[i]
			value := at(src, one.src)
			if one.omit != nil && one.omit(value) {
				continue
			}
			if !one.plan.do(at(dst, one.dst), value) {
				return false
			}
		}
		return true
	}
}

func at(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		v = v.Field(i)
	}
	return v
}

// find is how decoding looks a name up: as it is, else in any letter case.
func find(fields []field, name string) int {
	for i := range fields {
		if fields[i].name == name {
			return i
		}
	}
	for i := range fields {
		if strings.EqualFold(fields[i].name, name) {
			return i
		}
	}
	return -1
}

var tellsZero = reflect.TypeFor[interface{ IsZero() bool }]()

// omission is what leaves a field out that JSON would not leave zero anyhow.
func omission(f field) (func(reflect.Value) bool, bool) {
	switch {
	case f.omitZero && f.typ != timeType && (f.typ.Implements(tellsZero) || reflect.PointerTo(f.typ).Implements(tellsZero)):
		return nil, false
	case f.omitZero:
		return reflect.Value.IsZero, true
	case f.omitEmpty && (f.typ.Kind() == reflect.Slice || f.typ.Kind() == reflect.Map):
		return func(v reflect.Value) bool { return v.Len() == 0 }, true
	}
	return nil, true
}
