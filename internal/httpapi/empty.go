package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// RefuseEmpty has operations answer 400 where a query parameter is given
// without a value and its schema allows none: ?enabled= is no wish for
// everything, as a parameter that is absent is. (huma takes the two for the
// same.)
func RefuseEmpty(api huma.API) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		if u := ctx.URL(); u.RawQuery != "" {
			if wrong := empty(ctx.Operation().Parameters, u.Query()); wrong != nil {
				huma.WriteErr(api, ctx, http.StatusBadRequest, "", wrong) //nolint:errcheck // the client is gone
				return
			}
		}
		next(ctx)
	})
}

// empty finds the first parameter that lacks a value.
func empty(parameters []*huma.Param, query url.Values) error {
	for _, p := range parameters {
		if p.In != "query" || p.Schema == nil || !slices.Contains(query[p.Name], "") {
			continue
		}
		if want := wantsValue(p.Schema); want != "" {
			return &huma.ErrorDetail{Message: want, Location: "query." + p.Name}
		}
	}
	return nil
}

// wantsValue says what the schema expects in place of nothing; empty if nothing
// is a value to it.
func wantsValue(s *huma.Schema) string {
	switch {
	case s.Type == huma.TypeBoolean || s.Type == huma.TypeInteger || s.Type == huma.TypeNumber:
		return "expected " + s.Type
	case s.Type == huma.TypeArray:
		return "expected a value"
	case s.Type != huma.TypeString:
		return ""
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, any("")):
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i], _ = e.(string)
		}
		return `expected value to be one of "` + strings.Join(words, ", ") + `"`
	case s.MinLength != nil && *s.MinLength > 0:
		return "expected at least one character"
	}
	return ""
}
