package httpapi

import (
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// unwanted is the longest body of an operation that takes none, in bytes.
const unwanted = 64 << 10

// readUnwanted has what is sent to an operation that takes no body read before it
// does anything: a request that breaks off, or does not come as HTTP has it, is none.
func readUnwanted(api huma.API) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if r.ContentLength != 0 && ctx.Operation().RequestBody == nil {
			if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, unwanted)); err != nil {
				huma.WriteErr(api, ctx, http.StatusBadRequest, "cannot read request body", err) //nolint:errcheck // the client is gone
				return
			}
		}
		next(ctx)
	})
}
