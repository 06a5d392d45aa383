package httpapi

import (
	"net/http"
	"strings"
)

// DotNames has "." and ".." in a path be names, as they are names of things:
// http.ServeMux would take them for directions and redirect.
func DotNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); strings.Contains(path, "/.") {
			segments := strings.Split(path, "/")
			for i, s := range segments {
				segments[i] = EscapeDots(s)
			}
			inner := r.Clone(r.Context())
			inner.URL.RawPath = strings.Join(segments, "/")
			r = inner
		}
		next.ServeHTTP(w, r)
	})
}

// EscapeDots writes "." and "..", as segments of a path, so that nobody on the
// way takes them for directions. Other segments stay.
func EscapeDots(segment string) string {
	if segment == "." || segment == ".." {
		return strings.ReplaceAll(segment, ".", "%2E")
	}
	return segment
}
