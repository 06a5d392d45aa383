package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// One database would take such a name, another not: no door does.
func TestAddressesThatAreNoTextAreRefused(t *testing.T) {
	mux := http.NewServeMux()
	type named struct {
		ID   string `path:"id"`
		Like string `query:"like"`
	}
	Handle(New(mux, "/apis/test", "Test", "1"), huma.Operation{OperationID: "get", Method: http.MethodGet, Path: "/things/{id}"},
		func(context.Context, *named) (*struct{}, error) { return nil, nil })
	for target, want := range map[string]string{
		"/things/a":                          "",
		"/things/%C3%A9?like=%F0%9F%90%84+b": "",
		"/things/a%00":                       "'path'",
		"/things/a%FF":                       "'path'",
		"/things/a?like=%00":                 "'query'",
		"/things/a?like=%C3":                 "'query'",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/apis/test"+target, nil))
		if want == "" && w.Code != http.StatusNoContent {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if want != "" && (w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want)) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}
