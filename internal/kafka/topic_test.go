package kafka_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/drover-hpc/drover/internal/kafka"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

func (f *fixture) admin() *kadm.Client {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.at))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func TestTopicIsMadeWithARetentionOfAWeek(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		f.open(f.config())
		f.open(f.config()) // finds it
		all, err := f.admin().DescribeTopicConfigs(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, s := range all[0].Configs {
			found[s.Key] = s.MaybeValue()
		}
		if found["retention.ms"] != "604800000" || found["cleanup.policy"] != "delete" {
			t.Errorf("retention.ms=%s cleanup.policy=%s", found["retention.ms"], found["cleanup.policy"])
		}
	})
}

func TestUnfitTopicIsRefusedWithWhatToDo(t *testing.T) {
	onEach(t, func(t *testing.T, brokers kafkatest.Brokers) {
		f := newFixture(t, brokers)
		c := f.config()
		c.Create = false
		if err := f.refused(c); !strings.Contains(err.Error(), "no topic "+topic) || !strings.Contains(err.Error(), "create it") {
			t.Error(err)
		}
		short := "60000"
		if _, err := f.admin().CreateTopic(t.Context(), 1, 1, map[string]*string{"retention.ms": &short}, topic); err != nil {
			t.Fatal(err)
		}
		if err := f.refused(c); !strings.Contains(err.Error(), "1m0s") || !strings.Contains(err.Error(), "at least 1h0m0s") {
			t.Error(err)
		}
		long := "7200000"
		change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &long}}
		if _, err := f.admin().AlterTopicConfigs(t.Context(), change, topic); err != nil {
			t.Fatal(err)
		}
		f.until("the broker goes by the new retention", func() bool {
			b, err := kafka.Open(t.Context(), c)
			if err == nil {
				b.Close()
			}
			return err == nil
		})
	})
}
