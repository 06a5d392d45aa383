package e2e

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	service "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/drover-hpc/drover/internal/sim"
)

// collector is told of spans. At first it is not well.
func collector(t *testing.T) (url string, told <-chan []*trace.Span) {
	spans := make(chan []*trace.Span, 100)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		var said service.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &said) != nil {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		spans <- said.ResourceSpans[0].ScopeSpans[0].Spans
	}))
	t.Cleanup(server.Close)
	return server.URL, spans
}

// below are the names of the spans below one, by their start.
func below(spans []*trace.Span, parent *trace.Span) (names []string) {
	for _, s := range spans {
		if string(s.ParentSpanId) == string(parent.SpanId) {
			names = append(names, s.Name)
		}
	}
	return names
}

// A boot is told to a collector of traces: session, nodes, phases, calls of PCS and the
// session of CFS that configured, with the times at which they were.
func TestTraceOfABoot(t *testing.T) {
	t.Parallel()
	url, told := collector(t)
	c := newCluster(t, 2, "--traces-endpoint", url)
	fine, refused := c.fleet.Nodes()[0], c.fleet.Nodes()[1]
	const words = "Insufficient power budget in chassis 0"
	refused.SetFaults(sim.Faults{RefusePowerOn: words})
	c.drover("bos", "v2", "options", "update", "--default-retry-policy", "1")
	c.configure("site", motd("done"))
	c.template("one", "site")
	before := time.Now()
	session := c.session("one", "boot")
	c.finish(session)
	after := time.Now()

	var spans []*trace.Span
	select {
	case spans = <-told:
	case <-time.After(patience):
		t.Fatal("nobody tells of it")
	}
	by := map[string]*trace.Span{}
	token := c.component(fine.Xname())["desired_state"].(map[string]any)["bss_token"].(string)
	for _, s := range spans {
		by[s.Name] = s
		if strings.Contains(s.String(), token) {
			t.Errorf("the token of a boot is told: %s", s)
		}
		for _, at := range []uint64{s.StartTimeUnixNano, s.EndTimeUnixNano} {
			if at := time.Unix(0, int64(at)); at.Before(before) || at.After(after) || s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("%s is said to have been at %s; the session was from %s to %s", s.Name, at, before, after)
			}
		}
	}
	root := spans[0]
	if said := root.String(); !strings.Contains(said, session) || !strings.Contains(said, "1 of 2 nodes failed") {
		t.Errorf("the session's span is %s", said)
	}
	want := map[*trace.Span]string{
		root:                fine.Xname() + " " + refused.Xname(),
		by[fine.Xname()]:    "power-on boot configuration",
		by[refused.Xname()]: "power-on",
		by["configuration"]: "CFS session",
	}
	for span, names := range want {
		if got := strings.Join(below(spans, span), " "); got != names {
			t.Errorf("below %v there are %q, not %q", span.GetName(), got, names)
		}
	}
	if said := by[refused.Xname()].GetStatus(); said.GetCode() != trace.Status_STATUS_CODE_ERROR || !strings.Contains(said.GetMessage(), words) {
		t.Errorf("the status of the node that was refused is %v", said)
	}
	for _, s := range spans {
		if s.Name == "boot" && s != root {
			events := ""
			for _, e := range s.Events {
				events += e.Name + " "
			}
			if !strings.Contains(events, "boot-script") {
				t.Errorf("in the node's boot there were %s", events)
			}
		}
	}
}
