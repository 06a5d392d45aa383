package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
)

// What asking who calls costs a request: the same ones, in turns, with and without
// being asked, in one process and without a network. Nothing is waited for, so that the
// time is the processor's.
func BenchmarkWhoAsks(b *testing.B) {
	a, operator := newAsking(b)
	for _, c := range []struct{ name, method, path, body, token string }{
		{"list", http.MethodGet, bosPrefix + "/v2/components", "", operator},
		{"describe", http.MethodGet, bosPrefix + "/v2/components/x1000c0s0b0n0", "", operator},
		{"patch", http.MethodPatch, bosPrefix + "/v2/components", `[{"id":"x1000c0s0b0n0","error":"patched"}]`, operator},
		{"script", http.MethodGet, bssPrefix + "/boot/v1/bootscript?mac=02:00:00:00:00:01", "", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			var more, without []time.Duration
			for b.Loop() {
				open := a.timed(b, a.open, c.method, c.path, c.body, "")
				without, more = append(without, open), append(more, a.timed(b, a.closed, c.method, c.path, c.body, c.token)-open)
			}
			b.ReportMetric(float64(middleOf(without).Nanoseconds()), "ns-without")
			b.ReportMetric(float64(middleOf(more).Nanoseconds()), "ns-more")
		})
	}
}

// asking is a server with 1,000 components and a node's boot parameters.
type asking struct {
	url          string
	open, closed http.Handler // which ask nobody, and everybody, for a token
}

// newAsking returns an operator's token with it.
func newAsking(b *testing.B) (a asking, operator string) {
	b.Helper()
	b.Setenv("HOME", b.TempDir())
	c := testConfig(b)
	c.Auth = authToken
	s, err := Start(b.Context(), c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	inner := newBodies(s.config.Limits.bulkBody(), s.mux)
	a = asking{url: s.URL(), closed: httpapi.DotNames(s.gate(inner))}
	s.config.Auth = authNone
	a.open = httpapi.DotNames(s.open(inner))
	list := make([]map[string]any, 1000)
	for i := range list {
		list[i] = map[string]any{"id": fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8), "enabled": false}
	}
	text, err := json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	a.ask(b, a.open, http.MethodPut, bosPrefix+"/v2/components", string(text), "")
	a.ask(b, a.open, http.MethodPut, bssPrefix+"/boot/v1/bootparameters",
		`{"macs":["02:00:00:00:00:01"],"kernel":"http://10.1.1.1/kernel","initrd":"http://10.1.1.1/initrd","params":"quiet"}`, "")
	var made struct {
		Token string `json:"token"`
	}
	answer := a.ask(b, a.closed, http.MethodPost, nativePrefix+"/v1/tokens", `{"name":"bench","role":"operator"}`, s.site.Load().Token())
	if err := json.Unmarshal(answer.Body.Bytes(), &made); err != nil {
		b.Fatal(err)
	}
	return a, made.Token
}

// timed is the time of one request.
func (a asking) timed(b *testing.B, to http.Handler, method, path, body, token string) time.Duration {
	begun := time.Now()
	a.ask(b, to, method, path, body, token)
	return time.Since(begun)
}

func (a asking) ask(b *testing.B, to http.Handler, method, path, body, token string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, a.url+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1024"
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	if w.Code >= http.StatusMultipleChoices {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w
}

func middleOf(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
