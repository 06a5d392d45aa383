package operators

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// committed counts, by table, how often records were written: once in each commit.
type committed struct {
	mu sync.Mutex
	by map[string]int
}

func (c *committed) changed(table string, keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[table] += len(keys)
}

func (w *world) written(table string) int {
	w.committed.mu.Lock()
	defer w.committed.mu.Unlock()
	return w.committed.by[table]
}

// reportOnceSeen has nodes report when the status operator has seen them on, as
// real nodes do.
func (w *world) reportOnceSeen() {
	w.beforeBoot = func(node string) {
		w.eventually("the node is seen on", func() bool {
			power, config := w.ops.status.power.fresh([]string{node}), w.ops.status.config.fresh([]string{node})
			return power[node] != nil && power[node].value.State == "on" && config[node] != nil
		})
	}
}

// Setup, the two calls, the report with what follows from it, the end: what
// lasts no time is not written by itself.
func TestRebootWritesARecordFiveTimes(t *testing.T) {
	const n = 20
	w := newWorld(t, n)
	w.stop()
	w.within = time.Hour
	w.reportOnceSeen()
	w.start()
	w.run(bos.OperationBoot, "")
	before, from := w.written(bos.ComponentsTable), len(w.statuses(nodeName(3)))
	successful(t, w.run(bos.OperationReboot, ""), n)
	if got := w.written(bos.ComponentsTable) - before; got > 5*n {
		t.Errorf("%d writes for %d nodes, want 5 a node", got, n)
	}
	expectStatuses(t, w, nodeName(3), from, append([]string{"on_hold", "power_off_pending", "power_off_gracefully_called"}, booted[1:]...))
	for id := range w.nodes {
		c := w.component(id)
		if c.DesiredState.BSSToken == "" || c.DesiredState.BSSToken != c.ActualState.BSSToken {
			t.Errorf("%s: desired token %q, actual %q", id, c.DesiredState.BSSToken, c.ActualState.BSSToken)
		}
	}
}

// An acceptance that nothing follows is in the record soon, with the token.
func TestAcceptanceIsWrittenByItselfInTheEnd(t *testing.T) {
	w := newWorld(t, 1)
	node := nodeName(0)
	w.with(func() { w.silent[node] = true })
	w.session(bos.OperationBoot, "")
	w.eventually("the acceptance", func() bool {
		c := w.component(node)
		return c.Engine.Call.State == bos.CallAccepted && c.EventStats.PowerOnAttempts == 1 && c.DesiredState.BSSToken == "token-1"
	})
}

// A node may report the token of its power-on before that stands in its
// record, also to the next server.
func TestReportOfATokenThatIsInNoRecordYet(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t, 2)
		w.stop()
		w.within = time.Hour
		w.start()
		node, other := nodeName(0), nodeName(1)
		w.with(func() { w.silent[node], w.silent[other] = true, true })
		name := w.session(bos.OperationBoot, node)
		w.eventually("the node is on", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.power[node] == "on"
		})
		if restart {
			w.stop()
			w.start()
			w.ops.Started()
		}
		c := w.component(node)
		if c.DesiredState.BSSToken != "" {
			t.Fatalf("token %q", c.DesiredState.BSSToken)
		}
		if err := w.report(other, "token-1"); err == nil || !strings.Contains(err.Error(), "for the boot of other nodes") {
			t.Errorf("the report of a node that has the token from elsewhere: %v", err)
		}
		must(t, w.report(node, "token-1"))
		w.setConfig(node, func(c *bos.Configuration) {
			c.Enabled = true
			w.configured(c)
		})
		successful(t, w.finish(name), 1)
		if c := w.component(node); c.DesiredState.BSSToken != "token-1" || !c.Matches() {
			t.Errorf("%+v", c)
		}
	}
}

// A server that finds a power-on under way finds its token, too.
func TestTokenOfAnEarlierRunIsFound(t *testing.T) {
	w := newWorld(t, 1)
	w.stop()
	w.within = time.Hour
	w.start()
	node := nodeName(0)
	w.with(func() { w.silent[node] = true })
	w.session(bos.OperationBoot, "")
	w.eventually("the node is on", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.power[node] == "on"
	})
	w.stop()
	w.within = time.Millisecond
	w.start()
	w.eventually("the token", func() bool { return w.component(node).DesiredState.BSSToken == "token-1" })
}

// Statuses are all in the journal although some were never written.
func TestStepsWithoutAWriteAreInTheJournal(t *testing.T) {
	w := newWorld(t, 1)
	w.stop()
	before := w.written(bos.ComponentsTable)
	_, _, err := w.service.ChangeBySteps(t.Context(), []string{nodeName(0)}, func(c *bos.Component, step func()) error {
		c.Status.Phase = bos.PhaseOff
		step()
		c.Status.Phase = bos.PhaseOn
		return nil
	})
	must(t, err)
	_, _, err = w.service.ChangeBySteps(t.Context(), []string{nodeName(0)}, func(*bos.Component, func()) error { return store.ErrUnchanged })
	must(t, err)
	if got := w.statuses(nodeName(0)); len(got) != 2 || got[0] != "power_off_pending" || got[1] != "power_on_pending" {
		t.Errorf("%v", got)
	}
	if got := w.written(bos.ComponentsTable) - before; got != 1 {
		t.Errorf("%d writes", got)
	}
}

// What PCS is asked for is recorded once for all nodes of a transition, with the
// session as who; what cannot be recorded is not asked for.
func TestPowerCallsAreRecorded(t *testing.T) {
	w := newWorld(t, 4)
	name := w.session(bos.OperationBoot, "")
	successful(t, w.finish(name), 4)
	list, err := w.audit.List(t.Context(), audit.Filter{Session: name})
	must(t, err)
	calls := 0
	for _, r := range list {
		calls += r.NodeCount
		if r.Who.Name != "session "+name || r.Path != "PCS On" || r.Outcome != audit.Asked || !strings.HasPrefix(r.Nodes, "x1000c0s") {
			t.Errorf("%+v", r)
		}
	}
	if calls != 4 {
		t.Errorf("records of %d nodes: %+v", calls, list)
	}
}

func TestWhatCannotBeRecordedIsNotAskedFor(t *testing.T) {
	b := &powerCall{by: &powerOperator{caller: caller{audit: full{}}}, nodes: []bos.Component{{ID: "x1000c0s0b0n0", Session: "s"}}}
	if err := b.record(t.Context(), nil); answerTo(err) != bos.AnswerLater {
		t.Errorf("%v: want to try again later", err)
	}
}

type full struct{}

func (full) Append(context.Context, audit.Record) error {
	return fault.New(fault.Unavailable, "the audit log cannot be written: disk full")
}
