package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

// Nothing but Kafka brings sessions here: none waits for less than an hour. What
// is asked for while the broker is away, and the server killed, is run once both
// are back.
func TestSessionsGoThroughKafkaWhateverEnds(t *testing.T) {
	t.Parallel()
	// One of before Kafka 4: it is down for as long as commands and a server's start take.
	broker := kafkatest.NewFake(t, kfake.MaxVersions(kversion.V3_5_0()))
	c := newCluster(t, 1, "--kafka", broker.Address(), "--kafka-wait", "1h")
	create := func(name string) {
		c.drover("cfs", "v3", "sessions", "create", "--name", name, "--configuration-name", "debug_noop")
	}
	status := func(name string) any {
		return c.object("cfs", "v3", "sessions", "describe", name)["status"].(map[string]any)["session"].(map[string]any)["status"]
	}
	create("first")
	c.eventually("the first session ends", func() bool { return status("first") == "complete" })

	broker.Kill()
	create("second")
	c.kill()
	c.start()
	if got := status("second"); got != "pending" {
		t.Errorf("without its event the session is %v", got)
	}
	broker.Start()
	c.eventually("the second session ends", func() bool { return status("second") == "complete" })
}
