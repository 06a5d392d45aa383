package e2e

import (
	"os"
	"testing"

	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

// Nothing but Kafka brings sessions here: none waits for less than an hour. What
// is asked for while the broker is away, and the server killed, is run once both
// are back.
func TestSessionsGoThroughKafkaWhateverEnds(t *testing.T) {
	if os.Getenv("KAFKA_LIBS") == "" {
		t.Skip("a member of the group that was killed is missed late on a busy machine: make test-kafka runs it")
	}
	broker := kafkatest.NewFake(t)
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
