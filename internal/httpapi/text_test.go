package httpapi

import (
	"context"
	"encoding/json"
	"io"
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

func TestBodiesThatAreNoTextAreRefused(t *testing.T) {
	mux := http.NewServeMux()
	type note struct {
		Body struct {
			Text string `json:"text"`
		}
	}
	Handle(New(mux, "/apis/test", "Test", "1"), huma.Operation{OperationID: "put", Method: http.MethodPut, Path: "/note"},
		func(_ context.Context, in *note) (*note, error) { return in, nil })
	for body, want := range map[string]string{
		`{"text":"é, 🐄, \\u0000 and \u00e9"}`: "",
		`{"text":"a\u0000"}`:                  "the body has a zero byte",
		"{\"text\":\"a\x00\"}":                "the body has a zero byte",
		"{\"text\":\"a\xff\"}":                "the body is no text",
		"{\"text\":\"\xc3":                    "the body is no text",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPut, "/apis/test/note", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
		if want == "" && w.Code != http.StatusOK || want != "" && (w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want)) {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
}

// Wherever a body is cut into pieces, what is found is the same.
func TestTextIsCheckedAcrossPieces(t *testing.T) {
	for body, fine := range map[string]bool{
		`"é\\u0000🐄"`:          true,
		`"\\\u0000"`:           false,
		`"\u000a\u0001"`:       true,
		"\"\xf0\x9f\x90\"":     false,
		"\"\xf0\x9f\x90\x84\"": true,
		"\xc3":                 false,
	} {
		var decoded string
		if err := json.Unmarshal([]byte(body), &decoded); fine && err != nil {
			t.Fatal(err)
		}
		for first := range len(body) {
			for second := first; second < len(body); second++ {
				pieces := io.MultiReader(strings.NewReader(body[:first]), strings.NewReader(body[first:second]), strings.NewReader(body[second:]))
				if _, err := io.ReadAll(&text{ReadCloser: io.NopCloser(pieces)}); (err == nil) != fine {
					t.Fatalf("%q cut at %d and %d: %v", body, first, second, err)
				}
			}
		}
	}
}
