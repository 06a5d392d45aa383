package httpapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
)

// exactRoot is the pattern of the root alone: "/" would match every path.
const exactRoot = "/{$}"

// describeRoot gives the root its name back in the OpenAPI document.
func describeRoot(api huma.API) {
	paths := api.OpenAPI().Paths
	if item := paths[exactRoot]; item != nil {
		paths["/"] = item
		delete(paths, exactRoot)
	}
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// unrouted answers what mux serves by no pattern but self, its own: a path
// that exists with other methods is 405, one that exists without the slash at
// its end is redirected to, all else 404. A DELETE is not redirected: a name
// that is missing after the slash would delete all that there are.
func unrouted(mux *http.ServeMux, self string) http.HandlerFunc {
	allowed := func(r *http.Request, path string) (list []string) {
		for _, m := range methods {
			try := r.Clone(r.Context())
			try.Method, try.URL.Path, try.URL.RawPath = m, path, ""
			if _, pattern := mux.Handler(try); pattern != "" && pattern != self {
				list = append(list, m)
			}
		}
		return list
	}
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if list := allowed(r, path); len(list) > 0 {
			allow := strings.Join(list, ",")
			w.Header().Set("Allow", allow)
			WriteProblem(w, NewProblem(http.StatusMethodNotAllowed, "", "allow "+allow))
			return
		}
		if short := strings.TrimSuffix(path, "/"); short != path && r.Method != http.MethodDelete && short+"/" != self && len(allowed(r, short)) > 0 {
			to := *r.URL
			to.Path, to.RawPath = short, ""
			http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
			return
		}
		WriteProblem(w, fault.New(fault.NotFound, "there is nothing at %s", path))
	}
}
