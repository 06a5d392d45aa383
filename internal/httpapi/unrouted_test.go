package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// rawInput is what its handler decodes.
type rawInput struct{ RawJSON }

func rootAPI(t *testing.T) (*http.ServeMux, huma.API) {
	t.Helper()
	mux := http.NewServeMux()
	api := New(mux, "/apis/test", "Test", "1")
	Handle(api, huma.Operation{OperationID: "root", Method: http.MethodGet, Path: "/"},
		func(context.Context, *struct{}) (*struct{ Body string }, error) {
			return &struct{ Body string }{"root"}, nil
		})
	Handle(api, huma.Operation{OperationID: "get", Method: http.MethodGet, Path: "/v2/things"},
		func(context.Context, *struct{}) (*struct{ Body string }, error) {
			return &struct{ Body string }{"things"}, nil
		})
	Handle(api, huma.Operation{OperationID: "raw", Method: http.MethodPatch, Path: "/v2/things", SkipValidateBody: true},
		func(context.Context, *rawInput) (*struct{}, error) { return nil, nil })
	return mux, api
}

func TestWhatNothingServesIsAProblem(t *testing.T) {
	mux, api := rootAPI(t)
	if api.OpenAPI().Paths["/"] == nil || len(api.OpenAPI().Paths) != 2 {
		t.Errorf("documented paths: %v", api.OpenAPI().Paths)
	}
	for _, c := range []struct {
		method, path, header, value string
		status                      int
	}{
		{"GET", "/", "", "", 200},
		{"GET", "/nothing", "", "", 404},
		{"GET", "/v2/things/nothing", "", "", 404},
		{"DELETE", "/v2/things", "Allow", "GET,PATCH", 405},
		{"GET", "/v2/things/", "Location", "/apis/test/v2/things", 308},
		{"GET", "/nothing/", "", "", 404},
		{"PATCH", "/v2/things/", "Location", "/apis/test/v2/things", 308},
		{"DELETE", "/v2/things/", "", "", 404}, // one thing whose name is missing, not all of them
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(c.method, "/apis/test"+c.path, nil))
		if w.Code != c.status || w.Header().Get(c.header) != c.value {
			t.Errorf("%s %s: %d %v", c.method, c.path, w.Code, w.Header())
		}
		var p Problem
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != c.status || w.Header().Get("Content-Type") != ProblemType) {
			t.Errorf("%s %s is no problem: %s", c.method, c.path, w.Body)
		}
	}
}

func TestRawBodiesAreJSON(t *testing.T) {
	mux, _ := rootAPI(t)
	for media, want := range map[string]int{
		"": 204, "application/json": 204, "application/json; charset=utf-8": 204, "application/merge-patch+json": 204,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, ";": 415,
	} {
		r := httptest.NewRequest(http.MethodPatch, "/apis/test/v2/things", strings.NewReader("[]"))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != want || want == 415 && !strings.Contains(w.Body.String(), `"title":"Unsupported Media Type"`) {
			t.Errorf("%q: %d %s", media, w.Code, w.Body)
		}
	}
}
