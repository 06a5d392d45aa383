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

type limited struct {
	Age  string `query:"age" format:"age"`
	Body struct {
		Layers []struct {
			Commit *string `json:"commit,omitempty" format:"commit"`
		} `json:"layers,omitempty"`
		Tries int    `json:"tries,omitempty" format:"tries"`
		Name  string `json:"name,omitempty" minLength:"2" format:"short"`
		Other string `json:"other,omitempty" format:"uuid"`
		Tags  map[string]struct {
			Value string `json:"value" format:"short"`
		} `json:"tags,omitempty"`
	}
}

func limitedAPI() (*http.ServeMux, huma.API) {
	mux := http.NewServeMux()
	api := New(mux, "/l", "Limited", "1")
	Bound(api, Limits{"age": {Pattern: "^[0-9]+[hd]$", Max: 4}, "commit": {Pattern: "^[a-f0-9]{4}$", Means: "four digits"}, "tries": {Min: 1, Max: 3}, "short": {Max: 5}})
	Handle(api, huma.Operation{OperationID: "x", Method: http.MethodPost, Path: "/x", DefaultStatus: 204},
		func(context.Context, *limited) (*struct{}, error) { return nil, nil })
	return mux, api
}

func TestNamedLimitsBoundWhatIsSent(t *testing.T) {
	mux, _ := limitedAPI()
	for _, c := range []struct{ query, body, wrong string }{
		{"age=12h", `{"layers":[{"commit":"abcd"}],"tries":3,"name":"abcde","tags":{"a":{"value":"12345"}},"other":"123e4567-e89b-12d3-a456-426614174000"}`, ""},
		{"age=12", `{}`, "age"},
		{"age=1234h", `{}`, "age"},
		{"", `{"layers":[{"commit":"abcg"}]}`, "expected string to be four digits - 'layers[0].commit'"},
		{"", `{"tries":0}`, "tries"},
		{"", `{"tries":4}`, "tries"},
		{"", `{"name":"a"}`, "name"},
		{"", `{"name":"abcdef"}`, "name"},
		{"", `{"tags":{"a":{"value":"123456"}}}`, "value"},
		{"", `{"other":"no"}`, "other"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/l/x?"+c.query, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
		if refused := w.Code != http.StatusNoContent; refused != (c.wrong != "") || !strings.Contains(w.Body.String(), c.wrong) {
			t.Errorf("?%s %s: %d %s, want a refusal of %q", c.query, c.body, w.Code, w.Body, c.wrong)
		}
	}
}

func TestNamedLimitsAreDescribedByWhatTheyMean(t *testing.T) {
	_, api := limitedAPI()
	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]bool{
		`{"maxLength":4,"pattern":"^[0-9]+[hd]$","type":"string"}`:                                true,
		`"commit":{"pattern":"^[a-f0-9]{4}$","patternDescription":"four digits","type":"string"}`: true,
		`"tries":{"format":"int64","maximum":3,"minimum":1,"type":"integer"}`:                     true,
		`"name":{"maxLength":5,"minLength":2,"type":"string"}`:                                    true,
		`"format":"uuid"`:   true,
		`"format":"age"`:    false,
		`"format":"commit"`: false,
		`"format":"short"`:  false,
		`"format":"tries"`:  false,
	} {
		if strings.Contains(string(text), part) != want {
			t.Errorf("says %s: %t\n%s", part, !want, text)
		}
	}
}
