package bos

import (
	"reflect"
	"regexp"

	"github.com/drover-hpc/drover/internal/fault"
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,125}[a-zA-Z0-9])?$`)

func validName(s string) bool { return namePattern.MatchString(s) }

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func errAge(s string) error {
	return fault.New(fault.Invalid, "age '%s' is not understood: expected 0, or a number and one of m, h, d, w", s)
}
