package httpapi

import (
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// RawJSON is the part of an input for a body that the handler decodes itself.
// Like a decoded body it has to be there and to be declared as JSON; the
// operation sets SkipValidateBody.
type RawJSON struct {
	RawBody []byte `contentType:"application/json"`
}

// Resolve refuses other media types.
func (in *RawJSON) Resolve(ctx huma.Context) []error {
	sent := ctx.Header("Content-Type")
	media, _, err := mime.ParseMediaType(sent)
	if sent == "" || err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return []error{NewProblem(http.StatusUnsupportedMediaType, "", "unknown content type: "+sent)}
}

var _ huma.Resolver = (*RawJSON)(nil)
