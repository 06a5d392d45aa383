package kafkatest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Libraries is the environment variable with the directory of Kafka's jars, as
// scripts/kafka.sh prints it.
const Libraries = "KAFKA_LIBS"

// User may use the listener with SASL, by Password.
const (
	User     = "drover"
	Password = "secret"
)

// Real is an Apache Kafka in KRaft mode, broker and controller in one process.
type Real struct {
	t         testing.TB
	libraries string
	dir       string
	port      int
	guarded   int
	process   *os.Process
	ended     chan struct{}
}

// NewReal starts one; it ends with the test. Where KAFKA_LIBS is not set the test
// is skipped.
func NewReal(t testing.TB) *Real {
	t.Helper()
	libraries := os.Getenv(Libraries)
	if libraries == "" {
		t.Skipf("%s names no directory: `make test-kafka` has a real Kafka", Libraries)
	}
	r := &Real{t: t, libraries: libraries, dir: t.TempDir(), port: freePort(t), guarded: freePort(t)}
	settings := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d,GUARDED://127.0.0.1:%[4]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,GUARDED://127.0.0.1:%[4]d
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
listener.name.guarded.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%[5]s="%[6]s";
listener.name.guarded.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=500
group.consumer.session.timeout.ms=5000
group.consumer.min.session.timeout.ms=5000
group.consumer.min.heartbeat.interval.ms=500
`, r.port, freePort(t), filepath.Join(r.dir, "data"), r.guarded, User, Password)
	if err := os.WriteFile(r.settings(), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(r.run("kafka.tools.StorageTool", "random-uuid"))
	r.run("kafka.tools.StorageTool", "format", "--standalone", "-t", id, "-c", r.settings())
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

func (r *Real) settings() string { return filepath.Join(r.dir, "server.properties") }

func (r *Real) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(r.libraries, "*"),
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}, args...)...)
}

func (r *Real) run(args ...string) string {
	r.t.Helper()
	cmd := r.java(args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("java %s: %v\n%s%s", strings.Join(args, " "), err, out, &complaints)
	}
	return string(out)
}

// Address implements Brokers.
func (r *Real) Address() string { return address(r.port) }

// Guarded is the listener that asks for SASL: PLAIN, and SCRAM for whom a client
// gives credentials.
func (r *Real) Guarded() string { return address(r.guarded) }

// Kill implements Brokers, by SIGKILL.
func (r *Real) Kill() {
	if r.process == nil {
		return
	}
	r.process.Kill() //nolint:errcheck // it may have ended
	<-r.ended
	r.process = nil
}

// Start implements Brokers and returns once the broker answers.
func (r *Real) Start() {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	cmd := r.java("kafka.Kafka", r.settings())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // of the thread that starts it
	started := make(chan error)
	r.ended = make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // killed, usually
		}
		close(r.ended)
	}()
	if err := <-started; err != nil {
		r.t.Fatal(err)
	}
	r.process = cmd.Process
	r.answers()
}

func (r *Real) answers() {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Address()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for client.Ping(ctx) != nil {
		select {
		case <-r.ended:
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(filepath.Join(r.dir, "log"))
		r.t.Fatalf("Kafka does not come up:\n%s", text)
	}
}
