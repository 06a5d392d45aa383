package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

const (
	topic = "events"
	group = "operators"
)

// fixture is a broker and an outbox whose relay runs when the test says so.
type fixture struct {
	t      *testing.T
	hub    *events.Hub
	db     *store.DB
	outbox *store.Queue
	at     string // the brokers' address
}

func newFixture(t *testing.T, brokers kafkatest.Brokers) *fixture {
	t.Helper()
	f := &fixture{t: t, hub: events.NewHub(), at: brokers.Address()}
	db, err := store.Open(t.Context(), storetest.Migrated(t), f.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f.db, f.outbox = db, store.NewQueue(db, topic, time.Now)
	return f
}

func (f *fixture) config() kafka.Config {
	return kafka.Config{Brokers: []string{f.at}, Topic: topic, Group: group, Create: true}
}

func (f *fixture) open(c kafka.Config) *kafka.Broker {
	f.t.Helper()
	b, err := kafka.Open(f.t.Context(), c)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(b.Close)
	return b
}

// refused is the error of an Open that must fail for good.
func (f *fixture) refused(c kafka.Config) error {
	f.t.Helper()
	b, err := kafka.Open(f.t.Context(), c)
	if err == nil {
		b.Close()
		f.t.Fatal("opened")
	}
	var refusal *kafka.Refusal
	if !errors.As(err, &refusal) {
		f.t.Fatalf("not a refusal: %v", err)
	}
	return err
}

func (f *fixture) relay(b *kafka.Broker, outbox kafka.Outbox) *kafka.Relay {
	r := kafka.NewRelay(b, outbox, f.hub, func(payload []byte) []byte { return payload[:1] })
	r.Start(f.t.Context())
	f.t.Cleanup(r.Stop)
	return r
}

// put commits messages of the keys, n of each in turn.
func (f *fixture) put(n int, keys ...string) {
	f.t.Helper()
	err := f.db.InTx(f.t.Context(), func(ctx context.Context) error {
		for i := range n {
			for _, key := range keys {
				if err := f.outbox.Put(ctx, fmt.Appendf(nil, "%s%d", key, i)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) left() int64 {
	f.t.Helper()
	n, err := f.outbox.Len(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// sent reads the topic from its beginning, as nobody of the group, until n
// messages have come; it returns those of each key in order.
func (f *fixture) sent(n int) map[string][]string {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.at), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	out := map[string][]string{}
	for n > 0 {
		list := client.PollFetches(ctx).Records()
		if ctx.Err() != nil {
			f.t.Fatalf("%d messages have not come: %v", n, out)
		}
		for _, r := range list {
			n--
			out[string(r.Key)] = append(out[string(r.Key)], string(r.Value))
		}
	}
	return out
}

// member is a member of the group that collects what it is handed.
type member struct {
	f *fixture
	*kafka.Queue
}

func (f *fixture) join(b *kafka.Broker) *member {
	f.t.Helper()
	q, err := b.NewQueue(f.t.Context(), func(table string) { f.hub.Changed(table, nil) }, time.Now)
	if err != nil {
		f.t.Fatal(err)
	}
	return &member{f: f, Queue: q}
}

// due waits until messages are due that fulfil the condition.
func (m *member) due(what string, enough func([]store.Message) bool) []store.Message {
	m.f.t.Helper()
	var list []store.Message
	m.f.until(what, func() bool {
		var err error
		if list, err = m.Due(m.f.t.Context(), 10_000); err != nil {
			m.f.t.Fatal(err)
		}
		return enough(list)
	})
	return list
}

func atLeast(n int) func([]store.Message) bool {
	return func(list []store.Message) bool { return len(list) >= n }
}

func (m *member) done(list []store.Message) {
	m.f.t.Helper()
	var ids []int64
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	if err := m.Done(m.f.t.Context(), ids...); err != nil {
		m.f.t.Fatal(err)
	}
}

// until polls a condition.
func (f *fixture) until(what string, holds func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			f.t.Fatalf("timed out: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func texts(list []store.Message) (out []string) {
	for _, m := range list {
		out = append(out, string(m.Payload))
	}
	slices.Sort(out)
	return out
}

// onEach runs the test on kfake and, where there is one, on a real Kafka.
func onEach(t *testing.T, test func(t *testing.T, brokers kafkatest.Brokers)) {
	t.Run("kfake", func(t *testing.T) { test(t, kafkatest.NewFake(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, kafkatest.NewReal(t)) })
}
