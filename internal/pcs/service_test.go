package pcs_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
)

const n0, n1, n2 = "x1c0s0b0n0", "x1c0s0b0n1", "x1c0s1b0n0"

func TestOnAndOff(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "On")
	w.start()

	tasks := w.finished(w.transition("on", 5, n0, n1, n0))
	if len(tasks) != 2 || tasks[n0].TaskStatus != pcs.TaskSucceeded {
		t.Errorf("tasks: %+v", tasks)
	}
	if got := tasks[n1].TaskStatusDescription; got != "Component already in desired state" {
		t.Errorf("node that was on: %q", got)
	}
	w.eventually("status says on", func() bool { return w.status(n0).PowerState == pcs.PowerOn })
	w.eventually("HSM is told", func() bool { return w.site.toldHSM(n0 + " On") })
	w.journalHas(n0, "power On requested (transition ", false)
	w.journalHas(n0, "BMC accepted On", false)
	w.journalHas(n0, "BMC reports power On after ", false)

	w.finished(w.transition("Soft-Off", 5, n0, n1))
	w.eventually("HSM is told", func() bool { return w.site.toldHSM(n0+" Off") && w.site.toldHSM(n1+" Off") })
	if got, want := w.hardware.resetsOf(n0), []string{"On", "GracefulShutdown"}; !slices.Equal(got, want) {
		t.Errorf("resets %v, want %v", got, want)
	}
	if got := w.hardware.resetsOf(n1); len(got) != 1 {
		t.Errorf("resets of the node that was on: %v", got)
	}
	w.eventually("status says off", func() bool { return w.status(n1).PowerState == pcs.PowerOff })
	s := w.status(n1)
	if s.ManagementState != pcs.Available || s.Error != "" ||
		!slices.Contains(s.SupportedPowerTransitions, pcs.SoftOff) || s.LastUpdated == "" {
		t.Errorf("status %+v", s)
	}
}

func TestRefusedResetFailsAtOnceWithTheBMCsWords(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.hardware.refuses[n0] = "The power supply has failed."
	w.start()

	id := w.transition("On", -1, n0, n1)
	tasks := w.finished(id)
	bad := tasks[n0]
	if bad.TaskStatus != pcs.TaskFailed || !strings.Contains(bad.Error, "The power supply has failed.") ||
		!strings.HasPrefix(bad.Error, "The BMC refused On: ") {
		t.Errorf("refused node: %+v", bad)
	}
	if tasks[n1].TaskStatus != pcs.TaskSucceeded {
		t.Errorf("other node: %+v", tasks[n1])
	}
	if c := w.describe(id).TaskCounts; c != (pcs.TaskCounts{Total: 2, Failed: 1, Succeeded: 1}) {
		t.Errorf("counts %+v", c)
	}
	w.journalHas(n0, "BMC refused On: BMC answered 400: The power supply has failed.", true)
}

// HSM is told that a node is off before anybody can act on it, and what it
// could not be told is told later.
func TestHSMIsToldEvenLate(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.start()
	w.eventually("first poll", func() bool { return w.site.toldHSM(n0 + " On") })
	w.finished(w.transition("Force-Off", 5, n0))
	w.eventually("status", func() bool { return w.status(n0).PowerState == pcs.PowerOff })
	if !w.site.toldHSM(n0 + " Off") {
		t.Error("the power status was there before HSM was told")
	}
	w.site.lose(2)
	w.finished(w.transition("On", 5, n0))
	w.eventually("status", func() bool { return w.status(n0).PowerState == pcs.PowerOn })
	w.finished(w.transition("Force-Off", 5, n0))
	w.eventually("HSM is told in the end", func() bool {
		w.site.mu.Lock()
		defer w.site.mu.Unlock()
		return w.site.told[len(w.site.told)-1] == n0+" Off" && w.site.losing == 0
	})

	w.service.Stop()
	w.site.mu.Lock()
	w.site.told = nil // as if the process had been killed before
	w.site.mu.Unlock()
	w.start()
	w.eventually("HSM is told after a restart", func() bool { return w.site.toldHSM(n0 + " Off") })
}

func TestOffFallsBackToForce(t *testing.T) {
	w := newWorld(t)
	clock := newClock()
	w.now = clock.now
	for _, x := range []string{n0, n1} {
		w.add(x, "On")
		w.hardware.ignores[x] = true
	}
	w.start()
	off := w.transition("Off", 5, n0)
	soft := w.transition("Soft-Off", 5, n1)
	w.eventually("both accepted", func() bool {
		return !tasksOf(w.describe(off))[n0].Accepted.IsZero() && !tasksOf(w.describe(soft))[n1].Accepted.IsZero()
	})
	clock.add(6 * time.Minute)
	if task := w.finished(off)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("Off: %+v", task)
	}
	if got, want := w.hardware.resetsOf(n0), []string{"GracefulShutdown", "ForceOff"}; !slices.Equal(got, want) {
		t.Errorf("resets %v, want %v", got, want)
	}
	task := w.finished(soft)[n1]
	if task.TaskStatus != pcs.TaskFailed || !strings.HasPrefix(task.Error, "Timeout waiting for transition, gracefulshutdown.") {
		t.Errorf("Soft-Off: %+v", task)
	}
	if got := w.hardware.resetsOf(n1); len(got) != 1 {
		t.Errorf("resets %v", got)
	}
}

func TestTiers(t *testing.T) {
	const module = "x1c0s0"
	w := newWorld(t)
	w.add(n0, "On")
	w.add(n1, "Off")
	w.add(module, "On", "On", "Off", "ForceOff")
	w.start()
	tasks := w.finished(w.transition("Init", 5, module, n0, n1))
	for x, task := range tasks {
		if task.TaskStatus != pcs.TaskSucceeded {
			t.Errorf("%s: %+v", x, task)
		}
	}
	order := w.hardware.order
	want := []string{n0 + " GracefulShutdown", module + " Off", module + " On"}
	if !slices.Equal(order[:3], want) || len(order) != 5 || !strings.HasSuffix(order[3], "n0 On") && !strings.HasSuffix(order[3], "n1 On") {
		t.Errorf("order %v", order)
	}
	task := w.finished(w.transition("Hard-Restart", 5, n0))[n0]
	if got := w.hardware.resetsOf(n0); task.TaskStatus != pcs.TaskSucceeded || !slices.Equal(got[2:], []string{"GracefulShutdown", "On"}) {
		t.Errorf("Hard-Restart: %+v, resets %v", task, got)
	}
}

// notAchieved is what the published service says of every failed task; the
// reason is in its error.
const notAchieved = "Failed to achieve transition"

func TestTheReasonOfAFailedTaskIsInItsError(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.hardware.refuses[n0] = "The power supply has failed."
	w.site.lock(n1)
	w.start()
	tasks := w.finished(w.transition("On", 5, n0, n1, "x9c0s0b0n0"))
	for x, reason := range map[string]string{n0: "The power supply has failed.", n1: "Unable to reserve component", "x9c0s0b0n0": "Missing xname"} {
		if task := tasks[x]; task.TaskStatus != pcs.TaskFailed || task.TaskStatusDescription != notAchieved || !strings.Contains(task.Error, reason) {
			t.Errorf("%s: %+v", x, task)
		}
	}
	if task := w.finished(w.transition("Hard-Restart", 5, n0))[n0]; task.TaskStatusDescription != notAchieved || task.Error == "" {
		t.Errorf("restart of a node that is off: %+v", task)
	}
}

func TestTasksSettledWithoutTraffic(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "On", "On")
	w.add(n2, "Off")
	w.site.lock(n2)
	w.start()
	w.eventually("first poll", func() bool { return w.status(n2).PowerState == pcs.PowerOff })
	reads := w.hardware.reads[n2]

	tasks := w.finished(w.transition("Soft-Off", 5, "x-", "x1c0s9b0n0", "x1c0s0b0n0p0", n1, n2))
	for x, want := range map[string]pcs.Task{
		"x-":           {TaskStatus: pcs.TaskFailed, TaskStatusDescription: notAchieved, Error: "Invalid xname", Failure: pcs.FailureUnknown},
		"x1c0s9b0n0":   {TaskStatus: pcs.TaskFailed, TaskStatusDescription: notAchieved, Error: "Missing xname", Failure: pcs.FailureUnknown},
		"x1c0s0b0n0p0": {TaskStatus: pcs.TaskUnsupported, TaskStatusDescription: "No power control for component type Processor", Failure: pcs.FailureUnsupported},
		n1:             {TaskStatus: pcs.TaskUnsupported, TaskStatusDescription: "The hardware does not offer Soft-Off", Failure: pcs.FailureUnsupported},
		n2:             {TaskStatus: pcs.TaskFailed, TaskStatusDescription: notAchieved, Error: "Unable to reserve component: the component is locked", Failure: pcs.FailureReserved},
	} {
		want.Xname = x
		if tasks[x] != want {
			t.Errorf("got %+v, want %+v", tasks[x], want)
		}
	}
	if w.hardware.reads[n2] != reads {
		t.Error("the locked node's BMC was asked")
	}
	if task := w.finished(w.transition("Hard-Restart", 5, n0))[n0]; task.TaskStatus != pcs.TaskFailed {
		t.Errorf("restart of a node that is off: %+v", task)
	}
	if got := w.hardware.resetsOf(n0); got != nil {
		t.Errorf("resets %v", got)
	}
	if tr := w.describe(w.transition("On", 5)); tr.TaskCounts.Total != 0 {
		t.Errorf("empty transition: %+v", tr)
	}
}

func TestDeputyKeyOpensALock(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.site.lock(n0)
	w.site.deputize(n0, n0+":dk:1")
	w.start()
	var out struct{ TransitionID string }
	body := `{"operation":"on","location":[{"xname":"` + n0 + `","deputyKey":"` + n0 + `:dk:1"}]}`
	header, err := w.http.Do(context.Background(), http.MethodPost, "/transitions", nil, []byte(body), &out)
	if err != nil {
		t.Fatal(err)
	}
	if got := header.Get("Location"); got != "transitions/"+out.TransitionID {
		t.Errorf("Location %q", got)
	}
	if task := w.finished(out.TransitionID)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
}

func TestOverlapAndAbort(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(n1, "Off")
	w.hardware.slow[n0] = true
	w.start()
	first := w.transition("On", -1, n0, n1)
	w.eventually("reset arrives", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	w.eventually("the other node is done", func() bool { return tasksOf(w.describe(first))[n1].TaskStatus == pcs.TaskSucceeded })

	if task := w.finished(w.transition("Force-Off", 5, n0))[n0]; !strings.HasPrefix(task.Error, "Unable to reserve component") {
		t.Errorf("second transition: %+v", task)
	}
	// A component is free as soon as its own task is over.
	if task := w.finished(w.transition("Force-Off", 5, n1))[n1]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("node whose task is over: %+v", task)
	}
	abort := func() error {
		_, err := w.http.Do(context.Background(), http.MethodDelete, "/v1/transitions/"+first, nil, nil, nil)
		return err
	}
	for range 2 {
		if err := abort(); err != nil {
			t.Fatal(err)
		}
		w.eventually("aborted", func() bool { return w.describe(first).TransitionStatus == pcs.TransitionAborted })
	}
	if tasks := tasksOf(w.describe(first)); tasks[n0].TaskStatus != pcs.TaskFailed || tasks[n1].TaskStatus != pcs.TaskSucceeded {
		t.Errorf("tasks after abort: %+v", tasks)
	}
	second := w.transition("Force-Off", 5, n0)
	if task := w.finished(second)[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("after the abort: %+v", task)
	}
	w.eventually("saved", func() bool {
		_, err := w.http.Do(context.Background(), http.MethodDelete, "/v1/transitions/"+second, nil, nil, nil)
		return httpapi.IsStatus(err, http.StatusBadRequest)
	})
	list, err := w.client.Transitions(context.Background())
	if err != nil || len(list) != 4 || list[0].Tasks != nil {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestUnconfirmedTransition(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.hardware.slow[n0] = true
	w.start()
	if task := w.finished(w.transition("On", 0, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("task %+v", task)
	}
}

func TestNewComponentIsLookedAtOnHint(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.add(n0, "On")
	w.hub.Changed(hsm.ComponentEndpointsTable, []string{n0})
	w.eventually("status", func() bool { return w.status(n0).PowerState == pcs.PowerOn })
	w.site.mu.Lock()
	delete(w.site.endpoints, n0)
	w.site.mu.Unlock()
	w.hub.Changed(hsm.ComponentEndpointsTable, []string{n0})
	w.eventually("gone", func() bool { return w.status(n0).Error == "Component not found in component map." })
}

// A BMC is not asked for itself where one of its nodes is asked for.
func TestBMCsAreOnWhenTheyAnswer(t *testing.T) {
	const bmc, lonely = "x1c0s0b0", "x1c0s5b0"
	w := newWorld(t)
	w.add(n0, "Off")
	w.add(bmc, "", "ForceRestart")
	w.add(lonely, "", "ForceRestart")
	w.start()
	w.eventually("all are polled", func() bool {
		list, err := w.client.PowerStatus(context.Background(), nil)
		return err == nil && len(list) == 3
	})
	for _, x := range []string{bmc, lonely} {
		if s := w.status(x); s.PowerState != pcs.PowerOn || s.ManagementState != pcs.Available {
			t.Errorf("status %+v", s)
		}
	}
	w.hardware.with(func() {
		if w.hardware.reads[bmc] != 0 || w.hardware.reads[lonely] != 1 {
			t.Errorf("reads %v", w.hardware.reads)
		}
	})
	if task := w.finished(w.transition("Soft-Restart", 0, bmc))[bmc]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("restart of a BMC: %+v", task)
	}
}

// A poll must not announce a power state while the transition that led to it
// still holds the node.
func TestPollsLeaveNodesInTransitionAlone(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "On")
	w.hardware.slow[n0] = true
	w.start(func(c *pcs.Config) { c.PollEvery = time.Millisecond })
	w.eventually("first poll", func() bool { return w.status(n0).PowerState == pcs.PowerOn })
	w.transition("Soft-Off", 5, n0)
	w.eventually("reset arrives", func() bool { return len(w.hardware.resetsOf(n0)) == 1 })
	w.hardware.settle()
	w.eventually("node is off", func() bool { return w.status(n0).PowerState == pcs.PowerOff })
	if task := w.finished(w.transition("On", 0, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("node seen off could not be turned on: %+v", task)
	}
}

func TestPollsHintOnlyChanges(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.start(func(c *pcs.Config) { c.PollEvery = 5 * time.Millisecond })
	w.eventually("first poll", func() bool { return w.status(n0).PowerState == pcs.PowerOff })
	first := w.status(n0).LastUpdated
	hinted := func() (keys []string) { // a reader sees a commit a moment before its hint
		w.eventually("a hint", func() bool { keys, _ = w.hinted.Take(); return len(keys) > 0 })
		return keys
	}
	hinted()
	polled := func(n int) {
		w.hardware.mu.Lock()
		goal := w.hardware.reads[n0] + n
		w.hardware.mu.Unlock()
		w.eventually("polls", func() bool {
			w.hardware.mu.Lock()
			defer w.hardware.mu.Unlock()
			return w.hardware.reads[n0] >= goal
		})
	}
	polled(5)
	if keys, _ := w.hinted.Take(); len(keys) > 0 || w.status(n0).LastUpdated != first {
		t.Errorf("hints %v without change", keys)
	}
	w.hardware.with(func() { w.hardware.power[n0] = "On" })
	w.eventually("change is seen", func() bool { return w.status(n0).PowerState == pcs.PowerOn })
	if keys := hinted(); !slices.Equal(keys, []string{n0}) || w.status(n0).LastUpdated == first {
		t.Errorf("hints after the change: %v", keys)
	}
}

func TestWrongPasswordIsSaid(t *testing.T) {
	w := newWorld(t)
	w.add(n0, "Off")
	w.site.password = "wrong"
	w.start()
	w.eventually("error", func() bool { return strings.Contains(w.status(n0).Error, "401") })
	w.site.mu.Lock()
	w.site.password = "initial0"
	w.site.mu.Unlock()
	if task := w.finished(w.transition("On", 5, n0))[n0]; task.TaskStatus != pcs.TaskSucceeded {
		t.Errorf("after the password was put right: %+v", task)
	}
}
