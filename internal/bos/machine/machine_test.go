package machine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

var (
	t0    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	image = bos.BootArtifacts{Kernel: "s3://b/i/kernel", Initrd: "s3://b/i/initrd", KernelParameters: "quiet"}
	old   = bos.BootArtifacts{Kernel: "s3://b/old/kernel", Initrd: "s3://b/old/initrd", KernelParameters: "quiet"}
)

// in is a situation: a component, facts and the time. Words change it.
type in struct {
	c   bos.Component
	f   Facts
	now time.Time
}

// situation makes one of words like "power_on_called accepted 1m ago, on,
// reported, pending".
func situation(t *testing.T, words string) in {
	t.Helper()
	s := in{now: t0, c: bos.Component{ID: "x1", Enabled: true, Session: "s",
		DesiredState: bos.DesiredState{BootArtifacts: image, Configuration: "conf"}, LastAction: bos.LastAction{Action: bos.SessionSetup, LastUpdated: t0}},
		f: Facts{CallID: "new", Power: Power{State: PowerOff, At: t0}, Config: Config{Known: &bos.Configuration{Node: "x1", Desired: "conf", Status: "configured", Enabled: true}}}}
	var ago time.Duration
	for _, w := range strings.Split(words, ", ") {
		if d, isAgo := strings.CutSuffix(w, " ago"); isAgo {
			var err error
			if ago, err = time.ParseDuration(d); err != nil {
				t.Fatal(err)
			}
			s.at(t0.Add(-ago))
			continue
		}
		s.apply(t, w)
	}
	return s
}

// at makes the call, and all that is measured from it, as old.
func (s *in) at(when time.Time) {
	e := &s.c.Engine
	e.Call.At, s.c.LastAction.LastUpdated, e.PhaseSince = when, when, when
	if e.Call.State == bos.CallAccepted {
		e.Call.AcceptedAt = when
	}
	if e.Call.State == bos.CallLater {
		e.LaterSince = when
	}
	if e.Call.State == bos.CallRefused {
		e.RefusedSince = when
	}
}

func (s *in) called(p bos.Phase, a bos.Action) {
	s.c.Status.Phase, s.c.LastAction.Action = p, a
	s.c.Engine.Call = bos.Call{ID: "call", Action: a, State: bos.CallDecided}
	s.at(t0.Add(-time.Second))
}

func (s *in) apply(t *testing.T, w string) {
	c, f, e := &s.c, &s.f, &s.c.Engine
	heard := func(a bos.Answer) {
		f.Outcome = &Outcome{CallID: e.Call.ID, Kind: a, Source: bos.FromPower, Words: "words of the BMC"}
	}
	switch w {
	case "on_hold":
		c.Status.StatusOverride = bos.StatusOnHold
	case "failed":
		c.Status.StatusOverride = bos.StatusFailed
	case "power_on_pending":
		c.Status.Phase = bos.PhaseOn
	case "power_on_called":
		s.called(bos.PhaseOn, bos.PoweringOn)
	case "power_off_pending":
		c.Status.Phase = bos.PhaseOff
	case "power_off_gracefully_called":
		s.called(bos.PhaseOff, bos.PoweringOffGently)
	case "power_off_forcefully_called":
		s.called(bos.PhaseOff, bos.PoweringOffHard)
		e.Forced = bos.Forced{Words: "it did not go down", At: t0}
	case "configuring":
		c.Status.Phase, e.PhaseSince = bos.PhaseConfigure, t0
	case "powered on by us":
		c.LastAction.Action = bos.PoweringOn
	case "an agent's":
		e.Agent = "a1"
	case "not enabled":
		c.Enabled = false
	case "wants off":
		c.DesiredState.BootArtifacts, c.DesiredState.Configuration = bos.BootArtifacts{}, ""
	case "decided", "accepted", "later", "refused", "never":
		e.Call.State = bos.CallState(w)
		s.at(e.Call.At)
		if e.Call.Action == bos.PoweringOn && w != "decided" && w != "accepted" {
			c.LastAction.Failed = true
		}
	case "powered on before":
		e.Left = bos.Call{ID: "left", Action: bos.PoweringOn, State: bos.CallAccepted, At: t0.Add(-time.Minute), AcceptedAt: t0.Add(-time.Minute)}
	case "powered on long before":
		e.Left = bos.Call{ID: "left", Action: bos.PoweringOn, State: bos.CallDecided, At: t0.Add(-time.Hour)}
	case "hears that it was refused":
		f.Outcome = &Outcome{CallID: e.Left.ID, Kind: bos.AnswerRefused, Words: "words of the BMC"}
	case "no call":
		e.Call = bos.Call{}
	case "hears accepted":
		heard(bos.AnswerAccepted)
	case "hears later":
		heard(bos.AnswerLater)
	case "hears refused":
		heard(bos.AnswerRefused)
	case "hears never":
		heard(bos.AnswerNever)
	case "hears of another call":
		heard(bos.AnswerNever)
		f.Outcome.CallID = "older"
	case "off":
		f.Power.State = PowerOff
	case "on":
		f.Power.State = PowerOn
	case "undefined":
		f.Power.State, f.Power.Why = PowerUndefined, "no route"
	case "unlisted":
		f.Power.State = PowerUnlisted
	case "silent":
		f.Power.State, f.Power.Why = PowerSilent, "down"
	case "read before":
		f.Power.At = t0.Add(-48 * time.Hour)
	case "unseen for long":
		e.UnseenSince = t0.Add(-24 * time.Hour)
	case "reported":
		c.ActualState.BootArtifacts = image
	case "reported another":
		c.ActualState.BootArtifacts = old
	case "not before":
		e.NotBefore = t0.Add(time.Minute)
	case "no attempts left":
		c.EventStats = bos.EventStats{PowerOnAttempts: 3, PowerOffGracefulAttempts: 3, PowerOffForcefulAttempts: 3}
	case "one attempt left":
		c.EventStats = bos.EventStats{PowerOnAttempts: 2, PowerOffGracefulAttempts: 2, PowerOffForcefulAttempts: 2}
	case "CFS silent":
		f.Config = Config{Silent: true, Why: "down"}
	case "CFS unlisted":
		f.Config.Known = nil
	case "CFS other":
		f.Config.Known.Desired = "other"
	case "pending", "configured", "unconfigured":
		f.Config.Known.Status = w
	case "CFS failed":
		f.Config.Known.Status = "failed"
	case "CFS disabled":
		f.Config.Known.Enabled = false
	default:
		t.Fatalf("no word %q", w)
	}
}

// shown is a result in a line.
func shown(r Result) string {
	out := fmt.Sprintf("%d %s", r.Row, r.Component.Computed())
	if !r.Component.Enabled {
		out += " disabled"
	}
	if r.Effect != Nothing {
		out += " " + r.Effect.String()
	}
	if r.Reread {
		out += " reread"
	}
	if e := r.Component.EventStats; e != (bos.EventStats{}) {
		out += fmt.Sprintf(" %d/%d/%d", e.PowerOnAttempts, e.PowerOffGracefulAttempts, e.PowerOffForcefulAttempts)
	}
	if w := r.Component.Troubles.Newest(); w != "" {
		out += ": " + w
	}
	return out
}

const limitText = "The retry limit has been hit for this component, but no services have reported specific errors"

// Each cell of the table: the situation, and what comes of it.
var cells = []struct{ situation, want string }{
	{"on_hold, not enabled", "2 on_hold disabled"},
	{"power_off_gracefully_called, accepted, on, not enabled", "2 power_off_gracefully_called disabled AbortTransition"},
	{"on_hold, an agent's", "3 on_hold: waits for session 'a1' of BOS v1, whose agent moves the node"},
	{"failed", "4 failed disabled"},
	{"on_hold, wants off, powered on before", "5 on_hold: The node was powered on before it was to be off, and may come on yet"},
	{"on_hold, wants off, powered on before, on", "26 power_off_pending"},
	{"on_hold, wants off, powered on before, hears that it was refused", "12 stable disabled"},
	{"on_hold, wants off, powered on long before, read before", "0 on_hold reread"},
	{"on_hold, wants off, powered on long before", "12 stable disabled"},
	{"power_on_called, hears of another call", "21 power_on_called"},
	{"power_off_pending, silent", "6 power_off_pending: PCS does not answer: down"},
	{"power_off_gracefully_called, accepted, 1h ago, silent", "6 power_off_gracefully_called: PCS does not answer: down"},
	{"configuring, on, reported, CFS silent", "6 configuring: CFS does not answer: down"},
	{"on_hold, unlisted", "7 on_hold: Component information was not returned by pcs"},
	{"power_on_pending, unlisted, unseen for long", "7 on_hold disabled: Component information was not returned by pcs"},
	{"on_hold, CFS unlisted", "7 on_hold: Component information was not returned by cfs"},
	{"on_hold, wants off, on, CFS unlisted", "26 power_off_pending"},
	{"power_on_called, accepted, undefined, reported, pending", "40 configuring"},
	{"power_on_called, accepted, undefined", "9 power_on_called: PCS cannot tell whether the node is on: no route"},
	{"power_on_called, accepted, 2h ago, undefined, unseen for long", "11 failed disabled: PCS cannot tell whether the node is on: no route"},
	{"power_on_pending, undefined", "10 power_on_pending: PCS cannot tell whether the node is on: no route"},
	{"power_off_gracefully_called, accepted, 1h ago, undefined", "10 power_off_gracefully_called: PCS cannot tell whether the node is on: no route"},
	{"power_off_pending, undefined, unseen for long", "11 failed disabled: PCS cannot tell whether the node is on: no route"},
	{"on_hold, wants off", "12 stable disabled"},
	{"power_off_gracefully_called, accepted, wants off", "12 stable disabled"},
	{"on_hold", "13 power_on_pending"},
	{"power_off_gracefully_called, accepted", "13 power_on_pending"},
	{"configuring, powered on by us", "13 power_on_pending"},
	{"power_on_pending, not before", "14 power_on_pending"},
	{"power_on_pending, no attempts left", "15 failed disabled 3/3/3: " + limitText},
	{"power_on_pending", "16 power_on_called PowerOn"},
	{"power_on_called, hears accepted", "22 power_on_called 1/0/0"},
	{"power_on_called, hears later", "14 power_on_pending: words of the BMC"},
	{"power_on_called, 1h ago, hears later", "18 failed disabled: words of the BMC"},
	{"power_on_called, hears refused", "14 power_on_pending 1/0/0: words of the BMC"},
	{"power_on_called, one attempt left, hears refused", "19 failed disabled 3/2/2: words of the BMC"},
	{"power_on_called, hears never", "20 failed disabled 1/0/0: words of the BMC"},
	{"power_on_called", "21 power_on_called"},
	{"power_on_called, accepted, 1m ago", "22 power_on_called"},
	{"power_on_called, accepted, 3m ago, read before", "0 power_on_called reread"},
	{"power_on_called, accepted, 3m ago", "23 power_on_pending: The node was still off 2m0s after it was powered on"},
	{"power_on_called, on", "24 power_on_called 1/0/0"},
	{"power_on_called, accepted, on, reported another", "24 power_on_called: The node booted s3://b/old/kernel, should be s3://b/i/kernel"},
	{"power_on_called, accepted, 1h ago, on", "25 power_off_pending: The node was powered on but did not report what it booted within 20m0s"},
	{"power_on_called, accepted, 1h ago, on, no attempts left", "25 failed disabled 3/3/3: The node was powered on but did not report what it booted within 20m0s"},
	{"on_hold, on", "26 power_off_pending"},
	{"on_hold, on, wants off", "26 power_off_pending"},
	{"power_off_pending, on", "27 power_off_gracefully_called SoftOff"},
	{"power_off_pending, on, not before", "27 power_off_pending"},
	{"power_off_pending, on, no attempts left", "27 failed disabled 3/3/3: " + limitText},
	{"power_off_gracefully_called, no call, on", "27 power_off_gracefully_called SoftOff"},
	{"power_off_gracefully_called, on, hears accepted", "32 power_off_gracefully_called 0/1/0"},
	{"power_off_gracefully_called, on, hears later", "29 power_off_gracefully_called: words of the BMC"},
	{"power_off_gracefully_called, 1h ago, on, hears later", "29 failed disabled: words of the BMC"},
	{"power_off_gracefully_called, later, on", "29 power_off_gracefully_called SoftOff"},
	{"power_off_gracefully_called, on, hears refused", "30 power_off_gracefully_called 0/1/0: words of the BMC"},
	{"power_off_gracefully_called, 1h ago, on, hears refused", "30 power_off_gracefully_called 0/1/0: words of the BMC"},
	{"power_off_gracefully_called, refused, 1m ago, on", "30 power_off_gracefully_called SoftOff"},
	{"power_off_gracefully_called, refused, 6m ago, on", "30 power_off_forcefully_called ForceOff"},
	{"power_off_gracefully_called, on, hears never", "31 power_off_forcefully_called ForceOff 0/1/0: words of the BMC"},
	{"power_off_gracefully_called, on", "32 power_off_gracefully_called"},
	{"power_off_gracefully_called, 1h ago, on", "32 power_off_gracefully_called"},
	{"power_off_gracefully_called, accepted, 1m ago, on", "32 power_off_gracefully_called"},
	{"power_off_gracefully_called, accepted, 6m ago, on, read before", "0 power_off_gracefully_called reread"},
	{"power_off_gracefully_called, accepted, 6m ago, on", "33 power_off_forcefully_called ForceOff: The node did not go down within 5m0s of its shutdown"},
	{"power_off_gracefully_called, accepted, 6m ago, on, no attempts left", "33 failed disabled 3/3/3: The node did not go down within 5m0s of its shutdown"},
	{"power_off_forcefully_called, on, hears accepted", "37 power_off_forcefully_called 0/0/1"},
	{"power_off_forcefully_called, on, hears later", "35 power_off_forcefully_called: words of the BMC"},
	{"power_off_forcefully_called, later, on", "35 power_off_forcefully_called ForceOff"},
	{"power_off_forcefully_called, on, hears refused", "35 power_off_forcefully_called 0/0/1: words of the BMC"},
	{"power_off_forcefully_called, on, hears never", "36 failed disabled 0/0/1: words of the BMC"},
	{"power_off_forcefully_called, accepted, 1m ago, on", "37 power_off_forcefully_called"},
	{"power_off_forcefully_called, accepted, 6m ago, on", "37 power_off_forcefully_called ForceOff: The node was still on 5m0s after its power was cut"},
	{"on_hold, on, reported, CFS other", "38 configuring SetConfiguration"},
	{"power_off_pending, on, reported, CFS other", "38 configuring SetConfiguration"},
	{"on_hold, on, reported", "39 stable disabled"},
	{"configuring, on, reported, pending", "40 configuring"},
	{"configuring, powered on by us, on, reported, pending, CFS disabled", "41 configuring"},
	{"configuring, powered on by us, 1h ago, on, reported, pending, CFS disabled", "41 failed disabled: The node did not enable itself in CFS within 20m0s, so its configuration did not start"},
	{"configuring, on, reported, pending, CFS disabled", "42 configuring SetConfiguration"},
	{"configuring, on, reported, CFS failed", "43 failed disabled: cfs configuration failed"},
	{"configuring, on, reported, unconfigured", "44 failed disabled: cfs is not reporting a valid configuration status for this component: unconfigured"},
}

func TestEveryCellOfTheTable(t *testing.T) {
	for _, c := range cells {
		s := situation(t, c.situation)
		if got := shown(Next(s.c, s.f, bos.DefaultOptions(), s.now)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.situation, got, c.want)
		}
	}
}
