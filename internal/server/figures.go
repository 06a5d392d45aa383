package server

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/bos/operators"
	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/metrics/tally"
	"github.com/drover-hpc/drover/internal/redfish"
)

// figureTime bounds how long a figure may be looked for.
const figureTime = 3 * time.Second

func figureContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), figureTime)
}

// asked is a figure that is looked for.
func asked(ask func(context.Context) (int64, error)) func() (float64, error) {
	return func() (float64, error) {
		ctx, cancel := figureContext()
		defer cancel()
		n, err := ask(ctx)
		return float64(n), err
	}
}

// registerMetrics shows what Prometheus may ask for.
func (s *Server) registerMetrics() {
	s.metrics = metrics.New(Version)
	s.mux.Handle("GET /metrics", s.metrics.Handler())
}

// entrance is where connections come in.
type entrance struct {
	door        string
	connections func() int64
	excess      func() int64
}

func (s *Server) enters(door string, connections *admission.Connections, peers *admission.Peers) {
	s.entrances = append(s.entrances, entrance{door, connections.Open, peers.Excess})
}

// measureDoors shows how busy the doors are, which are all open.
func (s *Server) measureDoors(crowd *admission.Gate, bodies func() int64) {
	m := s.metrics
	s.requests.register(m, s.platform.s3)
	m.Gauges("drover_connections", "Connections that are open, by door.", []string{"door"}, func(show metrics.Show) error {
		for _, e := range s.entrances {
			show(float64(e.connections()), e.door)
		}
		return nil
	})
	m.Counters("drover_sent_away_total", "Requests and connections that were told to come back, by why: nodes, since more of them asked at once than are answered; bodies, since there was no room for more; "+
		"connections, since an address had too many.", []string{"why"}, func(show metrics.Show) {
		excess := int64(0)
		for _, e := range s.entrances {
			excess += e.excess()
		}
		show(float64(crowd.SentAway()), "nodes")
		show(float64(bodies()), "bodies")
		show(float64(excess), "connections")
	})
	m.Gauge("drover_http_nodes_waiting", "Requests of nodes that wait for their turn.", func() (float64, error) { return float64(crowd.Waiting()), nil })
}

// measureStore shows what the database was made to do, and whether this server leads.
func (s *Server) measureStore() {
	m, db := s.metrics, s.db
	m.Counters("drover_store_transactions_total", "Transactions of the database, by outcome: committed, or failed because the database did not take them.", []string{"outcome"}, func(show metrics.Show) {
		stats := db.Stats()
		show(float64(stats.Parts), "committed")
		show(float64(stats.Failed), "failed")
	})
	m.Counter("drover_store_rows_written_total", "Rows that were given to the database to write or to delete.", func() int64 { return db.Stats().Written })
	m.Counter("drover_store_documents_read_total", "Documents that were decoded from the database.", func() int64 { return db.Stats().Decoded })
	m.Gauge("drover_store_unsettled_bytes", "Changes that are committed to the log of changes and do not stand in the rows of their tables yet, in bytes.", func() (float64, error) { return float64(db.Stats().Unsettled), nil })
	m.Durations("drover_store_commit_duration_seconds", "Time that commits took, each of one or more transactions.", nil, func(show func(*tally.Durations, ...string)) { show(db.Commits()) })
	m.Gauge("drover_store_size_bytes", "Size of the database, without the log of what is being written.", asked(db.Size))
	since := s.leads
	if since.IsZero() { // on a database of its own
		since = s.now()
	}
	m.Gauge("drover_leading_since_timestamp_seconds", "Since when the server leads that answers: another one on the database passes the question on.",
		func() (float64, error) { return float64(since.UnixMilli()) / 1000, nil })
}

// measureWork shows what the operators and the other loops do.
func (s *Server) measureWork(ops *operators.Operators) {
	worked := func() map[string]tally.Worked {
		all := s.hub.Worked()
		for name, did := range ops.Worked() {
			all[name] = did
		}
		return all
	}
	counters := func(name, help string, value func(tally.Worked) float64) {
		s.metrics.Counters(name, help, []string{"operator"}, func(show metrics.Show) {
			for operator, did := range worked() {
				show(value(did), operator)
			}
		})
	}
	counters("drover_operator_passes_total", "Passes of an operator over what is to be done.", func(w tally.Worked) float64 { return float64(w.Passes) })
	counters("drover_operator_items_total", "Nodes, sessions and other items that an operator looked at because something changed.", func(w tally.Worked) float64 { return float64(w.Items) })
	counters("drover_operator_failures_total", "Passes of an operator that failed and are repeated, and items that are put off.", func(w tally.Worked) float64 { return float64(w.Failures) })
	counters("drover_operator_busy_seconds_total", "Time that an operator worked.", func(w tally.Worked) float64 { return w.Busy.Seconds() })
	s.metrics.Gauges("drover_operator_queue", "Items that wait for an operator.", []string{"operator"}, func(show metrics.Show) error {
		for operator, did := range worked() {
			show(float64(did.Waiting), operator)
		}
		return nil
	})
}

// measureBMCs shows what was asked of BMCs.
func (s *Server) measureBMCs(bmcs *redfish.Driver) {
	m := s.metrics
	m.Counters("drover_bmc_requests_total", "Requests to BMCs, by method and outcome.", []string{"method", "outcome"}, func(show metrics.Show) {
		for method, name := range tally.Methods {
			for outcome, word := range redfish.Outcomes {
				show(float64(bmcs.Requests(method, outcome)), name, word)
			}
		}
	})
	m.Durations("drover_bmc_request_duration_seconds", "Time that requests to BMCs took.", nil, func(show func(*tally.Durations, ...string)) { show(bmcs.Took()) })
	m.Gauges("drover_bmc_connections", "Connections to BMCs: used, or kept for later.", []string{"state"}, func(show metrics.Show) error {
		used, kept := bmcs.Connections()
		show(float64(used), "used")
		show(float64(kept), "kept")
		return nil
	})
}
