package httpapi

import (
	"math/bits"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// MaxTenantName is the longest name of a tenant that services take.
const MaxTenantName = 127

// Limit is what a published interface allows for one kind of value, such as a
// commit. Zero fields do not limit, but a number is at least Min.
type Limit struct {
	// Pattern is a regular expression for texts.
	Pattern string
	// Means is the pattern in words, for who is refused: "expected string to be ...".
	Means string
	// Min and Max are a text's length in characters, or a number's value.
	Min, Max int
}

// Limits are the kinds of value of one service, by the names that tags of
// fields and parameters give as their format: format:"commit". So each limit
// stands in one place, and tags say which it is.
type Limits map[string]Limit

// Bound has operations that are registered from now on checked against limits,
// and described by what the limits say in place of their names. What other tags
// of a field say holds too.
func Bound(api huma.API, limits Limits) {
	doc := api.OpenAPI()
	doc.OnAddOperation = append(doc.OnAddOperation, func(doc *huma.OpenAPI, op *huma.Operation) {
		for _, p := range op.Parameters {
			limits.bound(p.Schema)
		}
		if op.RequestBody != nil {
			limits.boundContent(op.RequestBody.Content)
		}
		for _, r := range op.Responses {
			limits.boundContent(r.Content)
		}
		for _, s := range doc.Components.Schemas.Map() {
			limits.bound(s)
		}
	})
}

func (l Limits) boundContent(content map[string]*huma.MediaType) {
	for _, media := range content {
		l.bound(media.Schema)
	}
}

// bound puts limits in place of their names, in the schema and below it.
// References are left: what they name is bound by itself.
func (l Limits) bound(s *huma.Schema) {
	if s == nil {
		return
	}
	if limit, is := l[s.Format]; is {
		limit.apply(s)
	}
	for _, p := range s.Properties {
		l.bound(p)
	}
	l.bound(s.Items)
	if values, is := s.AdditionalProperties.(*huma.Schema); is {
		l.bound(values)
	}
	for _, parts := range [][]*huma.Schema{s.OneOf, s.AnyOf, s.AllOf} {
		for _, part := range parts {
			l.bound(part)
		}
	}
}

// apply bounds the value, or each item of a list.
func (l Limit) apply(s *huma.Schema) {
	if s.Type == huma.TypeArray && s.Items != nil {
		s.Format = ""
		s = s.Items
	}
	if s.Type == huma.TypeInteger {
		s.Format = "int" + strconv.Itoa(bits.UintSize) // as huma has it
		least, most := float64(l.Min), float64(l.Max)
		s.Minimum = &least
		if l.Max > 0 {
			s.Maximum = &most
		}
	} else {
		s.Format = ""
		if l.Pattern != "" {
			s.Pattern, s.PatternDescription = l.Pattern, l.Means
		}
		if l.Min > 0 {
			s.MinLength = &l.Min
		}
		if l.Max > 0 {
			s.MaxLength = &l.Max
		}
	}
	s.PrecomputeMessages()
}
