package contract

import (
	"net/http"
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// A limit that a tag names and that the service does not have would let
// everything through: its name would be left as the format.
func TestEveryFormatIsOneOfOpenAPI(t *testing.T) {
	for _, s := range services {
		api := httpapi.New(http.NewServeMux(), s.prefix, s.name, "1")
		s.register(api)
		formats(declared(t, api).root, func(format string) {
			if !slices.Contains([]string{"binary", "date-time", "double", "int64", "uuid"}, format) {
				t.Errorf("%s: no limit is called %q", s.name, format)
			}
		})
	}
}

func formats(v any, found func(string)) {
	switch v := v.(type) {
	case object:
		if format, is := v["format"].(string); is {
			found(format)
		}
		for _, e := range v {
			formats(e, found)
		}
	case []any:
		for _, e := range v {
			formats(e, found)
		}
	}
}
