package operators

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

func (w *world) cancel(name string) bos.Cancelled {
	w.t.Helper()
	out, err := w.service.CancelSession(w.t.Context(), name, "")
	must(w.t, err)
	return out
}

// left are the nodes that a cancelling stopped, by status.
func left(c bos.Cancelled) map[string][]string {
	out := map[string][]string{}
	for _, one := range c.Stopped {
		out[one.Status] = append(out[one.Status], one.Nodes...)
	}
	return out
}

func (w *world) status(node string) string {
	w.t.Helper()
	c := w.component(node)
	return c.Computed()
}

// stopped tells of a node to which a cancelled session does nothing more.
func (w *world) stopped(node, words string) {
	w.t.Helper()
	if c := w.component(node); c.Enabled || c.Computed() != bos.StatusFailed || !strings.Contains(c.Troubles.Newest(), words) {
		w.t.Errorf("%s: enabled %t, %s, error %q", node, c.Enabled, c.Computed(), c.Troubles.Newest())
	}
}

func TestCancelDuringPowerOff(t *testing.T) {
	w := newWorld(t, 4)
	w.run(bos.OperationBoot, "")
	other := nodeName(0)
	w.with(func() {
		for i := range 3 {
			w.deaf[nodeName(i)] = true
		}
		clear(w.driven)
	})
	name := w.session(bos.OperationShutdown, "")
	w.eventually("the calls, and a node off", func() bool {
		return w.component(nodeName(1)).Engine.Call.State == bos.CallAccepted && w.status(nodeName(3)) == bos.StatusStable
	})
	second := w.session(bos.OperationBoot, other)
	w.eventually("another session to take a node", func() bool { return w.component(other).Session == second })
	w.with(func() { w.deaf[other] = false })

	out := w.cancel(name)
	if got := left(out); out.Found != bos.SessionRunning || len(got) != 1 || !slices.Equal(got["power_off_gracefully_called"], []string{nodeName(1), nodeName(2)}) ||
		out.Succeeded != 1 || out.Taken != 1 || out.Failed != 0 {
		t.Errorf("%+v", out)
	}
	st := w.finish(name)
	if st.PercentFailed < 66 || st.PercentSuccessful > 34 {
		t.Errorf("%+v", st)
	}
	w.stopped(nodeName(1), "the session was cancelled: its BMC was asked to shut it down; once off it stays off")
	successful(t, w.finish(second), 1)
	w.eventually("the calls to be given up", func() bool { return w.driving() == 0 })
	w.setPower(nodeName(1), "off") // what was sent stays sent, and nothing follows
	w.hub.Changed(bos.ComponentsTable, []string{nodeName(1)})
	again := w.cancel(name)
	if again.Found != bos.SessionComplete || len(again.Stopped) != 0 || again.Failed != 2 || again.Error != "cancelled" {
		t.Errorf("%+v", again)
	}
	w.stopped(nodeName(1), "the session was cancelled")
	if c := w.component(nodeName(1)); c.Engine.Call != (bos.Call{}) || c.ActualState.BSSToken != "" {
		t.Errorf("%+v: what runs is about to end", c)
	}
	w.with(func() {
		if got := w.driven[nodeName(1)]; !slices.Equal(got, []string{"Soft-Off"}) || slices.Contains(w.driven[nodeName(3)], "On") {
			t.Errorf("driven %v", w.driven)
		}
	})
}

func TestCancelDuringPowerOn(t *testing.T) {
	w := newWorld(t, 1)
	node := nodeName(0)
	w.with(func() { w.deaf[node] = true })
	name := w.session(bos.OperationBoot, "")
	w.eventually("the call", func() bool { return w.component(node).Engine.Call.State == bos.CallAccepted })
	if out := w.cancel(name); !slices.Equal(left(out)["power_on_called"], []string{node}) {
		t.Errorf("%+v", out)
	}
	if st := w.finish(name); st.PercentFailed != 100 || len(st.ErrorSummary) != 1 {
		t.Errorf("%+v", st)
	}
	w.setPower(node, "on")
	must(t, w.report(node, w.token[node]))
	w.stopped(node, "its BMC was asked to power it on; once on it boots")
	if c := w.component(node); !c.Matches() {
		t.Errorf("%+v: the node's report is taken", c.ActualState)
	}
}

func TestCancelDuringConfiguration(t *testing.T) {
	w := newWorld(t, 1)
	node := nodeName(0)
	w.with(func() { w.cfsOutcome[node] = "pending" })
	name := w.session(bos.OperationBoot, "")
	w.eventually("configuration", func() bool { return w.status(node) == bos.StatusConfiguring })
	if out := w.cancel(name); !slices.Equal(left(out)["configuring"], []string{node}) {
		t.Errorf("%+v", out)
	}
	w.finish(name)
	w.setConfig(node, func(c *bos.Configuration) { c.Status = "configured" })
	w.stopped(node, "it runs what it should, and CFS goes on configuring it")
	successful(t, w.run(bos.OperationBoot, ""), 1)
}

func TestCancelBeforeSetup(t *testing.T) {
	w := newWorld(t, 1)
	w.with(func() { w.fail["hsm"] = fault.New(fault.Unavailable, "HSM is down") })
	name := w.session(bos.OperationBoot, "")
	w.eventually("a try", func() bool {
		s, err := w.service.Session(t.Context(), name, "")
		return err == nil && s.Tries > 0
	})
	if out := w.cancel(name); out.Found != bos.SessionPending || len(out.Stopped) != 0 {
		t.Errorf("%+v", out)
	}
	w.with(func() { delete(w.fail, "hsm") })
	w.finish(name)
	successful(t, w.run(bos.OperationBoot, ""), 1)
	s, err := w.service.Session(t.Context(), name, "")
	if err != nil || s.Status.Error != "cancelled before it was set up" || s.Status.EndTime.IsZero() {
		t.Errorf("%+v %v", s.Status, err)
	}
	if got := w.component(nodeName(0)); got.Session == name {
		t.Error("the node became the cancelled session's")
	}
}

// What waits for applystaged is forgotten, and what was applied is stopped.
func TestCancelOfAStagedSession(t *testing.T) {
	w := newWorld(t, 3)
	w.with(func() { w.deaf[nodeName(0)] = true })
	_, err := w.service.CreateSession(t.Context(), bos.NewSession{Name: "later", Operation: bos.OperationBoot, TemplateName: "t", Stage: true})
	must(t, err)
	w.eventually("staging", func() bool { return w.component(nodeName(2)).StagedState.Session == "later" })
	w.setOptions(`{"clear_stage":true}`)
	_, err = w.service.ApplyStaged(t.Context(), []string{nodeName(0)}, "")
	must(t, err)
	out := w.cancel("later")
	if len(out.Stopped) != 1 || !slices.Equal(out.Unstaged, []string{nodeName(1), nodeName(2)}) || out.Taken != 0 {
		t.Errorf("%+v", out)
	}
	w.finish("later")
	applied, err := w.service.ApplyStaged(t.Context(), []string{nodeName(1)}, "")
	if err != nil || !slices.Equal(applied.Ignored, []string{nodeName(1)}) {
		t.Errorf("%+v %v", applied, err)
	}
}

// A server that ended before it had given up the calls, or before it had come to
// all nodes, does the rest when it is back.
func TestCancelThatWasInterrupted(t *testing.T) {
	w := newWorld(t, 2)
	w.with(func() { w.deaf[nodeName(0)], w.deaf[nodeName(1)] = true, true })
	name := w.session(bos.OperationBoot, "")
	w.eventually("the calls", func() bool {
		return w.component(nodeName(0)).Engine.Call.State == bos.CallAccepted && w.component(nodeName(1)).Engine.Call.State == bos.CallAccepted
	})
	w.stop()
	w.cancel(name)
	w.start()
	w.finish(name)
	w.eventually("the calls to be given up", func() bool { return w.driving() == 0 })

	name = w.session(bos.OperationBoot, "")
	w.eventually("the next calls", func() bool { return w.component(nodeName(0)).Engine.Call.State == bos.CallAccepted })
	w.stop()
	_, err := w.service.ChangeSession(t.Context(), name, "", func(s *bos.Session) error {
		s.CancelledAt = time.Now()
		return nil
	})
	must(t, err)
	w.start()
	w.finish(name)
	list, err := w.service.Components(t.Context(), store.Query{})
	must(t, err)
	for i := range list {
		w.stopped(list[i].ID, "the session was cancelled: its BMC was asked to power it on")
	}
}
