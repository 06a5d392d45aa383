package operator_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/cfs/operator/queuetest"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// brokers are the kinds that there are.
var brokers = map[string]func(testing.TB) kafkatest.Brokers{
	"kfake": func(t testing.TB) kafkatest.Brokers { return kafkatest.NewFake(t) },
	"kafka": func(t testing.TB) kafkatest.Brokers { return kafkatest.NewReal(t) },
}

func TestQueueOfEvents(t *testing.T) {
	for name, source := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			queuetest.Run(t, func(t *testing.T) *queuetest.Subject { return inDatabase(t, source(t)) })
		})
	}
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			brokers := start(t)
			queuetest.Run(t, func(t *testing.T) *queuetest.Subject { return inKafka(t, brokers.Address()) })
		})
	}
}

func inDatabase(t *testing.T, source string) *queuetest.Subject {
	hub := events.NewHub()
	db, err := store.Open(t.Context(), source, hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &queuetest.Subject{Hub: hub, Put: store.NewQueue(db, cfs.EventsTopic, time.Now).Put,
		Open: func(_ *testing.T, now func() time.Time) (operator.Queue, func()) {
			return store.NewQueue(db, cfs.EventsTopic, now), func() {}
		}}
}

// inKafka is the whole way: outbox, relay, a topic of the test's own, group.
func inKafka(t *testing.T, address string) *queuetest.Subject {
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	topic := "events-" + filepath.Base(filepath.Dir(t.TempDir()))
	broker := connect(t, address, topic)
	outbox := store.NewQueue(db, cfs.EventsTopic, time.Now)
	relay := kafka.NewRelay(broker, outbox, hub, cfs.EventKey)
	relay.Start(t.Context())
	t.Cleanup(relay.Stop)
	return &queuetest.Subject{Hub: hub, Put: outbox.Put,
		Open: func(t *testing.T, now func() time.Time) (operator.Queue, func()) {
			q, err := broker.NewQueue(t.Context(), func(table string) { hub.Changed(table, nil) }, now)
			if err != nil {
				t.Fatal(err)
			}
			return q, q.Close
		}}
}

func connect(t *testing.T, address, topic string) *kafka.Broker {
	t.Helper()
	broker, err := kafka.Open(t.Context(), kafka.Config{Brokers: []string{address}, Topic: topic, Group: topic, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}
