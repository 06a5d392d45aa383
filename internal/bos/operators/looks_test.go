package operators

import (
	"context"
	"database/sql"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// asks are how many nodes services were asked for in so long.
func (w *world) asks(while time.Duration) map[string]int {
	w.with(func() { clear(w.asked) })
	time.Sleep(while) // virtual time
	synctest.Wait()
	var got map[string]int
	w.with(func() { got = maps.Clone(w.asked) })
	return got
}

// Services that tell of each change are hardly asked by a server that has
// nothing to do, whatever polling_frequency says, and little about nodes that
// only have to be waited for.
func TestHintedServicesAreSeldomAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		w := newWorld(t, n)
		w.setOptions(`{"polling_frequency":15,"discovery_frequency":600}`)
		time.Sleep(10 * time.Minute)
		if got := w.asks(time.Hour); got["PCS"] != 0 || got["CFS"] != 0 || got["all of HSM"] > 6 {
			t.Errorf("at rest services were asked for %v in an hour", got)
		}
		w.setOptions(`{"max_boot_wait_time":7200}`)
		for id := range w.nodes {
			w.with(func() { w.silent[id] = true })
		}
		w.session(bos.OperationBoot, "")
		time.Sleep(time.Minute)
		got := w.asks(time.Hour)
		if most := n * 12; got["PCS"] > most || got["CFS"] > most {
			t.Errorf("while %d nodes boot for an hour services were asked for %v, want at most %d: once in five minutes each", n, got, most)
		}
		for id := range w.nodes {
			if c := w.component(id); c.Computed() != bos.StatusPowerOnCalled {
				t.Errorf("%s is %s", id, c.Computed())
			}
		}
		w.stop()
		w.db.Close()
	})
}

// A service that does not say where a node stands is asked as often as
// polling_frequency says: that it knows again may not be hinted.
func TestNodesThatAreNotKnownAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.setOptions(`{"polling_frequency":15,"max_power_on_wait_time":7200}`)
		node := nodeName(0)
		w.with(func() { w.powerError[node] = "not looked at yet" })
		name := w.session(bos.OperationBoot, node)
		time.Sleep(time.Minute)
		if got := w.asks(10 * time.Minute); got["PCS"] < 35 || got["PCS"] > 45 {
			t.Errorf("asked for %v in ten minutes, want once in 15 s", got)
		}
		w.with(func() { delete(w.powerError, node) }) // and nothing tells of it
		successful(t, w.finish(name), 1)
		w.stop()
		w.db.Close()
	})
}

// Waits that options make shorter end when they say so.
func TestChangedOptionsAreHeededAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.setOptions(`{"polling_frequency":15,"max_boot_wait_time":7200,"default_retry_policy":1}`)
		w.with(func() { w.silent[nodeName(0)] = true })
		began, name := time.Now(), w.session(bos.OperationBoot, "")
		time.Sleep(10 * time.Minute)
		w.setOptions(`{"max_boot_wait_time":60}`)
		if st := w.finish(name); st.PercentFailed != 100 || time.Since(began) > 11*time.Minute {
			t.Errorf("%+v after %s", st, time.Since(began))
		}
		w.stop()
		w.db.Close()
	})
}

// What is read at each look at a session does not grow with its nodes; they go
// with it.
func TestSessionRecordDoesNotGrowWithItsNodes(t *testing.T) {
	const n = 200
	w := newWorld(t, n)
	name := w.session(bos.OperationBoot, "")
	successful(t, w.finish(name), n)
	size := func(what string) (n int) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=busy_timeout(10000)")
		must(t, err)
		defer db.Close()
		must(t, db.QueryRow("SELECT coalesce(sum(length(doc)), 0) FROM "+what).Scan(&n))
		return n
	}
	if got := size(bos.SessionsTable); got > 2000 {
		t.Errorf("the session's record has %d bytes", got)
	}
	s, err := w.service.Session(t.Context(), name, "")
	must(t, err)
	nodes, err := w.service.SessionNodes(t.Context(), s)
	must(t, err)
	if got := nodes["/"+name].Components; len(got) < n*10 {
		t.Errorf("nodes %q", got)
	}
	must(t, w.service.DeleteSession(t.Context(), name, ""))
	if got := size("bos_session_nodes"); got != 0 {
		t.Errorf("%d bytes of nodes are left", got)
	}
}

// countedSessions counts how often is asked which node is busy.
type countedSessions struct {
	sessions
	asked *int
}

func (c *countedSessions) BusyNode(ctx context.Context, s *bos.Session, given string) (string, error) {
	*c.asked++
	return c.sessions.BusyNode(ctx, s, given)
}

// Whether a session is over is asked of the database only when the node has
// changed that it still waits for.
func TestSessionIsLookedAtWhenItsBusyNodeChanges(t *testing.T) {
	w := newWorld(t, 3)
	w.stop() // only what follows runs
	asked := 0
	o := &completion{sessions: &countedSessions{sessions: w.service, asked: &asked}, now: time.Now, log: slog.Default()}
	s, err := w.service.CreateSession(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t"})
	must(t, err)
	_, _, err = w.service.Change(t.Context(), []string{nodeName(0), nodeName(1), nodeName(2)}, func(c *bos.Component) error {
		c.Join(&s, bos.Target{}, time.Now())
		return nil
	})
	must(t, err)
	_, err = w.service.ChangeSession(t.Context(), s.Name, "", func(s *bos.Session) error {
		s.Status.Status = bos.SessionRunning
		return nil
	})
	must(t, err)
	look := func(keys ...string) {
		t.Helper()
		must(t, o.run(t.Context(), bos.Options{}, events.Wake{Keys: keys}))
	}
	end := func(id string) {
		_, _, err := w.service.Change(t.Context(), []string{id}, func(c *bos.Component) error {
			if !c.Enabled {
				return store.ErrUnchanged
			}
			c.Enabled = false
			return nil
		})
		must(t, err)
		look(id)
	}
	look("/" + s.Name)
	busy := o.busy["/"+s.Name]
	if asked != 1 || busy == "" {
		t.Fatalf("asked %d times, busy %q", asked, busy)
	}
	var others []string
	for id := range w.nodes {
		if id != busy {
			others = append(others, id)
		}
	}
	end(others[0])
	look(others[1])
	if asked != 1 {
		t.Errorf("asked %d times although %s has not changed", asked, busy)
	}
	end(busy)
	if got := o.busy["/"+s.Name]; asked != 2 || got != others[1] {
		t.Errorf("asked %d times, busy %q, want %q", asked, got, others[1])
	}
	end(others[1])
	if s, err := w.service.Session(t.Context(), s.Name, ""); err != nil || s.Status.Status != bos.SessionComplete {
		t.Errorf("%+v, %v", s.Status, err)
	}
}
