package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Shortcut answers requests of a hot route as they come from the network,
// before anything is decoded. It answers only those that it understands wholly
// and that go well: what it does not answer goes the usual way, which says
// what is wrong. err is what has come of a request that it carried out; then
// the usual way answers with it and does not carry it out again.
type Shortcut func(w http.ResponseWriter, r *http.Request) (answered bool, err error)

// HandleShort is Handle with a shortcut.
func HandleShort[I, O any](api huma.API, op huma.Operation, short Shortcut, handler func(context.Context, *I) (*O, error)) {
	Handle(shortAPI{api, short}, op, func(ctx context.Context, in *I) (*O, error) {
		if err, ok := ctx.Value(outcome{}).(error); ok {
			return nil, err
		}
		return handler(ctx, in)
	})
}

// outcome is the key of what came of a request in its context.
type outcome struct{}

type shortAPI struct {
	huma.API
	short Shortcut
}

func (a shortAPI) Adapter() huma.Adapter { return shortAdapter{a.API.Adapter(), a.short} }

type shortAdapter struct {
	huma.Adapter
	short Shortcut
}

func (a shortAdapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.Adapter.Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		answered, err := a.short(w, r)
		switch {
		case answered:
		case err != nil:
			handler(huma.WithValue(ctx, outcome{}, err))
		default:
			handler(ctx)
		}
	})
}
