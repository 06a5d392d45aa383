package kafka

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// relayed at a time.
const relayBatch = 500

// Outbox holds messages that commit with the record they speak of; store.Queue
// does.
type Outbox interface {
	Table() string
	Due(ctx context.Context, n int) ([]store.Message, error)
	Done(ctx context.Context, ids ...int64) error
}

// Relay moves messages from the outbox to the topic, in order.
type Relay struct {
	broker *Broker
	outbox Outbox
	key    func(payload []byte) []byte
	loop   *events.Loop
	sent   atomic.Int64
}

// NewRelay returns a relay that does nothing until Start. Messages of one key
// stay in order. Of one outbox there shall be one relay at a time: two would
// send messages twice, and again after later ones.
func NewRelay(b *Broker, outbox Outbox, hub *events.Hub, key func(payload []byte) []byte) *Relay {
	r := &Relay{broker: b, outbox: outbox, key: key}
	r.loop = &events.Loop{Name: "relay to Kafka", Hub: hub, Tables: []string{outbox.Table()},
		Resync: func() time.Duration { return 30 * time.Second }, Run: r.run}
	return r
}

// Start begins to relay.
func (r *Relay) Start(ctx context.Context) { r.loop.Start(ctx) }

// Stop ends it. What the broker has and the outbox still holds is sent again by
// the next relay.
func (r *Relay) Stop() { r.loop.Stop() }

// Relayed counts the messages that left the outbox.
func (r *Relay) Relayed() int64 { return r.sent.Load() }

func (r *Relay) run(ctx context.Context, _ events.Wake) error {
	for {
		list, err := r.outbox.Due(ctx, relayBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := r.broker.Prepare(ctx); err != nil {
			return err
		}
		sent, err := r.send(ctx, list)
		if len(sent) > 0 {
			if err := r.outbox.Done(ctx, sent...); err != nil {
				return err
			}
			r.sent.Add(int64(len(sent)))
		}
		if err != nil {
			return err
		}
	}
}

// send waits, for as long as it takes, until the brokers have the messages; it
// returns those before the first that they do not have.
func (r *Relay) send(ctx context.Context, list []store.Message) (sent []int64, err error) {
	records := make([]*kgo.Record, len(list))
	for i, m := range list {
		records[i] = &kgo.Record{Topic: r.broker.cfg.Topic, Key: r.key(m.Payload), Value: m.Payload}
	}
	failed := map[*kgo.Record]error{}
	for _, result := range r.broker.client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			failed[result.Record] = result.Err
		}
	}
	for i, record := range records {
		if err := failed[record]; err != nil {
			if topicGone(err) {
				r.broker.gone()
			}
			return sent, fmt.Errorf("send to Kafka's topic %s: %w", record.Topic, err)
		}
		sent = append(sent, list[i].ID)
	}
	return sent, nil
}
