package operators

import (
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
)

// A session that takes a node over from a shutdown under way is not done with
// the node as it still is: what runs is about to end.
func TestBootThatOvertakesAShutdownBootsTheNode(t *testing.T) {
	for name, slow := range map[string]func(w *world, node string, is bool){
		"the BMC took it": func(w *world, node string, is bool) { w.deaf[node] = is },
		"the BMC is busy": func(w *world, node string, is bool) { w.mute[node] = is },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.run(bos.OperationBoot, "")
			node := nodeName(0)
			w.with(func() { slow(w, node, true); w.driven[node] = nil })
			w.session(bos.OperationShutdown, "")
			w.eventually("the call", func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return len(w.driven[node]) == 1
			})
			w.with(func() { slow(w, node, false) })
			successful(t, w.run(bos.OperationBoot, ""), 1)
			w.with(func() {
				if got := w.driven[node]; !slices.Equal(got, []string{"Soft-Off", "Soft-Off", "On"}) || w.power[node] != "on" {
					t.Errorf("driven %v, power %s", got, w.power[node])
				}
			})
		})
	}
}

// A node that was powered on and is not seen on yet is not off for good.
func TestShutdownThatOvertakesAPowerOnTurnsTheNodeOff(t *testing.T) {
	w := newWorld(t, 1)
	node := nodeName(0)
	w.with(func() { w.deaf[node] = true })
	w.session(bos.OperationBoot, "")
	w.eventually("the power-on", func() bool { return w.component(node).Engine.Call.State == bos.CallAccepted })
	name := w.session(bos.OperationShutdown, "")
	w.eventually("the shutdown's wait", func() bool {
		c := w.component(node)
		return c.Session == name && c.Troubles.Newest() != "" || !c.Enabled
	})
	w.with(func() { w.deaf[node] = false })
	w.setPower(node, "on")
	successful(t, w.finish(name), 1)
	w.with(func() {
		if got := w.driven[node]; !slices.Equal(got, []string{"On", "Soft-Off"}) || w.power[node] != "off" {
			t.Errorf("driven %v, power %s", got, w.power[node])
		}
	})
}

// A session is not answerable for the nodes of a deleted one of its name.
func TestSessionHasNoNodesOfADeletedOneOfItsName(t *testing.T) {
	w := newWorld(t, 3)
	create := func(op bos.Operation, limit string, stage bool) {
		t.Helper()
		_, err := w.service.CreateSession(t.Context(), bos.NewSession{Name: "daily", Operation: op, TemplateName: "t", Limit: limit, Stage: stage})
		must(t, err)
	}
	w.with(func() { w.refuse[nodeName(0)+" On"] = "no" })
	w.setOptions(`{"max_power_on_wait_time":1}`)
	create(bos.OperationBoot, nodeName(0)+","+nodeName(1), false)
	if st := w.finish("daily"); st.PercentFailed != 50 {
		t.Fatalf("%+v", st)
	}
	must(t, w.service.DeleteSession(t.Context(), "daily", ""))
	create(bos.OperationReboot, nodeName(2), true)
	w.eventually("staging", func() bool { return w.component(nodeName(2)).StagedState.Session == "daily" })
	must(t, w.service.DeleteSession(t.Context(), "daily", ""))
	create(bos.OperationBoot, nodeName(1), false)
	successful(t, w.finish("daily"), 1)
	if c := w.component(nodeName(0)); c.Session != "" || c.Status.StatusOverride != bos.StatusFailed {
		t.Errorf("%+v", c)
	}
}
