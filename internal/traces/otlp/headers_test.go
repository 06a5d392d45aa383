package otlp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/traces/otlp"
)

// What a collector asks for is read anew for each request, and shown to nobody else.
func TestHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	keep := func(text string) { must(t, os.WriteFile(file, []byte(text), 0o600)) }
	var got http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent on with %v", r.Header) }))
	defer elsewhere.Close()
	moved := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		if moved {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	c := client(server.URL, http.DefaultTransport)
	c.Headers = func() (http.Header, error) { return otlp.Headers(file) }
	keep("# of the site\nAuthorization: Basic b25lOnR3bw==\n\nx-scope-orgid: hpc\n")
	must(t, c.Send(t.Context(), spans()))
	if got.Get("Authorization") != "Basic b25lOnR3bw==" || got.Get("X-Scope-OrgID") != "hpc" {
		t.Errorf("%v", got)
	}
	keep("Authorization: Bearer next\n")
	must(t, c.Send(t.Context(), spans()))
	if got.Get("Authorization") != "Bearer next" {
		t.Errorf("%v", got)
	}
	moved = true
	if err := c.Send(t.Context(), spans()); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("a collector that moved: %v", err)
	}
	for _, bad := range []string{"secret", "secret:", "two words: secret", "ok: yes\na: b\rc: secret"} {
		keep(bad)
		err := c.Send(t.Context(), spans())
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("line %d is no header", 1+strings.Count(bad, "\n"))) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
