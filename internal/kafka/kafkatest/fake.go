// Package kafkatest starts brokers for tests: kfake, which runs in the test, and a
// real Apache Kafka, where scripts/kafka.sh has put it.
package kafkatest

import (
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Brokers is a cluster of one broker that keeps its data and its address while
// it is down.
type Brokers interface {
	// Address is HOST:PORT.
	Address() string
	// Kill ends the broker at once; Start brings it back.
	Kill()
	Start()
}

// sessionTimeout is how long a member of a group may be silent, in milliseconds.
const sessionTimeout = "10000"

// Fake is a broker of kfake.
type Fake struct {
	t       testing.TB
	options []kfake.Opt
	port    int
	cluster *kfake.Cluster
}

// NewFake starts one; it ends with the test. It must not be down for longer than
// sessionTimeout while it has a group of KIP-848: kfake (of 2026-09-18) forgets
// members whose time is over by then, but not that their partitions are theirs, and
// gives these to nobody any more. Groups of brokers before Kafka 4 have no such limit.
func NewFake(t testing.TB, options ...kfake.Opt) *Fake {
	t.Helper()
	f := &Fake{t: t, port: freePort(t)}
	f.options = append([]kfake.Opt{kfake.NumBrokers(1), kfake.Ports(f.port), kfake.DataDir(filepath.Join(t.TempDir(), "kafka")), kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "200", "group.consumer.session.timeout.ms": sessionTimeout})}, options...)
	f.Start()
	t.Cleanup(f.Kill)
	return f
}

// Address implements Brokers.
func (f *Fake) Address() string { return address(f.port) }

// Cluster is the running broker, to look into or to have it fail.
func (f *Fake) Cluster() *kfake.Cluster { return f.cluster }

// Kill implements Brokers.
func (f *Fake) Kill() {
	if f.cluster != nil {
		f.cluster.Close()
	}
	f.cluster = nil
}

// Start implements Brokers.
func (f *Fake) Start() {
	f.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var err error
		if f.cluster, err = kfake.NewCluster(f.options...); err == nil {
			return
		}
		if time.Now().After(deadline) { // somebody has the port, for longer than a connection takes to end
			f.t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
