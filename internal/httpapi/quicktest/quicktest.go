// Package quicktest holds the quick way of an operation against its usual one.
package quicktest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// Case is a request. Quick tells whether it shall go the quick way.
type Case struct {
	Target, Body string
	Header       http.Header
	Quick        bool
}

// Same wants of each request that the handler gets the same input either way,
// or that it is refused in the same words. prepare is what the service does to
// its API first; options are for the comparison of inputs.
func Same[I, O any](t *testing.T, op huma.Operation, quick httpapi.Quick[I, O], prepare func(huma.API), cases []Case, options ...cmp.Option) {
	t.Helper()
	mux := http.NewServeMux()
	api := httpapi.New(mux, "/apis/test", "Test", "1")
	prepare(api)
	quickly, got := false, (*I)(nil)
	read := quick.Read
	quick.Read = func(r *http.Request, text []byte, in *I) bool {
		quickly = read(r, text, in)
		return quickly
	}
	httpapi.HandleQuick(api, op, quick,
		func(_ context.Context, in *I) (*O, error) {
			got = in
			return new(O), nil
		})
	send := func(c Case, media string) (*I, *httptest.ResponseRecorder) {
		quickly, got = false, nil
		r := httptest.NewRequest(op.Method, "/apis/test"+c.Target, strings.NewReader(c.Body))
		for name, values := range c.Header {
			r.Header[name] = values
		}
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return got, w
	}
	for _, c := range cases {
		in, answer := send(c, "application/json")
		if quickly != c.Quick {
			t.Errorf("%s %s went the quick way: %t", c.Target, c.Body, quickly)
		}
		usual, usualAnswer := send(c, "application/json; charset=utf-8")
		if quickly {
			t.Fatalf("%s: the usual way is quick", c.Target)
		}
		if diff := cmp.Diff(usual, in, options...); diff != "" {
			t.Errorf("%s %s: read otherwise\n%s", c.Target, c.Body, diff)
		}
		if answer.Code != usualAnswer.Code || answer.Body.String() != usualAnswer.Body.String() || !cmp.Equal(answer.Header(), usualAnswer.Header()) {
			t.Errorf("%s %s: %d %s, not %d %s", c.Target, c.Body, answer.Code, answer.Body, usualAnswer.Code, usualAnswer.Body)
		}
	}
}
