package server

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
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
