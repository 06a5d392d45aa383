package httpapi

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Who reads a value that was held gets the bytes that the network has.
func TestLocalHoldsValuesUntilTheyAreRead(t *testing.T) {
	mux := testAPI(t, nil)
	for name, asJSON := range map[string]string{"values": "", "JSON": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DROVER_LOCAL_JSON", asJSON)
			const body = `{"name":"<a>","sub":{"count":1}}`
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://drover/apis/test/v2/things/a", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := Local(mux).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if held := resp.Body.(*localBody).value != nil; held != (asJSON == "") {
				t.Errorf("held as a value: %t", held)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || string(text) != put(mux, body).Body.String() || len(text) == 0 {
				t.Errorf("read %q, %v", text, err)
			}
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
		})
	}
}
