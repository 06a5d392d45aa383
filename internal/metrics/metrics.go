// Package metrics shows figures of the process in the form that Prometheus
// reads.
//
//	owner of a figure ──► Counter, Gauge, ... ──► Metrics ──Handler──► GET /metrics
//
// Whoever has a figure counts it in its own way (package tally has what a number
// alone does not do) and knows nothing of Prometheus; it is asked when somebody
// looks. Labels have values of closed sets: no names of nodes or sessions, nor
// anything else that grows with the fleet or comes from a request.
package metrics

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Metrics are the figures of one server.
type Metrics struct {
	registry *prometheus.Registry

	mu       sync.Mutex
	families []Family
}

// Kind is what a figure may do.
type Kind string

// A counter only grows until the process ends, a gauge goes up and down, a
// histogram counts how long things took.
const (
	KindCounter   Kind = "counter"
	KindGauge     Kind = "gauge"
	KindHistogram Kind = "histogram"
)

// Family is figures of one name.
type Family struct {
	Name, Help string
	Kind       Kind
	Labels     []string
}

// Show shows a figure with the values of its labels, in their order. One with the
// same values may be shown once.
type Show func(value float64, labels ...string)

// New returns the process's own figures, and drover_build_info.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauges("drover_build_info", "1, with the version.", []string{"version"}, func(show Show) error {
		show(1, version)
		return nil
	})
	return m
}

// Counter adds a figure that only grows; its name ends with _total.
func (m *Metrics) Counter(name, help string, value func() int64) {
	m.Counters(name, help, nil, func(show Show) { show(float64(value())) })
}

// Gauge adds a figure that goes up and down. One that cannot be told now is not
// shown.
func (m *Metrics) Gauge(name, help string, value func() (float64, error)) {
	m.Gauges(name, help, nil, func(show Show) error {
		v, err := value()
		if err == nil {
			show(v)
		}
		return err
	})
}

// Counters adds figures that only grow, as many as read shows.
func (m *Metrics) Counters(name, help string, labels []string, read func(Show)) {
	m.add(Family{name, help, KindCounter, labels}, values(prometheus.CounterValue, func(show Show) error {
		read(show)
		return nil
	}))
}

// Gauges adds figures that go up and down, as many as read shows: what it shows
// before an error counts.
func (m *Metrics) Gauges(name, help string, labels []string, read func(Show) error) {
	m.add(Family{name, help, KindGauge, labels}, values(prometheus.GaugeValue, read))
}

func values(kind prometheus.ValueType, read func(Show) error) collect {
	return func(desc *prometheus.Desc, out chan<- prometheus.Metric) {
		read(func(value float64, labels ...string) { //nolint:errcheck // then there is less to show
			out <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
		})
	}
}

// Durations adds histograms, in seconds, as many as read shows.
func (m *Metrics) Durations(name, help string, labels []string, read func(show func(d *tally.Durations, labels ...string))) {
	m.add(Family{name, help, KindHistogram, labels}, func(desc *prometheus.Desc, out chan<- prometheus.Metric) {
		read(func(d *tally.Durations, labels ...string) {
			within, count, sum := d.Read()
			buckets := make(map[float64]uint64, len(within))
			for bound, n := range within {
				buckets[bound.Seconds()] = uint64(n)
			}
			out <- prometheus.MustNewConstHistogram(desc, uint64(count), sum.Seconds(), buckets, labels...)
		})
	})
}

// add registers a family.
func (m *Metrics) add(f Family, read collect) {
	m.registry.MustRegister(&collector{prometheus.NewDesc(f.Name, f.Help, f.Labels, nil), read})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.families = append(m.families, f)
}

// Families are the figures that were added, by name, whether or not they can be
// told now. The process's own are not among them.
func (m *Metrics) Families() []Family {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.families)
	slices.SortFunc(list, func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Handler answers with all figures. One that is wrong keeps none of the others away.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// collect shows the figures of a family now.
type collect func(desc *prometheus.Desc, out chan<- prometheus.Metric)

// collector is a family for Prometheus.
type collector struct {
	desc *prometheus.Desc
	read collect
}

func (c *collector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *collector) Collect(out chan<- prometheus.Metric) { c.read(c.desc, out) }
