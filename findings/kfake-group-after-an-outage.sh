#!/bin/sh
# franz-go's kfake of 2026-09-18 (v0.0.0-20260918054303-01f206a7e32c), with franz-go 1.22.2: a group of KIP-848 gets nothing after a long outage.
#
# With kfake.DataDir an imitated broker keeps its groups while it is down. If it is down for longer than the group's session timeout, the member
# of before is forgotten when it comes back, but its partitions stay its own: a member that joins afterwards is given none of them, and waits for
# ever. After an outage that is shorter than the timeout the next member gets them once the member of before has missed it.
#
#   outage 0s, session timeout 3s   the next member gets the record
#   outage 5s, session timeout 3s   the next member gets nothing within 20s
#
# So a test that keeps an imitated broker down must keep that below the timeout, or use a group of before Kafka 4 (kfake.MaxVersions).
set -eu

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod
cat >go.mod <<'MOD'
module finding

go 1.25

require (
	github.com/twmb/franz-go v1.22.2
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const timeout = 3 * time.Second

func main() {
	for _, outage := range []time.Duration{0, 5 * time.Second} {
		said := "gets the record"
		if err := after(outage); errors.Is(err, context.DeadlineExceeded) {
			said = "gets nothing within 20s"
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("outage %v, session timeout %v   the next member %s\n", outage, timeout, said)
	}
}

// after has a member take part, the broker go down for so long, and another member wait for a record.
func after(outage time.Duration) error {
	dir, err := os.MkdirTemp("", "kfake-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites(), kfake.SeedTopics(1, "t"),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "200", "group.consumer.session.timeout.ms": fmt.Sprint(timeout.Milliseconds())})}
	broker, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	addr := broker.ListenAddrs()
	first, err := member(addr)
	if err != nil {
		return err
	}
	if err := exchange(first, addr, "before"); err != nil {
		return fmt.Errorf("the first member: %w", err)
	}
	if err := first.CommitUncommittedOffsets(context.Background()); err != nil {
		return err
	}
	broker.Close()
	first.Close()
	time.Sleep(outage) // the outage itself is what is tried
	if broker, err = kfake.NewCluster(options...); err != nil {
		return err
	}
	defer broker.Close()
	next, err := member(addr)
	if err != nil {
		return err
	}
	defer next.Close()
	return exchange(next, addr, "after")
}

func member(addr []string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(addr...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.ServerSideBalancer(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
}

// exchange sends a record and waits until the member has it.
func exchange(m *kgo.Client, addr []string, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr...), kgo.DefaultProduceTopic("t"))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := producer.ProduceSync(ctx, kgo.StringRecord(text)).FirstErr(); err != nil {
		return fmt.Errorf("send: %v", err)
	}
	for {
		f := m.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, r := range f.Records() {
			if string(r.Value) == text {
				return nil
			}
		}
	}
}
GO
out=$(go run . 2>"$dir/err") || { cat "$dir/err" >&2; exit 1; }
printf '%s\n' "$out"
expected='outage 0s, session timeout 3s   the next member gets the record
outage 5s, session timeout 3s   the next member gets nothing within 20s'
test "$out" = "$expected" || { printf 'expected\n%s\n' "$expected" >&2; exit 1; }
