package machine

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/bos"
)

func TestEveryRowIsReachedByACell(t *testing.T) {
	reached := map[int]bool{}
	for _, c := range cells {
		s := situation(t, c.situation)
		reached[Next(s.c, s.f, bos.DefaultOptions(), s.now).Row] = true
	}
	for _, r := range Rows {
		if !reached[r.N] {
			t.Errorf("no cell reaches row %d: %s, %s", r.N, r.Status, r.Fact)
		}
		delete(reached, r.N)
	}
	delete(reached, 0) // the power state is read again first
	for n := range reached {
		t.Errorf("row %d is not in the documented table", n)
	}
}

// node is a node with its BMC, PCS and CFS as the property drives them.
type node struct {
	t       *rapid.T
	c       bos.Component
	o       bos.Options
	now     time.Time
	on      bool
	runs    bos.BootArtifacts
	config  bos.Configuration
	open    *bos.Call // made and not answered
	counted map[string]int
	// softAt is when a Soft-Off of this wish was accepted; never, that the BMC
	// cannot; refusedAt, since when it refuses in words.
	softAt, refusedAt time.Time
	never             bool
	calls             int
}

// Whatever is answered, lost, delayed or unknown, no node is forced off before
// its cause, attempts stay within the policy, and with services that answer
// every path ends.
func TestNoForcedOffWithoutCauseAndEveryPathEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNode(t)
		trouble := rapid.IntRange(0, 60).Draw(t, "troubled steps")
		for step := 0; n.c.Enabled; step++ {
			if step > 2000 {
				t.Fatalf("no end: %s %+v", n.c.Computed(), n.c)
			}
			n.step(step < trouble)
		}
		switch s := n.c.Computed(); {
		case s == bos.StatusFailed && n.c.Troubles.Newest() == "":
			t.Fatal("failed without a word")
		case s == bos.StatusStable && n.c.DesiredState.BootArtifacts.Kernel == "" && n.on:
			t.Fatal("stable, should be off and is on")
		case s == bos.StatusStable && n.c.DesiredState.BootArtifacts.Kernel != "" && !(n.c.Matches()):
			t.Fatal("stable, and does not run what it should")
		case s != bos.StatusStable && s != bos.StatusFailed && s != bos.StatusOnHold:
			t.Fatalf("ended %s", s)
		}
	})
}

func newNode(t *rapid.T) *node {
	n := &node{t: t, o: bos.DefaultOptions(), now: t0, on: rapid.Bool().Draw(t, "on"), counted: map[string]int{},
		config: bos.Configuration{Desired: rapid.SampledFrom([]string{"conf", "other"}).Draw(t, "config"), Status: "configured", Enabled: true}}
	n.o.DefaultRetryPolicy = rapid.IntRange(0, 3).Draw(t, "policy")
	if n.on && rapid.Bool().Draw(t, "runs the image") {
		n.runs = image
	}
	n.c = bos.Component{ID: "x1", Enabled: rapid.Bool().Draw(t, "busy"), ActualState: bos.ActualState{BootArtifacts: n.runs}}
	target := bos.Target{}
	if rapid.Bool().Draw(t, "boot") {
		target = bos.Target{Artifacts: image, Configuration: "conf"}
	}
	op := rapid.SampledFrom([]bos.Operation{bos.OperationBoot, bos.OperationReboot}).Draw(t, "operation")
	n.c.Join(&bos.Session{Name: "s", Operation: op}, target, n.now)
	return n
}

// step is one look, with trouble or without.
func (n *node) step(troubled bool) {
	f := Facts{CallID: fmt.Sprint("call-", n.calls), Power: Power{State: PowerOff, At: n.now}, Config: Config{Known: &n.config}}
	if n.on {
		f.Power.State = PowerOn
	}
	if troubled {
		switch rapid.SampledFrom([]string{"", "", "silent", "undefined", "unlisted", "stale", "cfs"}).Draw(n.t, "fact") {
		case "silent":
			f.Power = Power{State: PowerSilent}
		case "undefined":
			f.Power.State = PowerUndefined
		case "unlisted":
			f.Power.State = PowerUnlisted
		case "stale":
			f.Power.At = n.now.Add(-time.Hour)
		case "cfs":
			f.Config = Config{Silent: true}
		}
	}
	f.Outcome = n.answer(troubled)
	before := n.c
	r := Next(n.c, f, n.o, n.now)
	n.check(&before, &r, f)
	n.c = r.Component
	n.carryOut(r.Effect)
	again := Next(n.c, f, n.o, n.now)
	if r.Look.After(n.now) && again.Effect != Nothing && !r.Reread {
		n.t.Fatalf("a second look does %s: row %d", again.Effect, again.Row)
	}
	if n.c.Enabled && r.Look.IsZero() {
		n.t.Fatalf("nobody looks again: %s", n.c.Computed())
	}
	if wait := r.Look.Sub(n.now); wait > 0 && (n.open == nil || rapid.Bool().Draw(n.t, "waits")) {
		n.now = n.now.Add(min(wait, time.Minute))
	} else {
		n.now = n.now.Add(time.Second)
	}
}

// answer is what becomes of the open call.
func (n *node) answer(troubled bool) *Outcome {
	if n.open == nil {
		return nil
	}
	kinds := []bos.Answer{bos.AnswerAccepted, bos.AnswerAccepted, bos.AnswerRefused, bos.AnswerNever, bos.AnswerLater, bos.AnswerWaiting}
	if !troubled {
		kinds = kinds[:4]
	}
	o := &Outcome{CallID: n.open.ID, Source: bos.FromPower, Words: "words", Kind: rapid.SampledFrom(kinds).Draw(n.t, "answer")}
	if o.Kind == bos.AnswerWaiting {
		return o
	}
	action := n.open.Action
	n.open = nil
	switch o.Kind {
	case bos.AnswerAccepted:
		o.Words = ""
		if action == bos.PoweringOffGently {
			n.softAt = n.now
		}
		n.obey(action)
	case bos.AnswerRefused:
		if action == bos.PoweringOffGently && n.refusedAt.IsZero() {
			n.refusedAt = n.now
		}
	case bos.AnswerNever:
		n.never = n.never || action == bos.PoweringOffGently
	}
	return o
}

// obey is what the node makes of a request that its BMC took.
func (n *node) obey(a bos.Action) {
	if !rapid.Bool().Draw(n.t, "obeys") {
		return
	}
	n.on = a == bos.PoweringOn
	if n.on && rapid.Bool().Draw(n.t, "reports") {
		n.c.ActualState.BootArtifacts = n.c.DesiredState.BootArtifacts
		n.config.Enabled = true
		n.config.Status = rapid.SampledFrom([]string{"configured", "failed", "pending"}).Draw(n.t, "configuration")
	}
}

func (n *node) carryOut(e Effect) {
	switch e {
	case Nothing:
	case Configure:
		n.config.Desired, n.config.Enabled, n.config.Status = n.c.DesiredState.Configuration, true, "configured"
	default:
		call := n.c.Engine.Call
		n.open = &call
		n.calls++
		if e == CallPowerOn { // the configuration is held
			n.softAt, n.refusedAt, n.never = time.Time{}, time.Time{}, false
			n.config.Desired, n.config.Enabled, n.config.Status = n.c.DesiredState.Configuration, false, "pending"
		}
	}
	if n.config.Enabled && n.config.Status == "pending" && rapid.Bool().Draw(n.t, "CFS ends") {
		n.config.Status = "configured"
	}
}

func (n *node) check(before *bos.Component, r *Result, f Facts) {
	e, most := r.Component.EventStats, n.o.DefaultRetryPolicy
	if e.PowerOnAttempts > most || e.PowerOffGracefulAttempts > most || e.PowerOffForcefulAttempts > most {
		n.t.Fatalf("more attempts than %d: %+v", most, e)
	}
	if quiet := f.Outcome == nil || f.Outcome.Kind == bos.AnswerLater || f.Outcome.Kind == bos.AnswerWaiting; quiet &&
		f.Power.State != PowerOn && f.Power.State != PowerOff && (r.Effect == CallForceOff || r.Effect == CallSoftOff || r.Effect == CallPowerOn) {
		n.t.Fatalf("row %d: %s though nobody knows whether the node is on", r.Row, r.Effect)
	}
	switch r.Effect {
	case CallPowerOn:
		if f.Power.State != PowerOff || f.Power.At.Before(before.Engine.Call.At) {
			n.t.Fatalf("row %d: On of a node that is %v", r.Row, f.Power)
		}
	case CallSoftOff, CallForceOff:
		if f.Power.State != PowerOn || f.Power.At.Before(before.Engine.Call.At) {
			n.t.Fatalf("row %d: %s of a node that is %v", r.Row, r.Effect, f.Power)
		}
	}
	wait := n.o.PowerOffWait()
	if r.Effect == CallForceOff && !n.never && (n.softAt.IsZero() || n.now.Sub(n.softAt) < wait) && (n.refusedAt.IsZero() || n.now.Sub(n.refusedAt) < wait) {
		n.t.Fatalf("row %d: forced off without cause: accepted %s, refused %s, now %s", r.Row, n.softAt, n.refusedAt, n.now)
	}
	if r.Effect == CallForceOff && r.Component.Engine.Forced.Words == "" {
		n.t.Fatal("forced off without a word")
	}
}
