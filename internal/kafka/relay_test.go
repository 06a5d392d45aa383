package kafka_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
	"github.com/drover-hpc/drover/internal/store"
)

func wanted(key string, n int) (out []string) {
	for i := range n {
		out = append(out, key+string(rune('0'+i)))
	}
	return out
}

func TestMessagesOfAKeyArriveInOrderAndLeaveTheOutbox(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		r := f.relay(f.open(f.config()), f.outbox)
		f.put(9, "a", "b", "c")
		got := f.sent(27)
		for _, key := range []string{"a", "b", "c"} {
			if !slices.Equal(got[key], wanted(key, 9)) {
				t.Errorf("%s: %q", key, got[key])
			}
		}
		f.until("the outbox is empty", func() bool { return f.left() == 0 && r.Relayed() == 27 })
	})
}

// What is not committed is not sent.
func TestRolledBackMessageIsNotSent(t *testing.T) {
	f := newFixture(t, kafkatest.NewFake(t))
	f.relay(f.open(f.config()), f.outbox)
	failure := errors.New("the record could not be written")
	err := f.db.InTx(t.Context(), func(ctx context.Context) error {
		if err := f.outbox.Put(ctx, []byte("x0")); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	f.put(1, "a")
	if got := f.sent(1); len(got["x"]) != 0 || len(got["a"]) != 1 {
		t.Errorf("%q", got)
	}
}

// dying is an outbox whose relay dies after the brokers have the messages and
// before the outbox knows.
type dying struct {
	kafka.Outbox
	reached chan struct{}
}

func (d *dying) Done(ctx context.Context, _ ...int64) error {
	close(d.reached)
	<-ctx.Done()
	return ctx.Err()
}

func TestRelayThatDiesInTheMiddleSendsAgain(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		b := f.open(f.config())
		f.put(3, "a", "b")
		d := &dying{f.outbox, make(chan struct{})}
		first := f.relay(b, d)
		<-d.reached
		first.Stop()
		if n := f.left(); n != 6 {
			t.Fatalf("%d messages in the outbox, expected all 6", n)
		}
		f.put(1, "c")
		f.relay(b, f.outbox)
		got := f.sent(13)
		for _, key := range []string{"a", "b"} {
			if twice := append(wanted(key, 3), wanted(key, 3)...); !slices.Equal(got[key], twice) {
				t.Errorf("%s: %q", key, got[key])
			}
		}
		f.until("the outbox is empty", func() bool { return f.left() == 0 })
	})
}

func TestOutageDelaysMessagesAndHealthTellsOfIt(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		b := f.open(f.config())
		f.relay(b, f.outbox)
		m := f.join(b)
		defer m.Close()
		f.put(1, "a")
		m.done(m.due("the first", atLeast(1)))
		if err := b.Health(t.Context()); err != nil {
			t.Error(err)
		}

		brokers.Kill()
		f.put(4, "b", "c")
		f.until("health tells of the outage", func() bool { return b.Health(t.Context()) != nil })
		if err := b.Health(t.Context()); !strings.Contains(err.Error(), f.at) || !strings.Contains(err.Error(), topic) {
			t.Errorf("the outage names neither broker nor topic: %v", err)
		}
		if n := f.left(); n != 8 {
			t.Errorf("%d messages wait, expected 8", n)
		}

		brokers.Start()
		// Some may come twice: the broker died with what it had.
		want := append(wanted("b", 4), wanted("c", 4)...)
		m.due("all others", func(list []store.Message) bool {
			return slices.Equal(slices.Compact(texts(list)), want)
		})
		f.until("the outbox is empty", func() bool { return f.left() == 0 })
		f.until("health is good again", func() bool { return b.Health(t.Context()) == nil })
	})
}

// A server starts while Kafka is away; the topic is made once it is there.
func TestStartWithoutABrokerIsNoFailure(t *testing.T) {
	fake := kafkatest.NewFake(t)
	f := newFixture(t, fake)
	fake.Kill()
	b := f.open(f.config())
	f.relay(b, f.outbox)
	m := f.join(b)
	defer m.Close()
	f.put(1, "a")
	if err := b.Health(t.Context()); err == nil {
		t.Error("health is good without a broker")
	}
	fake.Start()
	m.due("the message", atLeast(1))
}

// A topic that somebody deletes is made again, and what was not sent is.
func TestDeletedTopicIsMadeAgain(t *testing.T) {
	fake := kafkatest.NewFake(t)
	f := newFixture(t, fake)
	b := f.open(f.config())
	f.relay(b, f.outbox)
	m := f.join(b)
	defer m.Close()
	f.put(1, "a")
	m.done(m.due("the first", atLeast(1)))
	f.until("the outbox is empty", func() bool { return f.left() == 0 })
	if err := fake.Cluster().DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	f.until("health tells", func() bool {
		err := b.Health(t.Context())
		return err != nil && strings.Contains(err.Error(), "no topic")
	})
	f.put(1, "b")
	if got := texts(m.due("the second", atLeast(1))); !slices.Equal(got, []string{"b0"}) {
		t.Errorf("%q", got)
	}
}
