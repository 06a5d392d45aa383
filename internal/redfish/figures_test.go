package redfish_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/metrics/tally"
	"github.com/drover-hpc/drover/internal/redfish"
)

func TestRequestsAreCountedByWhatTheyComeTo(t *testing.T) {
	status := http.StatusOK
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, `{"PowerState":"On"}`)
	}))
	gone := httptest.NewServer(card)
	gone.Close()
	d := redfish.New(2)
	d.PowerState(t.Context(), at, login, "/a")  //nolint:errcheck // it is counted
	d.Reset(t.Context(), at, login, "/a", "On") //nolint:errcheck // likewise
	status = http.StatusConflict
	d.Reset(t.Context(), at, login, "/a", "On")           //nolint:errcheck // likewise
	d.PowerState(t.Context(), address(gone), login, "/a") //nolint:errcheck // likewise
	got := map[string]int64{}
	for method, name := range tally.Methods {
		for outcome, word := range redfish.Outcomes {
			if n := d.Requests(method, outcome); n != 0 {
				got[name+" "+word] = n
			}
		}
	}
	if len(got) != 4 || got["GET ok"] != 1 || got["POST ok"] != 1 || got["POST refused"] != 1 || got["GET no answer"] != 1 {
		t.Errorf("%v", got)
	}
	if _, n, took := d.Took().Read(); n != 4 || took <= 0 {
		t.Errorf("%d took %v", n, took)
	}
	if used, kept := d.Connections(); used != 0 || kept != 1 {
		t.Errorf("%d connections are used and %d kept, want one that is kept", used, kept)
	}
}

func TestRequestsAreToldToWhoDebugs(t *testing.T) {
	var said bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	at := serve(t, card)
	for _, c := range []struct {
		level slog.Level
		want  string
	}{{slog.LevelInfo, ""}, {slog.LevelDebug, `msg="request to a BMC" bmc=` + at + ` method=GET path=/none status=404 `}} {
		said.Reset()
		slog.SetDefault(slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: c.level})))
		redfish.New(1).PowerState(t.Context(), at, login, "/none") //nolint:errcheck // it is told of
		if text := said.String(); !strings.Contains(text, c.want) || c.want == "" && text != "" {
			t.Errorf("%v: %q, want %q", c.level, text, c.want)
		}
	}
}
