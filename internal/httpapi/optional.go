package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// OptionalBool is a query parameter whose absence is not false.
type OptionalBool struct {
	parsed bool
	Value  *bool // nil: absent
}

// Schema is that of a boolean.
func (OptionalBool) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[bool]())
}

// Receiver is where huma puts the value of a parameter that is present.
func (o *OptionalBool) Receiver() reflect.Value { return reflect.ValueOf(&o.parsed).Elem() }

// OnParamSet is called only then.
func (o *OptionalBool) OnParamSet(bool, any) { o.Value = &o.parsed }
