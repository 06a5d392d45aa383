package kafka_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
	"github.com/drover-hpc/drover/internal/store"
)

// A member that leaves without having done its messages leaves them to the
// others; each message is with one member.
func TestMembersShareTheTopicAndTakeOver(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		b := f.open(f.config())
		f.relay(b, f.outbox)
		one, two := f.join(b), f.join(b)
		keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		f.put(3, keys...)
		var all []string
		for _, key := range keys {
			all = append(all, wanted(key, 3)...)
		}
		held := func(m *member) []string {
			list, err := m.Due(t.Context(), 1000)
			if err != nil {
				t.Fatal(err)
			}
			return texts(list)
		}
		f.until("both have some, and together all, each once", func() bool {
			a, b := held(one), held(two)
			both := slices.Concat(a, b)
			slices.Sort(both)
			return len(a) > 0 && len(b) > 0 && slices.Equal(both, all)
		})
		var done []store.Message
		for _, m := range one.due("its own", atLeast(1)) {
			if m.Payload[1] == '0' {
				done = append(done, m)
			}
		}
		one.done(done)
		finished := texts(done)
		one.Close()
		rest := slices.DeleteFunc(slices.Clone(all), func(text string) bool { return slices.Contains(finished, text) })
		defer two.Close()
		f.until("the other has what was not done", func() bool {
			// What is behind one that is not done may come again.
			have := held(two)
			return !slices.ContainsFunc(rest, func(text string) bool { return !slices.Contains(have, text) })
		})
	})
}

func TestLagIsWhatIsNotDone(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		b := f.open(f.config())
		lag := func(want int64) {
			t.Helper()
			f.until("the lag", func() bool {
				n, err := b.Lag(t.Context()) // fails as long as the broker thinks the topic is not there
				return err == nil && n == want
			})
		}
		lag(0)
		f.relay(b, f.outbox)
		f.put(5, "a", "b")
		lag(10)
		m := f.join(b)
		defer m.Close()
		list := m.due("all", atLeast(10))
		lag(10)
		m.done(list[:4]) // in the order of arrival: they begin each partition
		lag(6)
		m.done(list[4:])
		lag(0)
	})
}

// Brokers since Kafka 4 assign partitions themselves; with older ones the
// members do.
func TestGroupIsOfTheNewProtocolWhereTheBrokerOffersIt(t *testing.T) {
	consumes := func(t *testing.T, brokers kafkatest.Brokers) error {
		f := newFixture(t, brokers)
		f.goesThrough(f.config())
		b := f.open(f.config())
		m := f.join(b)
		defer m.Close()
		f.put(1, "b")
		m.due("the second", atLeast(1))
		found, err := f.admin().DescribeConsumerGroups(t.Context(), group) // of the new protocol alone
		if err == nil {
			err = found[group].Err
		}
		return err
	}
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		if err := consumes(t, brokers); err != nil {
			t.Errorf("not a group of the new protocol: %v", err)
		}
	})
	t.Run("a broker of version 3.5", func(t *testing.T) {
		if err := consumes(t, kafkatest.NewFake(t, kfake.MaxVersions(kversion.V3_5_0()))); err == nil {
			t.Error("a group of the new protocol")
		} else if errors.Is(err, kerr.CoordinatorNotAvailable) {
			t.Error(err)
		}
	})
}

// Messages that wait to be tried again hold up neither those behind them nor the
// reading of more.
func TestMessagesGivenBackHoldUpNobody(t *testing.T) {
	f := newFixture(t, kafkatest.NewFake(t))
	b := f.open(f.config())
	f.relay(b, f.outbox)
	m := f.join(b)
	defer m.Close()
	f.put(3, "a")
	for _, e := range m.due("all", atLeast(3)) {
		if err := m.Retry(t.Context(), e.ID, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	f.put(2, "b")
	if got := texts(m.due("the others", atLeast(2))); !slices.Equal(got, wanted("b", 2)) {
		t.Errorf("%q", got)
	}
}
