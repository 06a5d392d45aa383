package operators

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/store"
)

// A PCS that fails the task at a BMC's first 503 says "later": the boot is
// tried again and costs no attempt.
func TestBusyBMCDoesNotFailABoot(t *testing.T) {
	w := newWorld(t, 1)
	w.setOptions(`{"default_retry_policy":1}`)
	busy := nodeName(0)
	w.answers = map[string]bos.Answer{busy: bos.AnswerLater}
	w.refuse[busy+" On"] = "BMC answered 503"
	name := w.session(bos.OperationBoot, "")
	w.eventually("three calls", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.driven[busy]) >= 3
	})
	if c := w.component(busy); c.EventStats.PowerOnAttempts != 0 || !strings.Contains(c.Troubles.Newest(), "BMC answered 503") {
		t.Errorf("attempts %+v, error %q", c.EventStats, c.Troubles.Newest())
	}
	w.with(func() { delete(w.refuse, busy+" On") })
	successful(t, w.finish(name), 1)
}

// A node that cannot be reserved was not asked, so it is not forced off.
func TestNodeThatWasNotAskedIsNotForcedOff(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	w.takeCalls()
	node := nodeName(0)
	w.with(func() {
		w.answers = map[string]bos.Answer{node: bos.AnswerLater}
		w.refuse[node+" Soft-Off"] = "Unable to reserve component"
		w.driven[node] = nil
	})
	w.setOptions(`{"max_power_off_wait_time":3}`)
	name := w.session(bos.OperationShutdown, "")
	w.eventually("three calls", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.driven[node]) >= 3
	})
	w.with(func() { delete(w.refuse, node+" Soft-Off") })
	successful(t, w.finish(name), 1)
	if slices.Contains(w.driven[node], "Force-Off") {
		t.Errorf("driven %v", w.driven[node])
	}
}

// Every forced power-off is in the session's status and in the journal.
func TestForcedOffIsToldWithItsReason(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.setOptions(`{"max_power_off_wait_time":1}`)
	w.beforePower = func(op string, _ []string) error {
		w.with(func() { w.deaf[node] = op == "Soft-Off" })
		return nil
	}
	st := w.run(bos.OperationShutdown, "")
	successful(t, st, 1)
	if f := st.ForcedOff; len(f) != 1 || f[0].Name != node || !strings.Contains(f[0].Reason, "did not go down within 1s") {
		t.Errorf("forced off: %+v", f)
	}
	list, err := w.journal.List(t.Context(), node, "", 0)
	must(t, err)
	told := false
	for _, e := range list {
		told = told || e.Kind == "forced-off" && strings.Contains(e.Text, "did not go down within 1s")
	}
	if !told {
		t.Errorf("journal %+v", list)
	}
}

// A power cut is told when the BMC has it, not when it is decided.
func TestForcedOffThatPCSWaitsWithIsNotToldAsDone(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.setOptions(`{"max_power_off_wait_time":1}`)
	w.with(func() { w.deaf[node] = true })
	w.beforePower = func(op string, _ []string) error {
		w.with(func() { w.mute[node] = op == "Force-Off" }) // the component is locked, say
		return nil
	}
	name := w.session(bos.OperationShutdown, "")
	w.eventually("the wait", func() bool { return strings.Contains(w.component(node).Troubles.Newest(), "asking again") })
	told := func() int {
		st, err := w.service.Status(t.Context(), name, "")
		must(t, err)
		return len(st.ForcedOff)
	}
	if told() != 0 {
		t.Error("a power cut that the BMC never got is told")
	}
	w.with(func() {
		for id, tr := range w.transitions { // now the BMC has it
			if tr.Operation == "Force-Off" {
				tr.Tasks = []bos.Task{{Node: node, Answer: bos.AnswerAccepted}}
				w.transitions[id] = tr
			}
		}
	})
	w.eventually("the power cut is told", func() bool { return told() == 1 })
	w.setPower(node, "off")
	w.finish(name)
}

// A session tells whom it forced off though a newer one has the node now.
func TestForcedOffStaysWithItsSession(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.setOptions(`{"max_power_off_wait_time":1}`)
	w.with(func() { w.deaf[node] = true })
	first := w.session(bos.OperationShutdown, "")
	w.eventually("the power cut", func() bool {
		c := w.component(node)
		return c.Computed() == bos.StatusPowerOffHard
	})
	second := w.session(bos.OperationBoot, "")
	w.eventually("the newer session", func() bool { return w.component(node).Session == second })
	st := w.finish(first)
	if len(st.ForcedOff) != 1 || st.ForcedOff[0].Name != node {
		t.Errorf("forced off: %+v", st.ForcedOff)
	}
	if now, err := w.service.Status(t.Context(), second, ""); err != nil || len(now.ForcedOff) != 0 {
		t.Errorf("the newer session: %+v, %v", now.ForcedOff, err)
	}
}

// Staging says nothing about what is: why a node failed stays to be read.
func TestStagingKeepsTheErrorOfAFailedNode(t *testing.T) {
	w := newWorld(t, 1)
	w.cfsOutcome[nodeName(0)] = "failed"
	w.run(bos.OperationBoot, "")
	_, err := w.service.CreateSession(t.Context(), bos.NewSession{Name: "staged", Operation: bos.OperationReboot, TemplateName: "t", Stage: true})
	must(t, err)
	w.eventually("staging", func() bool { return w.component(nodeName(0)).StagedState.Session == "staged" })
	if got := w.component(nodeName(0)).Troubles.Newest(); got != "cfs configuration failed" {
		t.Errorf("error %q", got)
	}
}

// Who was asked for and left out is told, and why, also when nobody is left.
func TestNodesLeftOutAreToldWithTheirReasons(t *testing.T) {
	w := newWorld(t, 3)
	locked, fine := nodeName(0), nodeName(1)
	w.with(func() { w.locked = []string{locked} })
	for limit, want := range map[string][]bos.LeftOut{
		locked + "," + fine:      {{Name: locked, Reason: "it is locked in HSM"}},
		fine + ",x9999c0s0b0n0":  {{Name: "x9999c0s0b0n0", Reason: "the limit names it, and it is no node of the boot sets and no group, role or partition"}},
		locked:                   {{Name: locked, Reason: "it is locked in HSM"}},
		fine + "," + nodeName(2): nil,
	} {
		st := w.run(bos.OperationBoot, limit)
		if diff := cmp.Diff(want, st.LeftOut); diff != "" || st.LeftOutCount != len(want) {
			t.Errorf("limit %s: %s", limit, diff)
		}
	}
}

// A restart in the middle of a shutdown asks PCS what became of the call.
func TestRestartInTheMiddleOfShutdown(t *testing.T) {
	w := newWorld(t, 2)
	w.run(bos.OperationBoot, "")
	w.with(func() { w.deaf[nodeName(0)] = true; w.driven = map[string][]string{} })
	name := w.session(bos.OperationShutdown, nodeName(0))
	w.eventually("the shutdown", func() bool {
		c := w.component(nodeName(0))
		return c.Computed() == bos.StatusPowerOffGently && c.Engine.Call.State == bos.CallAccepted
	})
	w.stop()
	w.start()
	w.ops.Started()
	w.with(func() { w.deaf[nodeName(0)] = false })
	w.setPower(nodeName(0), "off")
	successful(t, w.finish(name), 1)
	if got := w.driven[nodeName(0)]; !slices.Equal(got, []string{"Soft-Off"}) {
		t.Errorf("driven %v", got)
	}
	if n, err := w.service.CountComponents(t.Context(), store.Query{Where: []store.Match{store.Is("enabled", "true")}}); err != nil || n != 0 {
		t.Errorf("%d still enabled, %v", n, err)
	}
}

// After a restart a call that waits for a busy BMC is not taken for accepted
// because an earlier shutdown of the same node was.
func TestRestartTakesNoEarlierTransitionForACalls(t *testing.T) {
	w := newWorld(t, 2)
	w.run(bos.OperationBoot, "")
	older, node := nodeName(0), nodeName(1)
	w.with(func() { w.deaf[older] = true })
	w.session(bos.OperationShutdown, older) // a call under way that is older than both of the other node
	w.eventually("the older call", func() bool { return w.component(older).Engine.Call.State == bos.CallAccepted })
	w.run(bos.OperationReboot, node)
	w.with(func() { w.mute[node] = true })
	w.session(bos.OperationShutdown, node)
	waits := func() bool { return strings.Contains(w.component(node).Troubles.Newest(), "asking again") }
	w.eventually("the BMC to be busy", waits)
	w.stop()
	_, _, err := w.service.Change(t.Context(), []string{node}, func(c *bos.Component) error {
		c.Troubles.Clear(bos.FromPower)
		return nil
	})
	must(t, err)
	w.start()
	w.ops.Started()
	w.eventually("the call to be watched again", waits)
	if call := w.component(node).Engine.Call; call.State != bos.CallDecided {
		t.Errorf("the call is %s at %s; its BMC has not taken it", call.State, call.AcceptedAt)
	}
}

// A call of which PCS has lost its record is made again: nobody will ever say what
// became of it.
func TestACallThatPCSForgetsIsMadeAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.with(func() { w.mute[node] = true })
	name := w.session(bos.OperationShutdown, node)
	w.eventually("the BMC to be busy", func() bool { return strings.Contains(w.component(node).Troubles.Newest(), "asking again") })
	var lost []string
	w.with(func() {
		w.mute[node] = false
		lost = slices.Collect(maps.Keys(w.transitions))
		clear(w.transitions)
	})
	w.hub.Changed("pcs_transitions", lost)
	successful(t, w.finish(name), 1)
	if got := w.driven[node]; !slices.Equal(got[len(got)-2:], []string{"Soft-Off", "Soft-Off"}) {
		t.Errorf("driven %v", got)
	}
}
