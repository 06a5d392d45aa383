package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/fault"
)

type thing struct {
	Name string `json:"name" maxLength:"5"`
	Sub  struct {
		Count int `json:"count" minimum:"1"`
	} `json:"sub"`
}

type thingInput struct {
	ID   string `path:"id"`
	Body thing
}

type thingOutput struct{ Body thing }

func testAPI(t *testing.T, answer error) *http.ServeMux {
	t.Helper()
	mux := http.NewServeMux()
	api := New(mux, "/apis/test", "Test", "1")
	Handle(api, huma.Operation{OperationID: "put", Method: http.MethodPut, Path: "/v2/things/{id}"},
		func(_ context.Context, in *thingInput) (*thingOutput, error) {
			return &thingOutput{Body: in.Body}, answer
		})
	return mux
}

func put(mux http.Handler, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPut, "/apis/test/v2/things/a", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	mux.ServeHTTP(w, r)
	return w
}

func TestBadInputIsA400ThatNamesTheField(t *testing.T) {
	for body, want := range map[string]string{
		`{"name":"toolong","sub":{"count":1}}`:     "expected length <= 5 - 'name'",
		`{"name":"a","sub":{"count":0}}`:           "expected number >= 1 - 'sub.count'",
		`{"name":"a","sub":{"count":1},"extra":1}`: "unexpected property - 'extra'",
		`{"name":"a"}`: "expected required property sub to be present",
	} {
		w := put(testAPI(t, nil), body)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"type": "about:blank", "title": "Bad Request", "status": 400.0, "detail": want}, got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
		if ct := w.Header().Get("Content-Type"); w.Code != 400 || ct != ProblemType {
			t.Errorf("%s: %d %s", body, w.Code, ct)
		}
	}
	if w := put(testAPI(t, nil), `{"name":`); w.Code != 400 {
		t.Errorf("broken JSON gave %d", w.Code)
	}
	if w := put(testAPI(t, nil), `{"name":"a","sub":{"count":1}}`); w.Code != 200 || w.Body.String() != "{\"name\":\"a\",\"sub\":{\"count\":1}}\n" {
		t.Errorf("good body gave %d %s", w.Code, w.Body)
	}
}

func TestErrorsMapByKind(t *testing.T) {
	for want, err := range map[string]error{
		"404 Not Found: find: no x":     fmt.Errorf("find: %w", fault.New(fault.NotFound, "no x")),
		"409 Conflicting name: x is":    fault.Titled(fault.Conflict, "Conflicting name", "x is"),
		"503 Service Unavailable: down": fault.New(fault.Unavailable, "down"),
		"403 Forbidden: no":             fault.New(fault.Forbidden, "no"),
		"500 Internal Server Error: eh": errors.New("eh"),
		"418 Tea: pot":                  NewProblem(418, "Tea", "pot"),
	} {
		w := put(testAPI(t, err), `{"name":"a","sub":{"count":1}}`)
		var p Problem
		json.Unmarshal(w.Body.Bytes(), &p)
		got := fmt.Sprintf("%d %s: %s", w.Code, p.Title, p.Detail)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Local and the network must not differ for a client.
func TestClientThroughLocalAndNetwork(t *testing.T) {
	mux := testAPI(t, nil)
	server := httptest.NewServer(mux)
	defer server.Close()
	asText := local{handler: mux, text: true}
	for name, c := range map[string]*Client{
		"local":         NewClient("Test", "http://drover/apis/test", Local(mux)),
		"local as JSON": NewClient("Test", "http://drover/apis/test", asText),
		"network":       NewClient("Test", server.URL+"/apis/test", nil),
	} {
		c.Retries = 0
		t.Run(name, func(t *testing.T) {
			in := thing{Name: "a"}
			in.Sub.Count = 3
			var out thing
			if _, err := c.Do(t.Context(), http.MethodPut, "/v2/things/a", nil, in, &out); err != nil || out != in {
				t.Errorf("got %+v, %v", out, err)
			}
			in.Sub.Count = 0
			_, err := c.Do(t.Context(), http.MethodPut, "/v2/things/a", nil, in, &out)
			if !IsStatus(err, 400) || !strings.Contains(err.Error(), "sub.count") {
				t.Errorf("bad input gave %v", err)
			}
			_, err = c.Do(t.Context(), http.MethodGet, "/nowhere", nil, nil, nil)
			if !IsStatus(err, 404) {
				t.Errorf("unknown path gave %v", err)
			}
		})
	}
}

func TestClientRetries(t *testing.T) {
	for _, c := range []struct {
		method  string
		answers []int // 0 is no answer at all
		repeats bool
		tries   int32
		ok      bool
	}{
		{"GET", []int{503, 500, 200}, false, 3, true},
		{"GET", []int{404}, false, 1, false},
		{"POST", []int{503, 200}, false, 1, false},
		{"POST", []int{503, 502, 504, 200}, true, 4, true},
		{"PATCH", []int{503, 500, 200}, true, 2, false},
		{"PATCH", []int{0, 0, 200}, false, 3, true},
		{"PUT", []int{502, 502, 502, 502, 200}, false, 4, false},
	} {
		var tries atomic.Int32
		client := NewClient("Test", "http://x", roundTrip(func(r *http.Request) (*http.Response, error) {
			status := c.answers[tries.Add(1)-1]
			if status == 0 {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(`{}`)), Request: r}, nil
		}))
		client.Retries, client.Backoff, client.Repeats = 3, time.Microsecond, c.repeats
		_, err := client.Do(t.Context(), c.method, "/", nil, nil, nil)
		if (err == nil) != c.ok || tries.Load() != c.tries {
			t.Errorf("%s %v: %d tries, %v; want %d", c.method, c.answers, tries.Load(), err, c.tries)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestMerge(t *testing.T) {
	parse := func(s string) (m map[string]any) {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	got := Merge(parse(`{"a":{"b":1,"c":2},"l":[1,2],"n":null}`), parse(`{"a":{"b":null,"d":{"e":1}},"l":[3],"n":{"x":1}}`))
	if diff := cmp.Diff(parse(`{"a":{"b":null,"c":2,"d":{"e":1}},"l":[3],"n":{"x":1}}`), got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoGivesUpIsNotToldOfAnInternalError(t *testing.T) {
	for _, err := range []error{context.Canceled, fmt.Errorf("read the components: %w", context.DeadlineExceeded)} {
		if p := AsProblem(err); p.Status != http.StatusServiceUnavailable || p.Detail != err.Error() {
			t.Errorf("%v became %d %q", err, p.Status, p.Detail)
		}
	}
}
