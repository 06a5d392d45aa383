package server

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/kafka/kafkatest"
	"github.com/drover-hpc/drover/internal/store"
)

// Sessions are created while the broker is killed twice and while it is away:
// all are accepted, none is lost, each is taken up once by its event and gets
// one job.
func TestKafkaKilledTwiceLosesNoSession(t *testing.T) {
	t.Run("kfake", func(t *testing.T) { loseNone(t, kafkatest.NewFake(t), 300) })
	t.Run("kafka", func(t *testing.T) { loseNone(t, kafkatest.NewReal(t), 5000) })
}

func loseNone(t *testing.T, brokers kafkatest.Brokers, n int) {
	c := testConfig(t)
	c.MaxSessions = 50
	k := startWithKafka(t, c, brokers.Address())
	name := func(i int) string { return fmt.Sprintf("s%04d", i) }
	var next atomic.Int64
	create := func(until int) {
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for i := int(next.Add(1)) - 1; i < until; i = int(next.Add(1)) - 1 {
					k.create(name(i))
				}
			})
		}
		clients.Wait()
		next.Store(int64(until))
	}
	began := time.Now()
	for _, share := range []int{1, 2} {
		create(share*n/3 - n/6) // the rest of this third is created while the broker is away
		k.until("some of these are taken up", func() bool { return k.total() > (share-1)*n/3 })
		brokers.Kill()
		create(share * n / 3)
		k.until("health tells of the outage", func() bool {
			status, health := k.health()
			return status == http.StatusServiceUnavailable && health["kafka_status"] == "not_available" && health["db_status"] == "ok"
		})
		brokers.Start()
	}
	create(n)
	k.until("all have a job", func() bool { return k.total() >= n })
	k.until("nothing is left to be handled", func() bool { return k.figure("drover_cfs_events_lag") == 0 })
	runs, err := store.NewTable(k.db, store.Spec[cfs.Run]{Name: "cfs_runs", Kind: "Run", Key: func(r *cfs.Run) string { return r.Session }}).List(t.Context(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for _, r := range runs {
		taken[r.Session] = !r.TakenUp.IsZero()
	}
	for i := range n {
		if jobs := k.count(name(i)); jobs != 1 || !taken[name(i)] {
			t.Errorf("session %s: %d jobs, taken up by its event: %t", name(i), jobs, taken[name(i)])
		}
	}
	if dead := k.figure("drover_cfs_events_dead"); len(runs) != n || dead != 0 {
		t.Errorf("%d sessions, %g events set aside", len(runs), dead)
	}
	t.Logf("%d sessions in %s: %g events sent, %g handled, %d jobs", n, time.Since(began).Round(time.Millisecond),
		k.figure("drover_cfs_events_relayed_total"), k.figure("drover_cfs_events_handled_total"), k.total())
}
