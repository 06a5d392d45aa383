package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// refuseNoText has operations answer 400 where the path or the query is not
// UTF-8 or has a zero byte: nothing can have such a name, and not every
// database can even look for it.
func refuseNoText(api huma.API) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		u := ctx.URL()
		wrong := ""
		if query, err := url.QueryUnescape(u.RawQuery); !isText(u.Path) {
			wrong = "path"
		} else if err == nil && !isText(query) {
			wrong = "query"
		}
		if wrong != "" {
			detail := &huma.ErrorDetail{Message: "expected UTF-8 without zero bytes", Location: wrong}
			huma.WriteErr(api, ctx, http.StatusBadRequest, "", detail) //nolint:errcheck // the client is gone
			return
		}
		next(ctx)
	})
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
