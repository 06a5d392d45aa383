package operators

import (
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/store"
)

// A node that is disabled in HSM while its session runs is not driven until it
// is enabled again.
func TestNodeDisabledInHSMOnItsWayIsLetBe(t *testing.T) {
	w := newWorld(t, 2)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.with(func() {
		w.deaf[node] = true
		w.driven = map[string][]string{}
	})
	name := w.session(bos.OperationReboot, "")
	w.eventually("the shutdown", func() bool { return w.component(node).Engine.Call.State == bos.CallAccepted })
	w.with(func() {
		n := w.nodes[node]
		n.Enabled = false
		w.nodes[node] = n
		w.deaf[node] = false
	})
	w.setPower(node, "off")
	w.eventually("the reason", func() bool {
		return strings.Contains(w.component(node).Troubles.Newest(), "it is disabled in HSM; enable it there")
	})
	w.with(func() {
		if got := w.driven[node]; !slices.Equal(got, []string{"Soft-Off"}) {
			t.Errorf("driven %v while it was disabled", got)
		}
		n := w.nodes[node]
		n.Enabled = true
		w.nodes[node] = n
	})
	successful(t, w.finish(name), 2)
}

// A session for disabled nodes drives them.
func TestSessionForDisabledNodesDrivesThem(t *testing.T) {
	w := newWorld(t, 1)
	w.with(func() {
		n := w.nodes[nodeName(0)]
		n.Enabled = false
		w.nodes[nodeName(0)] = n
	})
	s, err := w.service.CreateSession(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", IncludeDisabled: true})
	must(t, err)
	successful(t, w.finish(s.Name), 1)
}

// A node that its session's tenant lost on the way is not driven for it.
func TestNodeThatItsTenantLostIsLetBe(t *testing.T) {
	w := newWorld(t, 1)
	node := nodeName(0)
	w.tenants["vcluster-a"] = []string{node}
	_, err := w.service.PutTemplate(t.Context(), func() bos.Template {
		tpl, err := w.service.Template(t.Context(), "t", "")
		must(t, err)
		tpl.Tenant = "vcluster-a"
		return tpl
	}())
	must(t, err)
	w.answers = map[string]bos.Answer{node: bos.AnswerLater}
	w.refuse[node+" On"] = "BMC answered 503"
	_, err = w.service.CreateSession(t.Context(), bos.NewSession{Operation: bos.OperationBoot, TemplateName: "t", Tenant: "vcluster-a"})
	must(t, err)
	w.eventually("a first call", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.driven[node]) > 0
	})
	w.with(func() {
		w.tenants["vcluster-a"] = nil
		delete(w.refuse, node+" On")
	})
	w.eventually("the reason", func() bool {
		return strings.Contains(w.component(node).Troubles.Newest(), "it no longer belongs to the tenant 'vcluster-a'")
	})
	w.with(func() {
		if w.power[node] != "off" {
			t.Error("the node was powered on for a tenant that does not own it")
		}
	})
}

// What PCS does for a node ends when the node is disabled, also when the
// server was restarted meanwhile.
func TestDisabledNodesTransitionIsAborted(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t, 2)
		w.run(bos.OperationBoot, "")
		nodes := []string{nodeName(0), nodeName(1)}
		w.with(func() { w.deaf[nodes[0]], w.deaf[nodes[1]] = true, true })
		w.session(bos.OperationShutdown, "")
		w.eventually("the shutdowns", func() bool {
			return w.component(nodes[0]).Engine.Call.State == bos.CallAccepted && w.component(nodes[1]).Engine.Call.State == bos.CallAccepted
		})
		open := w.driving
		disable := func(ids ...string) {
			_, _, err := w.service.Change(t.Context(), ids, func(c *bos.Component) error {
				if !c.Enabled {
					return store.ErrUnchanged
				}
				c.Enabled = false
				return nil
			})
			must(t, err)
		}
		together := false // a busy machine may have asked for each by itself
		w.with(func() {
			for _, tr := range w.transitions {
				together = together || !tr.Done && len(tr.Tasks) == len(nodes)
			}
		})
		disable(nodes[0])
		w.eventually("the first call given up", func() bool { return !w.component(nodes[0]).Engine.Call.Open() })
		if together && open() != 2 {
			t.Fatal("the transition ended although it drives a node that is wanted off")
		}
		if restart {
			w.stop()
		}
		disable(nodes[1])
		if restart {
			w.start()
		}
		w.eventually("the transition's end", func() bool { return open() == 0 && !w.component(nodes[1]).Engine.Call.Open() })
	}
}

// A call that is decided is not made for a node that was disabled, or that
// another session took, while it was prepared.
func TestCallIsNotMadeForANodeThatWentAnotherWay(t *testing.T) {
	w := newWorld(t, 1)
	w.run(bos.OperationBoot, "")
	node := nodeName(0)
	w.with(func() { w.driven[node] = nil })
	disabled := false
	w.onNodes = func() {
		c, err := w.service.Component(t.Context(), node, "")
		if err != nil || c.Engine.Call.State != bos.CallDecided || disabled {
			return
		}
		disabled = true
		_, _, err = w.service.Change(t.Context(), []string{node}, func(c *bos.Component) error {
			if !c.Enabled {
				return store.ErrUnchanged
			}
			c.Enabled = false
			return nil
		})
		must(t, err)
	}
	w.run(bos.OperationShutdown, "")
	w.stop()
	w.start()
	if len(w.driven[node]) != 0 || !disabled {
		t.Errorf("driven %v although it was disabled", w.driven[node])
	}
}
