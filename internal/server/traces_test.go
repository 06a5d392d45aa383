package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/doctor"
)

// A collector that is away shows where an administrator looks, and has what it asks for.
func TestCollectorThatIsAwayIsTold(t *testing.T) {
	asked := make(chan http.Header, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header
		http.Error(w, "the disk is full", http.StatusServiceUnavailable)
	}))
	defer collector.Close()
	c := testConfig(t)
	headers := filepath.Join(t.TempDir(), "headers")
	must(t, os.WriteFile(headers, []byte("X-Scope-OrgID: hpc\n"), 0o600))
	c.Traces = Traces{Endpoint: collector.URL, Headers: headers, Nodes: 1}
	s, err := Start(t.Context(), c, Options{})
	must(t, err)
	defer s.Stop()
	if status, words, _ := s.checkCollector(t.Context()); status != doctor.OK || !strings.HasPrefix(words, "0 sessions") {
		t.Errorf("at first: %s, %s", status, words)
	}
	end := time.Now().Add(-time.Minute)
	must(t, s.bos.StartSession(t.Context(), bos.Session{Name: "morning", Operation: bos.OperationBoot, Status: bos.SessionStatus{Status: bos.SessionComplete, StartTime: end, EndTime: end}}))
	select {
	case h := <-asked:
		if h.Get("X-Scope-OrgID") != "hpc" {
			t.Errorf("it is asked with %v", h)
		}
	case <-time.After(time.Minute):
		t.Fatal("it is not asked")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.traces.Trouble() == nil && ctx.Err() == nil { // the answer is on its way
		<-tick.C
	}
	status, words, advice := s.asks()[4].Check(t.Context())
	if status != doctor.Warning || !strings.Contains(words, "503 Service Unavailable: the disk is full") || !strings.Contains(words, "wait to be told of: 1") || !strings.Contains(advice, "--traces-endpoint") {
		t.Errorf("%s, %s, %s", status, words, advice)
	}
}
