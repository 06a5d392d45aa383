package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Streamed is an answer that is written as it comes.
type Streamed struct {
	Body func(huma.Context)
}

// StreamJSON answers with the value.
func StreamJSON(v any) *Streamed {
	return &Streamed{func(out huma.Context) {
		out.SetHeader("Content-Type", "application/json")
		json.NewEncoder(out.BodyWriter()).Encode(v) //nolint:errcheck // the client is gone
	}}
}

// StreamText answers with the text that feed writes; each piece is sent at once, and
// the header before there is any.
func StreamText(feed func(ctx context.Context, write func([]byte) error) error) *Streamed {
	return &Streamed{func(out huma.Context) {
		out.SetHeader("Content-Type", "text/plain; charset=utf-8")
		out.SetHeader("X-Content-Type-Options", "nosniff")
		out.SetHeader("Cache-Control", "no-store")
		w := out.BodyWriter()
		flush := func() {}
		if f, ok := w.(http.Flusher); ok {
			flush = f.Flush
		}
		flush()
		feed(out.Context(), func(text []byte) error { //nolint:errcheck // the client is gone, or sees the end
			_, err := w.Write(text)
			flush()
			return err
		})
	}}
}

// AnswersText has the operation's description say that it answers with a T as JSON, whose
// schema has the name, or with text.
func AnswersText[T any](api huma.API, op *huma.Operation, name, description string) {
	op.Responses = map[string]*huma.Response{"200": {Description: description, Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, name)},
		"text/plain":       {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
}
