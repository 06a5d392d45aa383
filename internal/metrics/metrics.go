// Package metrics shows figures of the process in the form that Prometheus
// reads.
//
//	owner of a figure ──► Counter, Gauge ──► Metrics ──Handler──► GET /metrics
//
// Whoever has a figure counts it in its own way and knows nothing of
// Prometheus; it is asked when somebody looks.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of one server.
type Metrics struct{ registry *prometheus.Registry }

// New returns the process's own figures, and drover_build_info.
func New(version string) *Metrics {
	m := &Metrics{prometheus.NewRegistry()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "drover_build_info", Help: "1, with the version.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return m
}

// Counter adds a figure that only grows; its name ends with _total.
func (m *Metrics) Counter(name, help string, value func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Gauge adds a figure that goes up and down. One that cannot be told now is not
// shown.
func (m *Metrics) Gauge(name, help string, value func() (float64, error)) {
	m.registry.MustRegister(&gauge{prometheus.NewDesc(name, help, nil, nil), value})
}

// Handler answers with all figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// gauge is prometheus.GaugeFunc whose value may be unknown.
type gauge struct {
	desc  *prometheus.Desc
	value func() (float64, error)
}

func (g *gauge) Describe(out chan<- *prometheus.Desc) { out <- g.desc }

func (g *gauge) Collect(out chan<- prometheus.Metric) {
	if v, err := g.value(); err == nil {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v)
	}
}
