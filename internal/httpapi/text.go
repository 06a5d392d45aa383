package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// expectedText is what paths, queries and bodies have to be.
const expectedText = "expected UTF-8 without zero bytes"

// refuseNoText has operations answer 400 where the path or the query is not
// UTF-8 or has a zero byte: nothing can have such a name, and not every
// database can even look for it. Bodies: see boundBodies.
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
			detail := &huma.ErrorDetail{Message: expectedText, Location: wrong}
			huma.WriteErr(api, ctx, http.StatusBadRequest, "", detail) //nolint:errcheck // the client is gone
			return
		}
		next(ctx)
	})
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// text is a body whose reading fails with a *Problem where it is not UTF-8, or has
// a zero byte, be it as JSON writes it.
type text struct {
	io.ReadCloser
	cut    []byte // the beginning of a character, whose rest is still to come
	escape int    // how much of "\u0000" was read
}

func (t *text) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	switch {
	case !t.valid(p[:n], err == io.EOF):
		return 0, NewProblem(http.StatusBadRequest, "", "the body is no text: "+expectedText)
	case t.zero(p[:n]):
		return 0, NewProblem(http.StatusBadRequest, "", `the body has a zero byte, as such or as \u0000: `+expectedText)
	}
	return n, err
}

// valid tells whether what comes next is UTF-8 so far, and at the end all of it.
func (t *text) valid(p []byte, end bool) bool {
	for len(t.cut) > 0 && len(p) > 0 && !utf8.FullRune(t.cut) {
		t.cut, p = append(t.cut, p[0]), p[1:]
	}
	if utf8.FullRune(t.cut) {
		if !utf8.Valid(t.cut) {
			return false
		}
		t.cut = nil
	}
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ {
		if last := p[len(p)-back:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				t.cut, p = bytes.Clone(last), p[:len(p)-back]
			}
			break
		}
	}
	return utf8.Valid(p) && !(end && len(t.cut) > 0)
}

// zero tells whether there is a zero byte in what comes next.
func (t *text) zero(p []byte) bool {
	const escaped = `\u0000`
	if bytes.IndexByte(p, 0) >= 0 {
		return true
	}
	for len(p) > 0 {
		if t.escape == 0 {
			at := bytes.IndexByte(p, '\\')
			if at < 0 {
				return false
			}
			t.escape, p = 1, p[at+1:]
			continue
		}
		first := t.escape == 1
		if p[0] == escaped[t.escape] {
			t.escape++
		} else {
			t.escape = 0
		}
		if t.escape == len(escaped) {
			return true
		}
		if t.escape > 0 || first { // what follows a backslash begins nothing
			p = p[1:]
		}
	}
	return false
}
