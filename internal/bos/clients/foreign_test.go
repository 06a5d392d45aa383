package clients_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/drover-hpc/drover/internal/bos/clients"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Releases of the published HSM before 2.45 answer 400 when no component is
// locked as asked; that is no reason for a session to fail. Any other 400 is.
func TestAForeignHSMThatHasNoLockedNode(t *testing.T) {
	const problem = `{"type":"about:blank","title":"Bad Request","status":400,"detail":"`
	for detail, none := range map[string]bool{"Component not found": true, "bad query param: Argument was not a valid HMS Type": false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/locks/status" {
				t.Errorf("%s is asked", r.URL)
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, problem+detail+`"}`)
		}))
		locked, err := clients.Inventory(hsm.NewClient(httpapi.NewClient("HSM", s.URL, nil))).Locked(t.Context())
		if (err == nil) != none || len(locked) != 0 {
			t.Errorf("%s: %v, %v", detail, locked, err)
		}
		s.Close()
	}
}
