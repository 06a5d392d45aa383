package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// answerTime is how long a broker has to answer a question about itself.
	answerTime = 2 * time.Second
	// startTime is how long a start waits for the brokers' first answer.
	startTime = 5 * time.Second
	// freshTime is how long an answer about health is good for.
	freshTime = time.Second
	// lookPeriod is the time between looks at the brokers, for the log.
	lookPeriod = 5 * time.Second
)

// Broker is the brokers of a Config, as one.
type Broker struct {
	cfg    Config
	client *kgo.Client
	admin  *kadm.Client
	stop   context.CancelFunc
	done   chan struct{}

	prepare sync.Mutex // held while the topic is looked after
	ready   bool       // the topic is there

	mu    sync.Mutex
	asked time.Time // when state was learnt
	state error
}

// Open connects and looks after the topic: it is created if that is allowed.
// Brokers that do not answer are told in the log and are no error: what is to be
// sent waits. A topic that is not there or cannot do, and credentials that are
// refused, are.
func Open(ctx context.Context, c Config) (*Broker, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	b := &Broker{cfg: c, client: client, admin: kadm.NewClient(client), done: make(chan struct{})}
	asking, cancel := context.WithTimeout(ctx, startTime)
	err = b.Prepare(asking)
	cancel()
	var refused *Refusal
	if errors.As(err, &refused) {
		client.Close()
		return nil, err
	}
	b.learn(err)
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	go b.watch(ctx, err)
	return b, nil
}

// Close ends the connections.
func (b *Broker) Close() {
	b.stop()
	<-b.done
	b.client.Close()
}

// Health asks the brokers for the topic; nil: it can be written and read. What
// was learnt in the last second is not asked again.
func (b *Broker) Health(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.asked) < freshTime {
		return b.state
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	b.state, b.asked = b.look(ctx), time.Now()
	return b.state
}

func (b *Broker) learn(state error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.asked = state, time.Now()
}

// look asks for the topic and for the leaders of its partitions.
func (b *Broker) look(ctx context.Context) error {
	found, err := b.admin.Metadata(ctx, b.cfg.Topic)
	if err != nil {
		return fmt.Errorf("kafka does not answer (%s): %w", &b.cfg, err)
	}
	topic := found.Topics[b.cfg.Topic]
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("kafka has no topic %s", b.cfg.Topic)
	}
	if topic.Err != nil {
		return fmt.Errorf("kafka, topic %s: %w", b.cfg.Topic, topic.Err)
	}
	for _, p := range topic.Partitions.Sorted() {
		if p.Leader < 0 {
			return fmt.Errorf("kafka, topic %s: partition %d has no leader", b.cfg.Topic, p.Partition)
		}
	}
	return nil
}

// watch tells in the log when an outage begins and when it is over.
func (b *Broker) watch(ctx context.Context, state error) {
	defer close(b.done)
	tell := func(was, is error) {
		switch {
		case is != nil && was == nil:
			slog.Error("events wait in the database until Kafka can be used again", "error", is)
		case is == nil && was != nil:
			slog.Info("Kafka can be used again", "topic", b.cfg.Topic)
		}
	}
	tell(nil, state)
	tick := time.NewTicker(lookPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		is := b.Health(ctx)
		if ctx.Err() != nil {
			return
		}
		tell(state, is)
		state = is
	}
}

// Lag is how many messages of the topic the group has not confirmed.
func (b *Broker) Lag(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	starts, err := b.admin.ListStartOffsets(ctx, b.cfg.Topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("kafka: first messages of topic %s: %w", b.cfg.Topic, err)
	}
	ends, err := b.admin.ListEndOffsets(ctx, b.cfg.Topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("kafka: last messages of topic %s: %w", b.cfg.Topic, err)
	}
	confirmed, err := b.admin.FetchOffsets(ctx, b.cfg.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return 0, fmt.Errorf("kafka: offsets of group %s: %w", b.cfg.Group, err)
	}
	lag := int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		from, found := starts.Lookup(end.Topic, end.Partition)
		begin := int64(0)
		if found {
			begin = from.Offset
		}
		if at, known := confirmed.Lookup(end.Topic, end.Partition); known && at.At > begin {
			begin = at.At
		}
		lag += max(0, end.Offset-begin)
	})
	return lag, nil
}
