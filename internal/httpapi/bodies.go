package httpapi

import (
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// How long bodies may be, in bytes.
const (
	// BulkBody is for operations on many things, unless a server says otherwise:
	// 100,000 components with all their fields.
	BulkBody = 256 << 20
	// MaxBulkBody is the most that a server may say.
	MaxBulkBody = 1 << 30
	// ownBody is for operations on one thing, which may list 100,000 others by name.
	ownBody = 8 << 20
	// unwanted is for operations that take none.
	unwanted = 64 << 10
)

// bulkMark is what Metadata has of an operation on many things.
const bulkMark = "bulk"

// Bulk marks an operation on many things: a server says how long its body may be.
func Bulk(op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{bulkMark: true}
	return op
}

// boundBodies has operations answer 413 to bodies that are too long, before they are
// read where their length is said: those of marked operations may have bulk bytes. What
// is no text is 400.
// What is sent to an operation that takes none is read before it does anything: a
// request that breaks off, or does not come as HTTP has it, is none. Services of one
// process are not bounded: they send what they were asked for.
func boundBodies(api huma.API, bulk int64) {
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if _, inside := w.(*recorder); inside || r.ContentLength == 0 {
			next(ctx)
			return
		}
		op := ctx.Operation()
		most, more := int64(ownBody), ""
		switch {
		case op.RequestBody == nil:
			most = unwanted
		case op.Metadata[bulkMark] != nil:
			most, more = bulk, ": send less at once, or have the server take more (bulk-body)"
		}
		r.Body = AtMost(r.Body, r.ContentLength, most, more)
		if op.RequestBody != nil {
			r.Body = &text{ReadCloser: r.Body}
		}
		err := error(nil)
		switch {
		case r.ContentLength > most:
			w.Header().Set("Connection", "close") // the body is left unread
			_, err = r.Body.Read(nil)
		case op.RequestBody == nil:
			_, err = io.Copy(io.Discard, r.Body)
		}
		if err != nil {
			huma.WriteErr(api, ctx, http.StatusBadRequest, "cannot read request body", err) //nolint:errcheck // the client is gone
			return
		}
		next(ctx)
	})
}

// AtMost is a body of which no more than most bytes are read: of a longer one reading
// fails with a *Problem, which ends with what else there is to say. length is what it
// is said to have, -1 if nobody did.
func AtMost(body io.ReadCloser, length, most int64, more string) io.ReadCloser {
	return &bounded{body, length > most, most, most, more}
}

type bounded struct {
	io.ReadCloser
	over       bool
	most, left int64
	more       string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.over {
		return 0, NewProblem(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the body is too long: expected at most %s%s", inWords(b.most), b.more))
	}
	if int64(len(p)) > b.left+1 { // one more shows that it is longer
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.over = true
		return b.Read(nil)
	}
	return n, err
}

func inWords(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
