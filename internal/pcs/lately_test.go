package pcs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/bmc/bmctest"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/loopback"
	"github.com/drover-hpc/drover/internal/pcs"
)

// machines makes the world's components systems that are on, each behind a BMC
// with an address of its own.
func (w *world) machines(names ...string) (*bmc.Face, []bmctest.Machine) {
	w.t.Helper()
	const net loopback.Net = 108
	all := make([]bmctest.Machine, len(names))
	face := bmc.NewFace(func(at netip.Addr) (bmc.Controller, bool) {
		i := net.Index(at)
		if i < 0 || i >= len(all) {
			return bmc.Controller{}, false
		}
		return bmc.Controller{Number: i, Systems: []bmc.System{&all[i]}}, true
	}, "root", w.site.password)
	l, err := loopback.Listen(0, net, len(names))
	if err != nil {
		w.t.Fatal(err)
	}
	go face.Serve(l) //nolint:errcheck // until Close
	w.t.Cleanup(face.Close)
	for i, x := range names {
		all[i].Turn(bmc.On)
		const path = "/redfish/v1/Systems/Node0"
		w.site.endpoints[x] = hsm.ComponentEndpoint{ID: x, OdataID: path, RedfishEndpointID: x[:len(x)-2],
			RedfishEndpointFQDN: fmt.Sprintf("%s:%d", net.Address(i), loopback.Port(l)),
			RedfishSystemInfo: &hsm.RedfishSystemInfo{Actions: &hsm.SystemActions{
				Reset: hsm.ResetAction{Target: path + "/Actions/ComputerSystem.Reset", AllowableValues: nodeResets}}}}
	}
	return face, all
}

func TestARebootTakesAConnectionThreeLooksAndTwoResetsOfEachBMC(t *testing.T) {
	const nodes = 20
	w := newWorld(t)
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("x1c0s%db0n0", i))
	}
	face, machines := w.machines(names...)
	w.start()
	w.polled(names...)
	_, before := face.Counts()
	for _, op := range []string{"Soft-Off", "On"} {
		for x, task := range w.finished(w.transition(op, 5, names...)) {
			if task.TaskStatus != pcs.TaskSucceeded {
				t.Errorf("%s of %s: %+v", op, x, task)
			}
		}
	}
	connections, after := face.Counts()
	if connections != nodes {
		t.Errorf("%d connections to %d BMCs since the start, want one to each", connections, nodes)
	}
	resets := 0
	for i := range machines {
		resets += machines[i].Resets()
	}
	if looks := int(after-before) - resets; looks != 3*nodes {
		t.Errorf("%d looks at %d nodes, want three at each: before and after it goes off, and when it is on", looks, nodes)
	}
	if resets != 2*nodes {
		t.Errorf("%d resets of %d nodes, want two of each", resets, nodes)
	}
}

// turnedOff is a world whose n0 a transition has just turned off.
func turnedOff(t *testing.T, options ...func(*pcs.Config)) *world {
	w := newWorld(t)
	w.add(n0, "On")
	w.start(options...)
	w.polled(n0)
	if task := w.finished(w.transition("Soft-Off", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Fatalf("%+v", task)
	}
	w.hardware.with(func() { w.hardware.resets[n0] = nil })
	return w
}

// on turns n0 on and returns its task, and how often it was looked at before it
// was first asked, if it was.
func (w *world) on() (task pcs.Task, looks int) {
	w.t.Helper()
	looks = -1
	before := w.readsOf(n0)
	w.hardware.with(func() {
		others := w.hardware.before
		w.hardware.before = func(rw http.ResponseWriter, r *http.Request, id string) bool {
			if r.Method == http.MethodPost && looks < 0 {
				looks = w.hardware.reads[id] - before
			}
			return others != nil && others(rw, r, id)
		}
	})
	return w.finished(w.transition("On", 5, n0))[n0], looks
}

func TestWhatATransitionHasTurnedOffIsTurnedOnWithoutALook(t *testing.T) {
	w := turnedOff(t)
	task, looks := w.on()
	if task.TaskStatus != pcs.TaskSucceeded || looks != 0 || !slices.Equal(w.hardware.resetsOf(n0), []string{"On"}) {
		t.Errorf("%+v, %d looks, resets %v", task, looks, w.hardware.resetsOf(n0))
	}
}

func TestARefusalOfWhatWasNotLookedAtIsLookedInto(t *testing.T) {
	t.Run("somebody else turned it on meanwhile", func(t *testing.T) {
		w := turnedOff(t)
		w.hardware.with(func() { w.hardware.power[n0], w.hardware.refuses[n0] = "On", "The system is on already." })
		task, looks := w.on()
		if task.TaskStatus != pcs.TaskSucceeded || task.TaskStatusDescription != "Component already in desired state" || looks != 0 ||
			!slices.Equal(w.hardware.resetsOf(n0), []string{"On"}) {
			t.Errorf("%+v, %d looks, resets %v", task, looks, w.hardware.resetsOf(n0))
		}
	})
	t.Run("for good", func(t *testing.T) {
		w := turnedOff(t)
		w.hardware.with(func() { w.hardware.refuses[n0] = "The slot has no power." })
		task, _ := w.on()
		if task.TaskStatus != pcs.TaskFailed || task.Failure != pcs.FailureRefused || !slices.Equal(w.hardware.resetsOf(n0), []string{"On", "On"}) {
			t.Errorf("%+v, resets %v", task, w.hardware.resetsOf(n0))
		}
	})
}

// A request without an answer is followed by a look, whatever was known before.
func TestALostAnswerIsLookedInto(t *testing.T) {
	w := turnedOff(t)
	w.hardware.with(func() { w.hardware.silent[n0] = true })
	task, _ := w.on()
	if task.TaskStatus != pcs.TaskSucceeded || task.Accepted.IsZero() || !slices.Equal(w.hardware.resetsOf(n0), []string{"On"}) {
		t.Errorf("%+v, resets %v", task, w.hardware.resetsOf(n0))
	}
}

func TestALookPrecedesTheRequestUnlessATransitionTurnedItOffAMomentAgo(t *testing.T) {
	clock := newClock()
	atClock := func(c *pcs.Config) { c.Now = clock.now }
	for name, before := range map[string]func(*world){
		"long ago": func(w *world) {
			w.eventually("the node is released, before that is too late", func() bool { _, reserved := w.site.locks.called("release", n0); return !reserved })
			clock.add(2 * time.Minute)
		},
		"before a restart": func(w *world) { w.service.Stop(); w.start(atClock) },
		"and turned on once": func(w *world) {
			w.finished(w.transition("On", 5, n0))
			w.hardware.with(func() { w.hardware.power[n0] = "Off" })
		},
		"but its On got no answer": func(w *world) { w.lostOn() },
	} {
		t.Run(name, func(t *testing.T) {
			w := turnedOff(t, atClock)
			before(w)
			w.hardware.with(func() { w.hardware.resets[n0] = nil })
			task, looks := w.on()
			if task.TaskStatus != pcs.TaskSucceeded || looks < 1 || !slices.Equal(w.hardware.resetsOf(n0), []string{"On"}) {
				t.Errorf("%+v, %d looks, resets %v", task, looks, w.hardware.resetsOf(n0))
			}
		})
	}
}

// lostOn has a transition's On never get an answer until it is aborted.
func (w *world) lostOn() {
	w.t.Helper()
	w.hardware.with(func() { w.hardware.deaf[n0] = true })
	id := w.transition("On", 5, n0)
	w.eventually("the BMC is asked", func() bool { return len(w.hardware.resetsOf(n0)) > 0 })
	if err := w.service.Abort(context.Background(), id); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("it is over", func() bool { return w.describe(id).TransitionStatus.Done() })
	w.hardware.with(func() { w.hardware.deaf[n0] = false })
}
