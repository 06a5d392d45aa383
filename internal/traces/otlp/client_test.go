package otlp_test

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	service "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/traces"
	"github.com/drover-hpc/drover/internal/traces/otlp"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// collector takes what OTLP sends, and answers so.
type collector struct {
	t      *testing.T
	status int
	answer []byte
	got    service.ExportTraceServiceRequest
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("User-Agent") != "drover/1.2" {
		c.t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	z, err := gzip.NewReader(r.Body)
	must(c.t, err)
	body, err := io.ReadAll(z)
	must(c.t, err)
	must(c.t, proto.Unmarshal(body, &c.got))
	w.WriteHeader(c.status)
	w.Write(c.answer) //nolint:errcheck // the test sees it
}

func client(url string, transport http.RoundTripper) *otlp.Client {
	return &otlp.Client{URL: otlp.At(url), Transport: transport, Version: "1.2"}
}

func spans() []traces.Span {
	start := time.Unix(1_700_000_000, 5).UTC()
	root := traces.Span{Trace: traces.TraceID{1, 2, 15: 3}, ID: traces.SpanID{4, 7: 5}, Name: "boot", Start: start, End: start.Add(time.Second), Failed: true, Error: "1 of 2 nodes failed",
		Attributes: []traces.Attribute{{Key: "words", Value: "some"}, {Key: "nodes", Value: 2}, {Key: "staged", Value: true}}}
	node := traces.Span{Trace: root.Trace, ID: traces.SpanID{6}, Parent: root.ID, Name: "x1000c0s0b0n0", Start: start, End: start,
		Events: []traces.Event{{Name: "status", Time: start.Add(3), Attributes: []traces.Attribute{{Key: "message", Value: "on"}}}}}
	return []traces.Span{root, node}
}

// said is a span in a line.
func said(s *trace.Span) string {
	out := fmt.Sprintf("%s %s<%s %s %d-%d %v", hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), s.Name, s.StartTimeUnixNano, s.EndTimeUnixNano, s.Kind)
	for _, a := range s.Attributes {
		out += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	if s.Status != nil {
		out += fmt.Sprintf(" %v %s", s.Status.Code, s.Status.Message)
	}
	for _, e := range s.Events {
		out += fmt.Sprintf(" (%d %s %s=%v)", e.TimeUnixNano, e.Name, e.Attributes[0].Key, e.Attributes[0].Value)
	}
	return strings.Join(strings.Fields(out), " ") // protobuf's text varies in its spaces
}

func TestSpansOnTheWire(t *testing.T) {
	c := &collector{t: t, status: http.StatusOK}
	server := httptest.NewServer(c)
	defer server.Close()
	must(t, client(server.URL, http.DefaultTransport).Send(t.Context(), spans()))
	of := c.got.ResourceSpans[0]
	if r := of.Resource.Attributes; r[0].Key != "service.name" || r[0].Value.GetStringValue() != "drover" || r[1].Value.GetStringValue() != "1.2" {
		t.Errorf("the resource is %v", r)
	}
	want := []string{
		`01020000000000000000000000000003 0400000000000005< boot 1700000000000000005-1700000001000000005 SPAN_KIND_INTERNAL words=string_value:"some" nodes=int_value:2 staged=bool_value:true STATUS_CODE_ERROR 1 of 2 nodes failed`,
		`01020000000000000000000000000003 0600000000000000<0400000000000005 x1000c0s0b0n0 1700000000000000005-1700000000000000006 SPAN_KIND_INTERNAL (1700000000000000008 status message=string_value:"on")`,
	}
	for i, s := range of.ScopeSpans[0].Spans {
		if got := said(s); got != want[i] {
			t.Errorf("\n%s, expected\n%s", got, want[i])
		}
	}
}

func TestAnswersOfCollectors(t *testing.T) {
	partly, err := proto.Marshal(&service.ExportTraceServiceResponse{PartialSuccess: &service.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "span too old"}})
	must(t, err)
	for _, c := range []struct {
		status       int
		answer       []byte
		never, fails bool
		says         string
	}{
		{200, nil, false, false, ""},
		{202, []byte("{}"), false, false, ""},
		{200, partly, true, true, "rejected 3 spans: span too old"},
		{400, []byte("bad\x00\nrequest"), true, true, "400 Bad Request: bad  request"},
		{413, nil, true, true, "413"},
		{401, []byte("no org id"), false, true, "401 Unauthorized: no org id"},
		{404, nil, false, true, "404"},
		{429, nil, false, true, "429"},
		{503, nil, false, true, "503"},
	} {
		server := httptest.NewServer(&collector{t: t, status: c.status, answer: c.answer})
		err := client(server.URL, http.DefaultTransport).Send(t.Context(), spans())
		server.Close()
		if (err != nil) != c.fails || fault.Is(err, fault.Invalid) != c.never || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %q: %v", c.status, c.answer, err)
		}
	}
	server := httptest.NewServer(nil)
	server.Close()
	if err := client(server.URL, http.DefaultTransport).Send(t.Context(), spans()); err == nil || fault.Is(err, fault.Invalid) {
		t.Errorf("nobody there: %v", err)
	}
}

// A collector is known by the authorities that the server trusts, and by no others.
func TestCollectorIsKnownByItsCertificate(t *testing.T) {
	c := &collector{t: t, status: http.StatusOK}
	server := httptest.NewTLSServer(c)
	defer server.Close()
	if err := client(server.URL, certs.Transport(nil)).Send(t.Context(), spans()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("one of an unknown authority: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	pool, err := certs.Pool(bundle)
	must(t, err)
	must(t, client(server.URL, certs.Transport(pool)).Send(t.Context(), spans()))
	if len(c.got.ResourceSpans) != 1 {
		t.Error("it got nothing")
	}
}

func TestURLs(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://c:4318":                 "http://c:4318/v1/traces",
		"http://c:4318/":                "http://c:4318/v1/traces",
		"https://c/otlp":                "https://c/otlp/v1/traces",
		"https://c/otlp/v1/traces":      "https://c/otlp/v1/traces",
		"http://c:4318/v1/traces/extra": "http://c:4318/v1/traces/extra/v1/traces",
	} {
		if got := otlp.At(endpoint); got != want {
			t.Errorf("%s: %s, expected %s", endpoint, got, want)
		}
	}
}
