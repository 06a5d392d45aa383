package operators

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/fault"
)

var booted = []string{"on_hold", "power_on_pending", "power_on_called", "configuring", "stable"}

// expectStatuses compares a node's history since from. A status that is over
// before anybody looks may be missing: configuring.
func expectStatuses(t *testing.T, w *world, id string, from int, want []string) {
	t.Helper()
	got := w.statuses(id)[from:]
	brief := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "configuring" })
	}
	if diff := cmp.Diff(brief(want), brief(got)); diff != "" {
		t.Errorf("statuses of %s: %s\nall: %v", id, diff, got)
	}
}

func successful(t *testing.T, st bos.ExtendedStatus, n int) {
	t.Helper()
	if st.ManagedComponentsCount != n || st.PercentSuccessful != 100 || st.PercentFailed != 0 || st.Phases.PercentComplete != 100 || len(st.ErrorSummary) != 0 {
		t.Errorf("status %+v; want %d nodes, all successful", st, n)
	}
}

func TestBootFromOff(t *testing.T) {
	w := newWorld(t, 4)
	successful(t, w.run(bos.OperationBoot, ""), 4)
	want := []string{"BSS PUT", "CFS PATCH enabled=false", "PCS On"}
	if diff := cmp.Diff(want, w.takeCalls()); diff != "" {
		t.Error("calls:", diff)
	}
	for id := range w.nodes {
		expectStatuses(t, w, id, 0, booted)
		c := w.component(id)
		if c.Enabled || c.LastAction.Action != bos.PoweringOn || c.EventStats != (bos.EventStats{}) || c.DesiredState.BSSToken == "" ||
			c.ActualState.BSSToken != c.DesiredState.BSSToken || !c.Matches() {
			t.Errorf("component %+v", c)
		}
		if p := w.parameters[id].KernelParameters; p != "quiet bos_update_frequency=4h" {
			t.Errorf("kernel parameters %q", p)
		}
	}
	// On and running what it should: no power call, only the configuration.
	before := len(w.statuses(nodeName(0)))
	w.putTemplate("t", changedConfiguration(w, "other"))
	successful(t, w.run(bos.OperationBoot, ""), 4)
	if got := w.takeCalls(); !slices.Equal(got, []string{"CFS PATCH enabled=true"}) {
		t.Errorf("calls %v, want just the configuration", got)
	}
	if got := w.statuses(nodeName(0))[before:]; !slices.Equal(got, []string{"on_hold", "configuring", "stable"}) {
		t.Errorf("statuses %v", got)
	}
}

func changedConfiguration(w *world, name string) bos.Template {
	tpl, err := w.service.Template(w.t.Context(), "t", "")
	must(w.t, err)
	tpl.CFS = &bootset.CFS{Configuration: name}
	return tpl
}

func TestRebootAndShutdown(t *testing.T) {
	w := newWorld(t, 4)
	w.run(bos.OperationBoot, "")
	w.takeCalls()
	from := len(w.statuses(nodeName(1)))
	successful(t, w.run(bos.OperationReboot, ""), 4)
	expectStatuses(t, w, nodeName(1), from, slices.Concat([]string{"on_hold", "power_off_pending", "power_off_gracefully_called"}, booted[1:]))
	calls := w.takeCalls()
	if calls[0] != "PCS Soft-Off" || slices.Index(calls, "BSS PUT") < 0 || slices.Contains(calls, "PCS Force-Off") {
		t.Errorf("calls %v", calls)
	}
	from = len(w.statuses(nodeName(1)))
	successful(t, w.run(bos.OperationShutdown, ""), 4)
	expectStatuses(t, w, nodeName(1), from, []string{"on_hold", "power_off_pending", "power_off_gracefully_called", "stable"})
	if got := w.takeCalls(); !slices.Equal(slices.Compact(got), []string{"PCS Soft-Off"}) { // in how many batches is not said
		t.Errorf("shutdown called %v", got)
	}
	if c := w.component(nodeName(1)); c.ActualState.BootArtifacts != (bos.BootArtifacts{}) || c.ActualState.BSSToken != "" {
		t.Errorf("actual state after power-off %+v", c.ActualState)
	}
	successful(t, w.run(bos.OperationShutdown, ""), 4)
	if got := w.takeCalls(); len(got) != 0 {
		t.Errorf("shutdown of nodes that are off called %v", got)
	}
}

func TestForcedOffWhenShutdownIsIgnoredOrRefused(t *testing.T) {
	for name, hinder := range map[string]func(w *world){
		"not possible": func(w *world) {
			w.refuse[nodeName(0)+" Soft-Off"] = "GracefulShutdown is not supported"
			w.answers = map[string]bos.Answer{nodeName(0): bos.AnswerNever}
		},
		"refused in words": func(w *world) {
			w.setOptions(`{"max_power_off_wait_time":1}`)
			w.refuse[nodeName(0)+" Soft-Off"] = "the system does not react"
		},
		"ignored": func(w *world) {
			w.setOptions(`{"max_power_off_wait_time":1}`)
			w.beforePower = func(op string, _ []string) error {
				w.with(func() { w.deaf[nodeName(0)] = op == "Soft-Off" })
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.run(bos.OperationBoot, "")
			from := len(w.statuses(nodeName(0)))
			hinder(w)
			successful(t, w.run(bos.OperationShutdown, ""), 1)
			expectStatuses(t, w, nodeName(0), from, []string{"on_hold", "power_off_pending", "power_off_gracefully_called", "power_off_forcefully_called", "stable"})
		})
	}
}

func TestBMCThatRefusesPowerOn(t *testing.T) {
	w := newWorld(t, 4)
	bad := nodeName(2)
	w.setOptions(`{"max_power_on_wait_time":3}`)
	w.refuse[bad+" On"] = "BMC: power supply 3 has failed"
	st := w.run(bos.OperationBoot, "")
	if st.PercentSuccessful != 75 || st.PercentFailed != 25 {
		t.Errorf("status %+v", st)
	}
	c := w.component(bad)
	if c.Computed() != "failed" || c.Enabled || !strings.Contains(c.Troubles.Newest(), "BMC: power supply 3 has failed") {
		t.Errorf("component %s enabled %t error %q", c.Computed(), c.Enabled, c.Troubles.Newest())
	}
	if e := st.ErrorSummary[c.Troubles.Newest()]; e.Count != 1 || e.List != bad {
		t.Errorf("error summary %v", st.ErrorSummary)
	}
	if got := len(w.driven[bad]); got != 3 {
		t.Errorf("powered on %d times, want 3", got)
	}
	want := []string{"on_hold", "power_on_pending", "power_on_called", "power_on_pending", "power_on_called", "power_on_pending", "power_on_called", "failed"}
	if diff := cmp.Diff(want, w.statuses(bad)); diff != "" {
		t.Error(diff)
	}
	// A new session starts with all tries.
	w.with(func() { delete(w.refuse, bad+" On") })
	successful(t, w.run(bos.OperationBoot, bad), 1)
}

func TestNodeThatHangsAtBootIsRetried(t *testing.T) {
	w := newWorld(t, 2)
	w.setOptions(`{"max_boot_wait_time":1,"default_retry_policy":2}`)
	hung := nodeName(0)
	w.silent[hung] = true
	st := w.run(bos.OperationBoot, "")
	c := w.component(hung)
	if st.PercentFailed != 50 || !strings.Contains(c.Troubles.Newest(), "did not report") {
		t.Errorf("status %+v, error %q", st, c.Troubles.Newest())
	}
	if got := w.driven[hung]; !slices.Equal(got, []string{"On", "Soft-Off", "On"}) { // and left on
		t.Errorf("driven %v", got)
	}
}

func TestNodeThatLostPowerMustReportAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.setOptions(`{"max_boot_wait_time":1,"default_retry_policy":1}`)
	w.putTemplate("t", bos.Template{BootSets: bos.BootSets{{Name: "compute", BootSet: bootset.BootSet{
		Path: "s3://boot-images/image1/manifest.json", Type: "s3", NodeRolesGroups: []string{"Compute"}}}}})
	successful(t, w.run(bos.OperationBoot, ""), 1)
	w.with(func() { w.silent[nodeName(0)] = true })
	w.setPower(nodeName(0), "off")
	st := w.run(bos.OperationBoot, "")
	if c := w.component(nodeName(0)); st.PercentFailed != 100 || !strings.Contains(c.Troubles.Newest(), "did not report") {
		t.Errorf("status %+v, error %q", st, c.Troubles.Newest())
	}
}

func TestConfigurationThatFails(t *testing.T) {
	w := newWorld(t, 2)
	w.cfsOutcome[nodeName(0)] = "failed"
	st := w.run(bos.OperationBoot, "")
	c := w.component(nodeName(0))
	if st.PercentFailed != 50 || c.Troubles.Newest() != "cfs configuration failed" || c.Status.Phase != bos.PhaseConfigure {
		t.Errorf("status %+v component %+v", st, c)
	}
}

func TestBSSFailureDoesNotPowerOn(t *testing.T) {
	w := newWorld(t, 1)
	w.setOptions(`{"max_power_on_wait_time":3}`)
	w.fail["bss"] = errors.New("no space left")
	st := w.run(bos.OperationBoot, "")
	if calls := w.takeCalls(); slices.Contains(calls, "PCS On") || st.PercentFailed != 100 {
		t.Errorf("calls %v status %+v", calls, st)
	}
	if e := w.component(nodeName(0)).Troubles.Newest(); e != "Error encountered setting BSS information: no space left" {
		t.Errorf("error %q", e)
	}
}

func TestTransientTroubleIsWaitedOut(t *testing.T) {
	w := newWorld(t, 2)
	w.with(func() { w.fail["hsm"] = fault.New(fault.Unavailable, "HSM is down") })
	name := w.session(bos.OperationBoot, "")
	w.eventually("the reason to show", func() bool {
		s, err := w.service.Session(t.Context(), name, "")
		return err == nil && s.Status.Status == bos.SessionPending && strings.Contains(s.Status.Error, "HSM is down")
	})
	// Another session that needs less is not held up... and PCS is blind for a moment.
	w.with(func() {
		delete(w.fail, "hsm")
		w.power[nodeName(0)] = "undefined"
	})
	w.eventually("blindness to show", func() bool {
		return strings.Contains(w.component(nodeName(0)).Troubles.Newest(), "PCS cannot tell")
	})
	w.with(func() {
		if got := w.driven[nodeName(0)]; len(got) != 0 {
			t.Errorf("a node whose power state is unknown was driven: %v", got)
		}
	})
	w.setPower(nodeName(0), "off")
	successful(t, w.finish(name), 2)
	if s, _ := w.service.Session(t.Context(), name, ""); s.Status.Error != "" {
		t.Errorf("error stayed: %s", s.Status.Error)
	}
}

func TestSessionsThatCannotBeSetUp(t *testing.T) {
	w := newWorld(t, 2)
	for name, c := range map[string]struct {
		limit, want string
		before      func()
	}{
		"nothing matches": {"x9999c0s0b0n0", "No nodes were found to act upon.", func() {}},
		"locked":          {nodeName(0), "No nodes were found to act upon.", func() { w.with(func() { w.locked = []string{nodeName(0)} }) }},
		"bad limit":       {"&&a", `boot set 'compute': limit "&&a": "&&a" is no name with at most one of & and ! before it`, func() {}},
	} {
		c.before()
		id := w.session(bos.OperationBoot, c.limit)
		st := w.finish(id)
		s, _ := w.service.Session(t.Context(), id, "")
		if s.Status.Error != c.want || st.ManagedComponentsCount != 0 {
			t.Errorf("%s: error %q, want %q", name, s.Status.Error, c.want)
		}
	}
}

func TestStagedReboot(t *testing.T) {
	w := newWorld(t, 2)
	w.run(bos.OperationBoot, "")
	w.setOptions(`{"clear_stage":true}`)
	s, err := w.service.CreateSession(t.Context(), bos.NewSession{Name: "staged", Operation: bos.OperationReboot, TemplateName: "t", Stage: true})
	must(t, err)
	w.eventually("staging", func() bool { return w.component(nodeName(1)).StagedState.Session == "staged" })
	if st, _ := w.service.Status(t.Context(), s.Name, ""); st.PercentStaged != 100 {
		t.Errorf("status %+v", st)
	}
	from := len(w.statuses(nodeName(0)))
	applied, err := w.service.ApplyStaged(t.Context(), []string{nodeName(0), nodeName(1), "x9c0s0b0n0"}, "")
	must(t, err)
	if diff := cmp.Diff(bos.Applied{Succeeded: []string{nodeName(0), nodeName(1)}, Failed: []string{}, Ignored: []string{"x9c0s0b0n0"}}, applied); diff != "" {
		t.Error(diff)
	}
	successful(t, w.finish(s.Name), 2)
	expectStatuses(t, w, nodeName(0), from, slices.Concat([]string{"on_hold", "power_off_pending", "power_off_gracefully_called"}, booted[1:]))
}

func TestNodeLostByPCSIsPutOnHoldInTheEnd(t *testing.T) {
	w := newWorld(t, 2)
	w.setOptions(`{"max_power_on_wait_time":1}`)
	w.with(func() { delete(w.power, nodeName(0)) })
	st := w.run(bos.OperationBoot, "")
	c := w.component(nodeName(0))
	if c.Computed() != "on_hold" || c.Enabled || c.Troubles.Newest() != "Component information was not returned by pcs" || st.PercentSuccessful != 50 {
		t.Errorf("component %+v status %+v", c, st)
	}
}

// A process that dies between claim and call, or between call and answer, must
// not drive a node twice, nor forget it.
func TestRestartInTheMiddleOfPowerOn(t *testing.T) {
	for name, delivered := range map[string]bool{"before PCS was called": false, "after PCS was called": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 4)
			reached, release := make(chan struct{}), make(chan struct{})
			w.beforePower = func(string, []string) error {
				close(reached)
				<-release
				if delivered {
					return nil
				}
				return errors.New("the process is gone")
			}
			name := w.session(bos.OperationBoot, "")
			<-reached
			w.ops.cancel() // dead: nothing that happens now is recorded
			close(release)
			w.stop()
			w.beforePower = nil
			w.start()
			successful(t, w.finish(name), 4)
			for id := range w.nodes {
				if got := w.driven[id]; !slices.Equal(got, []string{"On"}) {
					t.Errorf("%s was driven %v", id, got)
				}
			}
		})
	}
}

func TestFirstPowerOnCallComesSoon(t *testing.T) {
	w := newWorld(t, 4)
	called := make(chan time.Time, 10)
	w.beforePower = func(string, []string) error { called <- time.Now(); return nil }
	start := time.Now()
	name := w.session(bos.OperationBoot, "")
	t.Logf("first power-on call after %s", (<-called).Sub(start))
	w.finish(name)
}
