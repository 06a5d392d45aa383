package bos

import (
	"reflect"

	"github.com/drover-hpc/drover/internal/fault"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func errAge(s string) error {
	return fault.New(fault.Invalid, "age '%s' is not understood: expected 0, or a number and one of m, h, d, w", s)
}
