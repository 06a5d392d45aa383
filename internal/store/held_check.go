package store

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"
)

// checking has each document that is written compared with what a restart would
// read of it; a difference panics. Tests set the variable.
var checking = os.Getenv("DROVER_CHECK_STORE") != ""

// asRead names a place where the document is another one than its row; "" if
// there is none.
func (h *held[T]) asRead(k *kept[T]) string {
	var read T
	if err := json.Unmarshal(k.row, &read); err != nil {
		return fmt.Sprintf("%s: it cannot be read: %v", h.table.spec.Kind, err)
	}
	return differ(reflect.ValueOf(&k.doc).Elem(), reflect.ValueOf(&read).Elem(), h.table.spec.Kind)
}

// differ names the first place where two values of a type differ; "" if they
// do not. Times are the same if they are the same instant in the same zone.
func differ(a, b reflect.Value, at string) string {
	if a.Type() == reflect.TypeFor[time.Time]() && a.CanInterface() {
		x, y := a.Interface().(time.Time), b.Interface().(time.Time)
		_, zoneX := x.Zone()
		if _, zoneY := y.Zone(); !x.Equal(y) || zoneX != zoneY {
			return fmt.Sprintf("%s: %v, %v", at, x, y)
		}
		return ""
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if where := differ(a.Field(i), b.Field(i), at+"."+a.Type().Field(i).Name); where != "" {
				return where
			}
		}
		return ""
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			break
		}
		if a.Elem().Type() == b.Elem().Type() {
			return differ(a.Elem(), b.Elem(), at)
		}
	case reflect.Slice, reflect.Array:
		if a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return fmt.Sprintf("%s: %#v, %#v", at, a, b)
		}
		for i := range a.Len() {
			if where := differ(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
		return ""
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return fmt.Sprintf("%s: %#v, %#v", at, a, b)
		}
		for all := a.MapRange(); all.Next(); {
			other := b.MapIndex(all.Key())
			if !other.IsValid() {
				return fmt.Sprintf("%s[%v]", at, all.Key())
			}
			if where := differ(all.Value(), other, fmt.Sprintf("%s[%v]", at, all.Key())); where != "" {
				return where
			}
		}
		return ""
	}
	if !a.Equal(b) {
		return fmt.Sprintf("%s: %#v, %#v", at, a, b)
	}
	return ""
}
