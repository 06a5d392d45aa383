package httpapi

import (
	"encoding/json"
	"errors"
	"reflect"
)

// Mistyped says of a value of a body that is of another type than expected, or
// too large for it, what was expected and where, in the words of JSON: those of
// package json name the program's types. Other errors stay as they are.
func Mistyped(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	words := "expected " + wordOf(wrong.Type) + ", not " + wrong.Value
	if wrong.Value == "bool" {
		words += "ean"
	}
	if wrong.Field != "" {
		words += " - '" + wrong.Field + "'"
	}
	return errors.New(words)
}

// wordOf is what JSON calls the values of a type.
func wordOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wordOf(t.Elem())
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "integer"
}
