package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// jaegerConfig is of a Jaeger that takes OTLP over HTTP and forgets all when it ends.
const jaegerConfig = `service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry:
    metrics: {level: none}
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: %q}
    grpc: {endpoint: "127.0.0.1:0"}
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`

// jaeger is one that runs until the test ends.
type jaeger struct{ query, otlp string }

func (j *jaeger) start(c *cluster, program string) {
	c.t.Helper()
	config := c.write("jaeger.yaml", fmt.Sprintf(jaegerConfig, j.query, j.otlp))
	log, err := os.Create(filepath.Join(c.dir, "jaeger.log"))
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(program, "--config", config)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
		if text, err := os.ReadFile(log.Name()); err == nil && c.t.Failed() {
			c.t.Logf("Jaeger says:\n%s", text)
		}
	})
}

type jaegerSpan struct {
	TraceID, SpanID, OperationName string
	StartTime, Duration            int64 // microseconds
	References                     []struct{ SpanID string }
	Tags                           []struct {
		Key   string
		Value any
	}
	Warnings []string
}

// spans are those of the session's trace, and in how many traces they are.
func (j *jaeger) spans(session string) (spans []jaegerSpan, traces int) {
	tags, err := json.Marshal(map[string]string{"drover.session.name": session})
	if err != nil {
		return nil, 0
	}
	resp, err := http.Get("http://" + j.query + "/api/traces?service=drover&tags=" + url.QueryEscape(string(tags)))
	if err != nil {
		return nil, 0
	}
	defer resp.Body.Close()
	var found struct {
		Data []struct{ Spans []jaegerSpan }
	}
	if json.NewDecoder(resp.Body).Decode(&found) != nil {
		return nil, 0
	}
	for _, t := range found.Data {
		spans = append(spans, t.Spans...)
	}
	return spans, len(found.Data)
}

func TestTraceAtJaeger(t *testing.T) {
	program := os.Getenv("JAEGER")
	if program == "" {
		t.Skip("needs a Jaeger, named by JAEGER: make traces-check builds one and runs this")
	}
	j := &jaeger{query: freeAddress(t), otlp: freeAddress(t)}
	c := newCluster(t, 12, "--traces-endpoint", "http://"+j.otlp)
	const words = "Insufficient power budget in chassis 0"
	c.fleet.Nodes()[1].SetFaults(sim.Faults{RefusePowerOn: words})
	c.drover("bos", "v2", "options", "update", "--default-retry-policy", "1")
	c.configure("site", motd("done"))
	c.template("one", "site")
	began := time.Now()
	first := c.session("one", "boot")
	c.finish(first)
	ended := time.Now()
	c.kill()
	j.start(c, program)
	c.start()

	var spans []jaegerSpan
	phases := map[string]int{}
	c.eventually("Jaeger has all of the trace of "+first, func() bool { // it comes in parts
		spans, _ = j.spans(first)
		return slices.ContainsFunc(spans, func(s jaegerSpan) bool { return s.OperationName == c.nodes[11] })
	})
	for _, s := range spans {
		if len(s.Warnings) > 0 {
			t.Errorf("Jaeger warns of %s: %v", s.OperationName, s.Warnings)
		}
		if s.StartTime < began.UnixMicro() || s.StartTime+s.Duration > ended.UnixMicro() {
			t.Errorf("%s was %d µs from %d on; the session was from %d to %d", s.OperationName, s.Duration, s.StartTime, began.UnixMicro(), ended.UnixMicro())
		}
		if len(s.References) == 0 && !strings.Contains(fmt.Sprint(s.Tags), "1 of 12 nodes failed") {
			t.Errorf("the session's span says %v", s.Tags)
		}
		if s.OperationName == c.nodes[1] && !strings.Contains(fmt.Sprint(s.Tags), words) {
			t.Errorf("the node that was refused says %v", s.Tags)
		}
		phases[s.OperationName]++
	}
	want := map[string]int{"power-on": 12, "configuration": 11, "CFS session": 11, "PCS On": 12, "boot": 12} // the session's is a boot too
	for name, n := range want {
		if phases[name] != n {
			t.Errorf("%d spans %q, expected %d", phases[name], name, n)
		}
	}

	c.kill()
	c.start()
	second := c.session("one", "shutdown")
	c.finish(second)
	c.eventually("Jaeger has the trace of "+second, func() bool {
		_, traces := j.spans(second)
		return traces == 1
	})
	if again, traces := j.spans(first); len(again) != len(spans) || traces != 1 {
		t.Errorf("after another start there are %d spans in %d traces; there were %d in one", len(again), traces, len(spans))
	}
}
