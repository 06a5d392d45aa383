package server

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
)

func TestRequestsHaveNamesInAnswersAndLogs(t *testing.T) {
	var out bytes.Buffer
	inner := ""
	at := func(level slog.Level, status int) named {
		return named{log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})), now: time.Now,
			next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner = r.Header.Get(requestID)
				w.WriteHeader(status)
				io.WriteString(w, `{"detail":"it went wrong"}`)
			})}
	}
	ask := func(n named, id string) (answered string, logged map[string]any) {
		out.Reset()
		w, r := httptest.NewRecorder(), httptest.NewRequest("PUT", "/apis/bos/v2/options", nil)
		if id != "" {
			r.Header.Set(requestID, id)
		}
		n.ServeHTTP(w, r)
		json.Unmarshal(out.Bytes(), &logged) // nothing, if nothing is logged
		return w.Header().Get(requestID), logged
	}
	for _, c := range []struct {
		name, id string
		level    slog.Level
		status   int
		kept, in bool // the client's name is taken over; there is a line
	}{
		{"all is well", "", slog.LevelInfo, 200, false, false},
		{"all is well, for who debugs", "abc-1", slog.LevelDebug, 200, true, true},
		{"it failed", "abc-1", slog.LevelInfo, 500, true, true},
		{"nobody to ask", "abc-1", slog.LevelInfo, 503, true, false},
		{"a name with a line end", "abc\n1", slog.LevelInfo, 500, false, true},
		{"a long name", strings.Repeat("a", 129), slog.LevelInfo, 500, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered, line := ask(at(c.level, c.status), c.id)
			if answered == "" || answered != inner || (answered == c.id) != c.kept {
				t.Errorf("answered with %q, passed on with %q", answered, inner)
			}
			if (line != nil) != c.in {
				t.Fatalf("logged: %v", line)
			}
			if line == nil {
				return
			}
			problem := ""
			if c.status >= 500 {
				problem = `{"detail":"it went wrong"}`
			}
			if line["id"] != answered || line["path"] != "/apis/bos/v2/options" || line["status"] != float64(c.status) || line["problem"] != problem {
				t.Errorf("%v", line)
			}
		})
	}
}

// Who makes a request is known further in only, and told further out.
func TestTheLogTellsWhoAsked(t *testing.T) {
	var out bytes.Buffer
	site := auth.NewSite([]byte("secret of the test"))
	seen := ""
	n := named{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), now: time.Now,
		next: &auth.Gate{Rules: auth.NewRules(auth.Table), Sources: []auth.Source{site},
			Next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = auth.Of(r.Context()).Name })}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis/bos/v2/components", nil)
	r.Header.Set("Authorization", "Bearer "+site.Token())
	n.ServeHTTP(httptest.NewRecorder(), r)
	if seen == "" || !strings.Contains(out.String(), "who="+strconv.Quote(seen)) {
		t.Errorf("asked by %q, logged: %s", seen, out.String())
	}
}

// A defect is one request's error, told to the client and in the log, and the
// server goes on.
func TestAHandlerThatPanicsIsAnError(t *testing.T) {
	for path, want := range map[string]int{"/": http.StatusInternalServerError, "/late": 0} {
		var out bytes.Buffer
		n := named{log: slog.New(slog.NewJSONHandler(&out, nil)), now: time.Now, next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				io.WriteString(w, "half")
			}
			panic("out of order")
		})}
		server := httptest.NewServer(n)
		defer server.Close()
		resp, err := http.Get(server.URL + path)
		if want == 0 {
			if err == nil {
				if _, err = io.ReadAll(resp.Body); err == nil {
					t.Error("half an answer is taken for the whole")
				}
				resp.Body.Close()
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		server.Close() // what is logged has been
		if resp.StatusCode != want || !strings.Contains(string(body), resp.Header.Get(requestID)) || strings.Contains(string(body), "out of order") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if !strings.Contains(out.String(), "out of order") || !strings.Contains(out.String(), "requests_test.go") {
			t.Errorf("logged: %s", out.String())
		}
	}
}
