package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/drover-hpc/drover/internal/store"
)

const (
	// pollBatch is how many messages are taken from the client at a time.
	pollBatch = 500
	// maxOpen is how many messages may be handed out and not done; no more are
	// read until some are.
	maxOpen = 20_000
	// readPause is the wait after a failure to read.
	readPause = time.Second
	// commitPeriod is the time between confirmations to the brokers.
	commitPeriod = 500 * time.Millisecond
)

// Queue is the topic as a queue that members of a group share: each message is
// with one of them. Its position in a partition is confirmed up to the first
// message that is not done; what is not confirmed comes again.
type Queue struct {
	cfg     Config
	client  *kgo.Client
	arrived func(table string)
	now     func() time.Time
	stop    context.CancelFunc
	stopped chan struct{}

	mu         sync.Mutex
	last       int64
	open       []*entry           // not done, in the order of arrival
	partitions map[int32][]*entry // not confirmed, in the order of offsets
	renewing   bool               // the topic was deleted: what was read of it stays
	room       chan struct{}      // receives after one was done
}

// entry is a message that has arrived.
type entry struct {
	store.Message
	record *kgo.Record // without its value
	due    time.Time
	done   bool
}

// NewQueue joins the group. arrived is called with Table when there are
// messages that were not there before.
func (b *Broker) NewQueue(ctx context.Context, arrived func(table string), now func() time.Time) (*Queue, error) {
	q := &Queue{cfg: b.cfg, arrived: arrived, now: now, stopped: make(chan struct{}), partitions: map[int32][]*entry{}, room: make(chan struct{}, 1)}
	options, err := b.cfg.options()
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.ConsumerGroup(b.cfg.Group), kgo.ConsumeTopics(b.cfg.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // what was sent before the first start counts
		// The brokers assign the partitions where they can (KIP-848), else the members do.
		kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(2*time.Second),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(commitPeriod), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsRevoked(q.revoked), kgo.OnPartitionsLost(q.lost))
	if q.client, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	ctx, q.stop = context.WithCancel(context.WithoutCancel(ctx))
	go q.read(ctx)
	return q, nil
}

// Close leaves the group; what is done is confirmed before.
func (q *Queue) Close() {
	q.stop()
	<-q.stopped
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := q.client.CommitMarkedOffsets(ctx); err != nil {
		slog.Warn("could not confirm the last messages to Kafka: they will come again", "error", err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		q.client.CloseAllowingRebalance()
	}()
	select {
	case <-left:
	case <-ctx.Done(): // no broker answers: it will notice
	}
}

// Table is the name that arrived is called with.
func (q *Queue) Table() string { return "kafka:" + q.cfg.Topic }

func (q *Queue) read(ctx context.Context) {
	defer close(q.stopped)
	told := ""
	for q.wait(ctx) {
		fetches := q.client.PollRecords(ctx, pollBatch)
		q.add(fetches.Records())
		q.client.AllowRebalance()
		if fetches.NumRecords() > 0 {
			told = ""
			q.arrived(q.Table())
		}
		if err := fetches.Err(); err != nil && ctx.Err() == nil {
			if told != err.Error() {
				told = err.Error()
				slog.Warn("cannot read from Kafka; will try again and again", "topic", q.cfg.Topic, "error", err)
			}
			q.recover(ctx, err)
		}
	}
}

// recover lets some time pass. A topic that was made anew has to be forgotten
// before it can be read.
func (q *Queue) recover(ctx context.Context, err error) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(readPause):
	}
	if !topicGone(err) {
		return
	}
	q.mu.Lock()
	q.renewing = true
	q.mu.Unlock()
	q.client.PurgeTopicsFromConsuming(q.cfg.Topic)
	q.client.AddConsumeTopics(q.cfg.Topic)
	q.mu.Lock()
	q.renewing, q.partitions = false, map[int32][]*entry{}
	q.mu.Unlock()
}

// wait returns once there is room; false if ctx is done.
func (q *Queue) wait(ctx context.Context) bool {
	for {
		q.mu.Lock()
		n := len(q.open)
		q.mu.Unlock()
		if n < maxOpen {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-q.room:
		}
	}
}

func (q *Queue) add(records []*kgo.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range records {
		q.last++
		e := &entry{Message: store.Message{ID: q.last, Payload: r.Value}, record: r}
		r.Key, r.Value = nil, nil
		q.open = append(q.open, e)
		q.partitions[r.Partition] = append(q.partitions[r.Partition], e)
	}
}

// revoked confirms what is done, then forgets the partitions.
func (q *Queue) revoked(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		slog.Warn("could not confirm messages to Kafka: another server handles them again", "error", err)
	}
	q.lost(ctx, client, gone)
}

// lost forgets the messages of the partitions: another member has them.
func (q *Queue) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, partition := range gone[q.cfg.Topic] {
		delete(q.partitions, partition)
	}
	if q.renewing {
		return
	}
	q.open = slices.DeleteFunc(q.open, func(e *entry) bool { return slices.Contains(gone[q.cfg.Topic], e.record.Partition) })
}

// Due returns up to n messages that may be handled now, in the order in which
// they arrived.
func (q *Queue) Due(_ context.Context, n int) ([]store.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []store.Message
	now := q.now()
	for _, e := range q.open {
		if len(out) == n {
			break
		}
		if !e.due.After(now) {
			out = append(out, e.Message)
		}
	}
	return out, nil
}

// Done is for handled messages. The brokers learn of it soon; if this process
// ends before, the messages come again.
func (q *Queue) Done(_ context.Context, ids ...int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	handled, touched := make(map[int64]bool, len(ids)), map[int32]bool{}
	for _, id := range ids {
		handled[id] = true
	}
	for _, e := range q.open {
		if handled[e.ID] {
			e.done, e.Payload = true, nil
			touched[e.record.Partition] = true
		}
	}
	q.open = slices.DeleteFunc(q.open, func(e *entry) bool { return e.done })
	for partition := range touched {
		q.confirm(partition)
	}
	select {
	case q.room <- struct{}{}:
	default:
	}
	return nil
}

// confirm marks what is done at the beginning of the partition.
func (q *Queue) confirm(partition int32) {
	list := q.partitions[partition]
	n := 0
	for n < len(list) && list[n].done {
		n++
	}
	if n == 0 {
		return
	}
	q.client.MarkCommitRecords(list[n-1].record)
	q.partitions[partition] = slices.Clone(list[n:])
}

// Retry gives a message back, to be handled again after the delay. Those behind
// it do not wait, but are not confirmed before it is done.
func (q *Queue) Retry(_ context.Context, id int64, delay time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.open {
		if e.ID == id {
			e.Attempts++
			e.due = q.now().Add(delay)
		}
	}
	return nil
}
