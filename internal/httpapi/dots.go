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
				if s == "." || s == ".." {
					segments[i] = Segment(s)
				}
			}
			inner := r.Clone(r.Context())
			inner.URL.RawPath = strings.Join(segments, "/")
			r = inner
		}
		next.ServeHTTP(w, r)
	})
}
