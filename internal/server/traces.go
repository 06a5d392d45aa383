package server

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/doctor"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/traces"
	"github.com/drover-hpc/drover/internal/traces/otlp"
)

// Traces is who is told of boot sessions that ended, if anybody.
type Traces struct {
	Endpoint string `mapstructure:"traces-endpoint"`
	Headers  string `mapstructure:"traces-headers-file"`
	Nodes    int    `mapstructure:"traces-nodes"`
}

func declareTraces(f *pflag.FlagSet) {
	f.String("traces-endpoint", "", "`URL` of an OpenTelemetry collector, of Jaeger or Tempo (OTLP over HTTP), such as http://collector.example.org:4318: each boot session is told to it as a trace when it ends (default: to nobody)")
	f.String("traces-headers-file", "", "`FILE` with headers that the collector asks for, NAME: VALUE in each line, such as Authorization or X-Scope-OrgID; it is read for each request")
	f.Int("traces-nodes", 100, "nodes that the trace of a session shows at most: the slowest, some of those that failed, and some others")
}

// mostTraced bounds --traces-nodes: no program shows more at once.
const mostTraced = 10_000

func (c *Config) checkTraces() (err error) {
	t := &c.Traces
	if t.Endpoint, err = baseURL("traces-endpoint", t.Endpoint, "http://collector.example.org:4318"); err != nil {
		return err
	}
	if t.Headers, err = absolute(t.Headers); err != nil {
		return fault.New(fault.Invalid, "traces-headers-file: %w", err)
	}
	if t.Headers != "" {
		if _, err := otlp.Headers(t.Headers); err != nil {
			return fault.New(fault.Invalid, "traces-headers-file: %w", err)
		}
	}
	if t.Headers != "" && t.Endpoint == "" {
		return fault.New(fault.Invalid, "traces-headers-file: traces-endpoint is needed with it")
	}
	if t.Nodes < 1 || t.Nodes > mostTraced {
		return fault.New(fault.Invalid, "traces-nodes: expected 1 to %d, got %d", mostTraced, t.Nodes)
	}
	return nil
}

// startTraces tells of the sessions of BOS that ended, if somebody is to know.
func (s *Server) startTraces(ctx context.Context, service *bos.Service) {
	c := s.config.Traces
	if c.Endpoint == "" {
		return
	}
	collector := &otlp.Client{URL: otlp.At(c.Endpoint), Transport: certs.Transport(s.config.TLS.trust), Version: Version}
	if c.Headers != "" {
		collector.Headers = func() (http.Header, error) { return otlp.Headers(c.Headers) }
	}
	exporter := traces.New(traces.Config{Sessions: service, Journal: s.journal, Hub: s.hub, Nodes: c.Nodes, Settle: traces.Settle, Pause: traces.Pause, Now: s.now, Sender: collector})
	s.metrics.Counters("drover_traces_total", "Sessions that ended and were to be told to the collector of traces, by outcome: sent, refused by it, or lost because it was away for too long.", []string{"outcome"}, func(show metrics.Show) {
		n := exporter.Counted()
		show(float64(n.Sent), "sent")
		show(float64(n.Refused), "refused")
		show(float64(n.Lost), "lost")
	})
	s.metrics.Counter("drover_traces_failures_total", "Times that the collector of traces could not be reached, or said that it cannot take any now.", func() int64 { return exporter.Counted().Failed })
	s.metrics.Gauge("drover_traces_waiting", "Sessions that ended and wait to be told to the collector of traces.", func() (float64, error) { return float64(exporter.Counted().Waiting), nil })
	s.traces = exporter
	exporter.Start(context.WithoutCancel(ctx))
	s.onStop(exporter.Stop)
}

// checkCollector tells whether the collector takes traces. One that does not holds up
// nobody.
func (s *Server) checkCollector(context.Context) (doctor.Status, string, string) {
	n := s.traces.Counted()
	if why := s.traces.Trouble(); why != nil {
		return doctor.Warning, fmt.Sprintf("%s (sessions that wait to be told of: %d)", why, n.Waiting), "see that the collector runs, and --traces-endpoint"
	}
	return doctor.OK, fmt.Sprintf("%d sessions were told of since the start", n.Sent), ""
}
