package httpapi

import "github.com/danielgtaylor/huma/v2"

// Nullable describes an object that may be null in an answer; a type returns it
// from TransformSchema.
func Nullable(s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}
