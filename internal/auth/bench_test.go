package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// What the gate costs each request, by who makes it.
func BenchmarkGate(b *testing.B) {
	db, err := store.Open(b.Context(), storetest.SQLite(b), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	site, tokens := NewSite([]byte("secret of the benchmark")), NewTokens(db, time.Now)
	_, operator, err := tokens.Create(b.Context(), Token{Name: "b", Role: Operator}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	gate := &Gate{Rules: NewRules(Table), Sources: []Source{site, tokens}, Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		SpeaksFor: func(*http.Request, string) (*Identity, error) { return &Identity{Role: Node}, nil }}
	for name, c := range map[string]struct{ method, path, token string }{
		"administrator": {"GET", "/apis/bos/v2/components", site.Token()},
		"operator":      {"GET", "/apis/bos/v2/components", operator},
		"script":        {"GET", "/apis/bss/boot/v1/bootscript", ""},
		"report":        {"PATCH", "/apis/bos/v2/components/x1000c0s0b0n0", ""},
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(c.method, c.path, nil)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				gate.ServeHTTP(w, r)
			}
			if w.Code != http.StatusOK {
				b.Fatal(w.Code)
			}
		})
	}
}
