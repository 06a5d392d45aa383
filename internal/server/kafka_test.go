package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
)

// notes is an executor that only notes what it is to start; each job ends at
// once.
type notes struct {
	mu     sync.Mutex
	starts map[string]int // by session
}

func (n *notes) Start(_ context.Context, j cfs.Job) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.starts[j.Session]++
	return nil
}

func (n *notes) State(context.Context, string) (cfs.JobState, error) {
	return cfs.JobState{Phase: job.Succeeded, Ended: time.Now()}, nil
}

func (n *notes) Stop(context.Context, string) error { return nil }
func (n *notes) Changed() <-chan string             { return make(chan string) }

func (n *notes) count(session string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.starts[session]
}

// total is how many jobs were started.
func (n *notes) total() (sum int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, starts := range n.starts {
		sum += starts
	}
	return sum
}

// kafkaServer is a server whose session events go through the brokers.
type kafkaServer struct {
	*Server
	t *testing.T
	*notes
}

func startWithKafka(t *testing.T, c Config, address string) *kafkaServer {
	t.Helper()
	c.Kafka = Kafka{Brokers: []string{address}, Topic: cfs.EventsTopic, Group: "cfs-operator", Create: true, Wait: time.Hour}
	k := &kafkaServer{t: t, notes: &notes{starts: map[string]int{}}}
	s, err := Start(t.Context(), c, Options{Executor: k.notes})
	if err != nil {
		t.Fatal(err)
	}
	k.Server = s
	t.Cleanup(s.Stop)
	return k
}

func (k *kafkaServer) call(method, path, body string, out any) int {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.URL()+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			k.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

func (k *kafkaServer) create(session string) {
	k.t.Helper()
	body := fmt.Sprintf(`{"name":%q,"configuration_name":"debug_noop"}`, session)
	if status := k.call("POST", "/apis/cfs/v3/sessions", body, nil); status != http.StatusCreated {
		k.t.Fatalf("create %s: status %d", session, status)
	}
}

func (k *kafkaServer) health() (status int, health map[string]any) {
	k.t.Helper()
	status = k.call("GET", "/apis/cfs/healthz", "", &health)
	return status, health
}

// figure is one of /metrics; -1 if it is not shown.
func (k *kafkaServer) figure(name string) float64 {
	k.t.Helper()
	resp, err := http.Get(k.URL() + "/metrics")
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				k.t.Fatal(err)
			}
			return value
		}
	}
	return -1
}

func (k *kafkaServer) until(what string, holds func() bool) {
	k.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			k.t.Fatalf("timed out: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// With an hour to wait for its event, only Kafka can have brought the session.
func TestSessionGoesThroughKafka(t *testing.T) {
	k := startWithKafka(t, testConfig(t), kafkatest.NewFake(t).Address())
	k.create("s")
	k.until("the session's end", func() bool {
		var s cfs.Session
		k.call("GET", "/apis/cfs/v3/sessions/s", "", &s)
		return s.Status.Session.Status == cfs.StageComplete
	})
	if n := k.count("s"); n != 1 {
		t.Errorf("started %d times", n)
	}
	if status, health := k.health(); status != http.StatusOK || health["kafka_status"] != "ok" {
		t.Errorf("%d %v", status, health)
	}
}

func TestHealthSaysWhyKafkaCannotBeUsed(t *testing.T) {
	fake := kafkatest.NewFake(t)
	k := startWithKafka(t, testConfig(t), fake.Address())
	if _, health := k.health(); health["kafka_error"] != nil {
		t.Errorf("%v", health)
	}
	fake.Kill()
	k.until("health names the broker", func() bool {
		status, health := k.health()
		why, _ := health["kafka_error"].(string)
		return status == http.StatusServiceUnavailable && health["db_status"] == "ok" && health["kafka_status"] == "not_available" && strings.Contains(why, fake.Address())
	})
	if up, lag := k.figure("drover_kafka_up"), k.figure("drover_cfs_events_lag"); up != 0 || lag != -1 {
		t.Errorf("up %g; a lag of %g is shown that nobody knows", up, lag)
	}
}

// Anybody can send to the topic; what makes no sense is told, and forgotten when
// an administrator says so.
func TestHealthAndFiguresTellOfEventsSetAsideFromKafka(t *testing.T) {
	fake := kafkatest.NewFake(t)
	k := startWithKafka(t, testConfig(t), fake.Address())
	client, err := kgo.NewClient(kgo.SeedBrokers(fake.Address()), kgo.DefaultProduceTopic(cfs.EventsTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), kgo.StringRecord("nonsense")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.until("health tells", func() bool {
		status, health := k.health()
		return status == http.StatusOK && health["events_set_aside"] == 1.0
	})
	k.until("figures tell", func() bool {
		return k.figure("drover_cfs_events_dead") == 1 && k.figure("drover_cfs_events_set_aside_total") == 1 && k.figure("drover_cfs_events_lag") == 0
	})
	if up, missing := k.figure("drover_kafka_up"), k.figure("process_resident_memory_bytes"); up != 1 || missing <= 0 {
		t.Errorf("up %g, memory %g", up, missing)
	}
	k.create("s")
	k.until("the session behind it is started", func() bool { return k.count("s") == 1 })
	const path = "/apis/drover/v1/session-events/set-aside"
	var list []cfs.DeadEvent
	if k.call("GET", path, "", &list); len(list) != 1 || string(list[0].Payload) != "nonsense" || list[0].Reason == "" {
		t.Errorf("%+v", list)
	}
	var forgotten map[string]any
	if k.call("DELETE", path, "", &forgotten); forgotten["forgotten"] != 1.0 {
		t.Errorf("%v", forgotten)
	}
	if _, health := k.health(); health["events_set_aside"] != nil {
		t.Errorf("%v", health)
	}
}

// A session that was created while the broker was away is started by a later
// server; and who turns Kafka off has a server that works without it.
func TestEventsForKafkaOutliveServerAndBroker(t *testing.T) {
	fake := kafkatest.NewFake(t)
	c := testConfig(t)
	held := c
	held.HoldCFS = true
	for round, config := range []Config{held, c} {
		k := startWithKafka(t, config, fake.Address())
		if round == 0 {
			fake.Kill()
			k.create("s")
			k.Server.Stop()
			fake.Start()
			continue
		}
		k.until("the session is started", func() bool { return k.count("s") == 1 })
		k.Server.Stop()
	}
	s, err := Start(t.Context(), c, Options{Executor: &notes{starts: map[string]int{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	without := &kafkaServer{Server: s, t: t, notes: s.opts.Executor.(*notes)}
	if status, health := without.health(); status != http.StatusOK || health["kafka_status"] != "ok" {
		t.Errorf("without Kafka: %d %v", status, health)
	}
	without.create("later")
	without.until("the later session is started", func() bool { return without.count("later") == 1 })
}
