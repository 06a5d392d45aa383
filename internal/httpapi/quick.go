package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// Quick is a Shortcut for the requests that every node makes: it spares them the
// reflection, the schema and the second decoding. It is for requests of the
// form that nodes send and no other; each of those goes the usual way, which
// says what is wrong with it. So an answer never depends on the way, and the
// handler is the same.
type Quick[I, O any] struct {
	// Read fills in from the request and tells whether it could. What it takes,
	// the usual way takes too, with the same result. The text is only lent.
	Read func(r *http.Request, text []byte, in *I) bool
	// Answer is a pointer to the body of out; nil if the operation answers none.
	Answer func(out *O) any
}

// maxQuick bounds the bodies that may go the quick way.
const maxQuick = 4 << 10

var quickTexts = sync.Pool{New: func() any { return new([maxQuick]byte) }}

// HandleQuick is Handle for an operation that has a quick way.
func HandleQuick[I, O any](api huma.API, op huma.Operation, quick Quick[I, O], handler func(context.Context, *I) (*O, error)) {
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	HandleShort(api, op, func(w http.ResponseWriter, r *http.Request) (answered bool, _ error) {
		in := new(I)
		if !quick.read(r, in) {
			return false, nil
		}
		out, err := handler(r.Context(), in)
		if err != nil {
			quickError(w, err)
			return true, nil
		}
		if quick.Answer == nil {
			w.WriteHeader(op.DefaultStatus)
			return true, nil
		}
		w.Header()["Content-Type"] = jsonType
		w.WriteHeader(op.DefaultStatus)
		jsonFormat.Marshal(w, quick.Answer(out)) //nolint:errcheck // the client is gone; nobody is left to tell
		return true, nil
	}, handler)
}

var jsonType = []string{"application/json"}

// read takes the body, if there is one, and has Read look at the request.
func (q Quick[I, O]) read(r *http.Request, in *I) bool {
	if r.ContentLength < 0 || r.ContentLength > maxQuick || !isText(r.URL.Path) || !plainHeaders(r.Header) {
		return false
	}
	if r.ContentLength == 0 {
		return q.Read(r, nil, in)
	}
	buffer := quickTexts.Get().(*[maxQuick]byte)
	defer quickTexts.Put(buffer)
	n, err := io.ReadFull(r.Body, buffer[:r.ContentLength])
	if err == nil && q.Read(r, buffer[:n], in) {
		return true
	}
	*in = *new(I)
	r.Body = readAgain{io.MultiReader(bytes.NewReader(bytes.Clone(buffer[:n])), r.Body), r.Body}
	return false
}

// readAgain is a body of which a part was read already.
type readAgain struct {
	io.Reader
	io.Closer
}

// plainHeaders tells that the body is JSON, and the answer may be.
func plainHeaders(h http.Header) bool {
	one := func(name string, allowed ...string) bool {
		values := h[name]
		if len(values) == 0 {
			return true
		}
		for _, v := range allowed {
			if values[0] == v {
				return true
			}
		}
		return false
	}
	return one("Content-Type", "application/json") && one("Accept", "application/json", "*/*")
}

// quickError answers with the error: the body, which the usual way would read
// first, is gone.
func quickError(w http.ResponseWriter, err error) {
	p := AsProblem(err)
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(p.Status)
	jsonFormat.Marshal(w, p) //nolint:errcheck // the client is gone
}
