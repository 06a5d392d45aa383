package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

type crateInput struct {
	ID   string `path:"id" doc:"Its number"`
	Size int    `query:"size" enum:"1,2" doc:"How <large> it is"`
	Body struct {
		Apples []apple `json:"apples"`
	}
}

type apple struct {
	Color string `json:"color" doc:"What it looks like"`
}

// The page of an interface needs no other host, and has each operation and field.
func TestThePageOfAnInterfaceIsWholeWithoutTheInternet(t *testing.T) {
	mux := http.NewServeMux()
	api := New(mux, "/apis/fruit", "Fruit", "1")
	Handle(api, huma.Operation{OperationID: "put-crate", Method: http.MethodPut, Path: "/crates/{id}", Tags: []string{"crates"}, Summary: "Fill a crate"},
		func(context.Context, *crateInput) (*struct{ Body apple }, error) {
			return nil, nil
		})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/apis/fruit/docs", nil))
	text := w.Body.String()
	for _, want := range []string{"<b>PUT</b>", "/apis/fruit/crates/{id}", "Fill a crate", "Its number", "How &lt;large&gt; it is One of <code>1</code>", "What it looks like", `href="#schema-Apple"`, `id="schema-Apple"`, "/apis/fruit/openapi.json"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w.Code != 200 || t.Failed() || strings.Contains(text, "<script") || !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; img-src 'self'; base-uri") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), text)
	}
	for _, m := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "#") && (!strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//")) {
			t.Errorf("the page leads to %s", m[1])
		}
	}
}
