package server

import (
	"context"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
)

// measureEvents adds the figures of session events.
func (s *Server) measureEvents(e *carrier, op *operator.Operator, service *cfs.Service) {
	m := s.metrics
	m.Gauge("drover_cfs_events_lag", "Session events that the operator has not acted on, wherever they are.", asked(e.lag))
	m.Gauge("drover_cfs_events_dead", "Session events that were set aside and are kept.", asked(func(ctx context.Context) (int64, error) {
		n, err := service.CountDeadEvents(ctx)
		return int64(n), err
	}))
	m.Counter("drover_cfs_events_handled_total", "Session events that the operator acted on, repetitions too.", op.EventsHandled)
	m.Counter("drover_cfs_events_set_aside_total", "Session events that nobody can act on.", op.EventsSetAside)
	if e.broker == nil {
		return
	}
	m.Gauge("drover_cfs_events_outbox", "Session events in the database that Kafka does not have yet.", asked(e.outbox.Len))
	m.Counter("drover_cfs_events_relayed_total", "Session events that went from the database to Kafka.", e.relay.Relayed)
	m.Gauge("drover_kafka_up", "1 if the topic can be written and read, else 0.", asked(func(ctx context.Context) (int64, error) {
		if e.broker.Health(ctx) != nil {
			return 0, nil
		}
		return 1, nil
	}))
}
