package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// What a client sent of a wrong type is told in its words, not in those of the
// program, whether the schema is looked at or not.
func TestValuesOfAWrongTypeAreNamedAsJSONNamesThem(t *testing.T) {
	mux := http.NewServeMux()
	type body struct {
		Watts  int               `json:"watts,omitempty"`
		Share  float64           `json:"share,omitempty"`
		Labels map[string]string `json:"labels,omitempty"`
		Parts  []struct {
			On   *bool  `json:"on,omitempty"`
			Name string `json:"name,omitempty"`
		} `json:"parts,omitempty"`
	}
	for _, path := range []string{"/checked", "/unchecked"} {
		Handle(New(mux, "/apis"+path, "Test", "1"), huma.Operation{OperationID: "put", Method: http.MethodPut, Path: "/it", SkipValidateBody: path == "/unchecked"},
			func(context.Context, *struct{ Body body }) (*struct{}, error) { return nil, nil })
	}
	for _, c := range []struct{ path, sent, want string }{
		{"/checked", `{"watts": 99999999999999999999}`, "expected integer, not number 99999999999999999999 - 'watts'"},
		{"/unchecked", `{"watts": 1.5}`, "expected integer, not number 1.5 - 'watts'"},
		{"/unchecked", `{"share": "half"}`, "expected number, not string - 'share'"},
		{"/unchecked", `{"labels": 5}`, "expected object, not number - 'labels'"},
		{"/unchecked", `{"parts": {}}`, "expected array, not object - 'parts'"},
		{"/unchecked", `{"parts": [{"on": 1}]}`, "expected boolean, not number - 'parts.on'"},
		{"/unchecked", `{"parts": [{"name": false}]}`, "expected string, not boolean - 'parts.name'"},
		{"/unchecked", `[]`, "expected object, not array"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPut, "/apis"+c.path+"/it", strings.NewReader(c.sent))
		r.Header.Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"detail":"`+c.want+`"`) {
			t.Errorf("%s %s: %d %s, expected %s", c.path, c.sent, w.Code, w.Body, c.want)
		}
	}
}
