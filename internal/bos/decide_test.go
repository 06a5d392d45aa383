package bos

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	t0    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	image = BootArtifacts{Kernel: "s3://b/i/kernel", Initrd: "s3://b/i/initrd", KernelParameters: "quiet"}
)

func TestComputedStatus(t *testing.T) {
	for _, c := range []struct {
		override string
		phase    Phase
		action   Action
		failed   bool
		want     string
	}{
		{"on_hold", PhaseOn, PoweringOn, false, "on_hold"},
		{"failed", PhaseConfigure, "", false, "failed"},
		{"my own", NoPhase, "", false, "my own"},
		{"", PhaseOn, PoweringOn, false, "power_on_called"},
		{"", PhaseOn, PoweringOn, true, "power_on_pending"},
		{"", PhaseOn, PoweringOffGently, false, "power_on_pending"},
		{"", PhaseOff, PoweringOffGently, true, "power_off_gracefully_called"},
		{"", PhaseOff, PoweringOffHard, false, "power_off_forcefully_called"},
		{"", PhaseOff, PoweringOn, false, "power_off_pending"},
		{"", PhaseConfigure, PoweringOn, false, "configuring"},
		{"", NoPhase, SessionSetup, false, "stable"},
	} {
		component := Component{Status: Status{Phase: c.phase, StatusOverride: c.override}, LastAction: LastAction{Action: c.action, Failed: c.failed}}
		if got := component.Computed(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// situation is a component with what is seen of it.
type situation struct {
	c    Component
	seen Observation
	at   time.Time
}

// onHold is a node just taken by a session that wants the image.
func onHold(power, cfs string) situation {
	return situation{c: Component{ID: "x1", Enabled: true, Session: "s", Status: Status{StatusOverride: StatusOnHold},
		DesiredState: DesiredState{BootArtifacts: image, Configuration: "conf"}, LastAction: LastAction{Action: SessionSetup, LastUpdated: t0}},
		seen: Observation{Power: &PowerStatus{Node: "x1", State: power}, Config: &Configuration{Node: "x1", Desired: "conf", Status: cfs, Enabled: true}}, at: t0}
}

func (s situation) with(change func(*situation)) situation {
	power, config := s.seen.Power, s.seen.Config
	if power != nil {
		p := *power
		s.seen.Power = &p
	}
	if config != nil {
		c := *config
		s.seen.Config = &c
	}
	change(&s)
	return s
}

func TestDecide(t *testing.T) {
	matching := func(s *situation) { s.c.ActualState.BootArtifacts = image }
	unwanted := func(s *situation) {
		s.c.DesiredState.BootArtifacts, s.c.DesiredState.Configuration = BootArtifacts{}, ""
	}
	called := func(ago time.Duration) func(*situation) {
		return func(s *situation) {
			s.c.LastAction = LastAction{Action: PoweringOn, LastUpdated: t0.Add(-ago)}
			s.c.Status = Status{Phase: PhaseOn}
			s.c.Engine.PhaseSince = t0.Add(-ago)
		}
	}
	both := func(a, b func(*situation)) func(*situation) { return func(s *situation) { a(s); b(s) } }
	off, on := onHold("off", "configured"), onHold("on", "configured")
	for name, c := range map[string]struct {
		in   situation
		want string // status, enabled, error, wait
	}{
		"off as wanted":           {off.with(unwanted), "stable false"},
		"off, to boot":            {off, "power_on_pending true"},
		"off, just powered on":    {off.with(called(time.Minute)), "power_on_called true until +1m0s"},
		"off long after power-on": {off.with(called(3 * time.Minute)), "power_on_pending true: The node was still off 2m0s after it was powered on"},
		"on, to be off":           {on.with(unwanted), "power_off_pending true"},
		"on, other image":         {on, "power_off_pending true"},
		"on, booting":             {on.with(called(time.Minute)), "power_on_called true until +19m0s"},
		"on, boot took too long":  {on.with(called(time.Hour)), "power_off_pending true: The node was powered on but did not report what it booted within 20m0s"},
		"right, configured":       {on.with(matching), "stable false"},
		"right, other config":     {on.with(both(matching, func(s *situation) { s.seen.Config.Desired = "old" })), "configuring true"},
		"right, no config wanted": {on.with(both(matching, func(s *situation) {
			s.c.DesiredState.Configuration, s.seen.Config.Desired, s.seen.Config.Status = "", "", "failed"
		})), "stable false"},
		"right, pending":      {on.with(both(matching, func(s *situation) { s.seen.Config.Status = "pending" })), "configuring true"},
		"right, failed":       {on.with(both(matching, func(s *situation) { s.seen.Config.Status = "failed" })), "failed false: cfs configuration failed"},
		"right, unconfigured": {on.with(both(matching, func(s *situation) { s.seen.Config.Status = "unconfigured" })), "failed false: cfs is not reporting a valid configuration status for this component: unconfigured"},
		"waits for CFS":       {on.with(both(matching, func(s *situation) { s.seen.Config.Status, s.seen.Config.Enabled = "pending", false })), "configuring true until +20m0s"},
		"waited for CFS too long": {on.with(both(matching, func(s *situation) {
			s.seen.Config.Status, s.seen.Config.Enabled = "pending", false
			s.c.Status.Phase = PhaseConfigure
			s.c.Engine.PhaseSince = t0.Add(-time.Hour)
		})), "failed false: The node did not enable itself in CFS within 20m0s, so its configuration did not start"},
		"not in PCS":                {on.with(func(s *situation) { s.seen.Power = nil }), "on_hold true: Component information was not returned by pcs until +2m0s"},
		"not in PCS for long":       {on.with(func(s *situation) { s.seen.Power = nil; s.c.Engine.BlindSince = t0.Add(-time.Hour) }), "on_hold false: Component information was not returned by pcs"},
		"not in CFS":                {on.with(func(s *situation) { s.seen.Config = nil }), "on_hold true: Component information was not returned by cfs until +2m0s"},
		"BMC silent":                {onHold("undefined", "configured"), "on_hold true: PCS cannot tell whether the node is on: its power state is undefined until +2m0s"},
		"BMC silent for long":       {onHold("undefined", "configured").with(func(s *situation) { s.c.Engine.BlindSince = t0.Add(-time.Hour) }), "failed false: PCS cannot tell whether the node is on: its power state is undefined"},
		"PCS error":                 {on.with(func(s *situation) { s.seen.Power.Error = "no route" }), "on_hold true: PCS cannot tell whether the node is on: no route until +2m0s"},
		"BMC silent, configuring":   {onHold("undefined", "pending").with(both(matching, func(s *situation) { s.c.Status = Status{Phase: PhaseConfigure} })), "configuring true"},
		"BMC silent, but reported":  {onHold("undefined", "pending").with(both(matching, called(time.Minute))), "configuring true"},
		"BMC silent, booting":       {onHold("undefined", "pending").with(called(time.Minute)), "power_on_called true: PCS cannot tell whether the node is on: its power state is undefined until +2m0s"},
		"seen again":                {off.with(func(s *situation) { s.c.Engine.BlindSince, s.c.Error = t0, "blind" }), "power_on_pending true"},
		"failed by the retry limit": {off.with(func(s *situation) { s.c.Status = Status{PhaseOn, StatusFailed}; s.c.Error = "e" }), "failed false: e"},
		"failed and now blind":      {off.with(func(s *situation) { s.c.Status = Status{PhaseOn, StatusFailed}; s.c.Error = "e"; s.seen.Power = nil }), "failed false: e"},
		"disabled":                  {off.with(func(s *situation) { s.c.Enabled = false }), "on_hold false"},
	} {
		d := Decide(c.in.c, c.in.seen, DefaultOptions(), c.in.at)
		got := fmt.Sprint(d.Component.Computed(), " ", d.Component.Enabled)
		if d.Component.Error != "" {
			got += ": " + d.Component.Error
		}
		if !d.Until.IsZero() {
			got += " until +" + d.Until.Sub(t0).String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if again := Decide(d.Component, c.in.seen, DefaultOptions(), c.in.at); d.Component != again.Component {
			t.Errorf("%s: a second look changes it: %s", name, cmp.Diff(d.Component, again.Component))
		}
	}
}

func TestPhaseChanges(t *testing.T) {
	c := Component{Status: Status{Phase: PhaseOff}, EventStats: EventStats{PowerOnAttempts: 2}, ActualState: ActualState{BootArtifacts: image, BSSToken: "t"}}
	c.enterPhase(PhaseOn, t0)
	if c.ActualState != (ActualState{LastUpdated: t0}) || c.EventStats.PowerOnAttempts != 2 {
		t.Errorf("leaving powering_off: %+v", c)
	}
	c.ActualState.BSSToken = "t"
	c.enterPhase(NoPhase, t0)
	if c.EventStats != (EventStats{}) || c.ActualState.BSSToken != "t" {
		t.Errorf("leaving all phases: %+v", c)
	}
}

func TestAutomaticFields(t *testing.T) {
	str := func(s string) *string { return &s }
	yes := true
	c := Component{Session: "s", EventStats: EventStats{PowerOnAttempts: 1}, DesiredState: DesiredState{BSSToken: "old"}}
	c.Apply(&ComponentPatch{DesiredState: &DesiredPatch{BSSToken: str("new")}, Session: str("s")}, nil, t0)
	if c.Session != "s" || c.EventStats.PowerOnAttempts != 1 || !c.DesiredState.LastUpdated.IsZero() || c.DesiredState.BSSToken != "new" {
		t.Errorf("a token alone: %+v", c)
	}
	c.Apply(&ComponentPatch{DesiredState: &DesiredPatch{Configuration: str("c")}}, nil, t0)
	if c.Session != "" || c.EventStats != (EventStats{}) || !c.DesiredState.LastUpdated.Equal(t0) {
		t.Errorf("a change by hand: %+v", c)
	}
	c.EventStats.PowerOnAttempts = 3
	c.Apply(&ComponentPatch{Enabled: &yes}, nil, t0)
	if c.Status.StatusOverride != StatusOnHold || c.EventStats != (EventStats{}) {
		t.Errorf("enabling: %+v", c)
	}
	c.EventStats.PowerOnAttempts = 3
	c.Apply(&ComponentPatch{Enabled: &yes}, nil, t0)
	if c.EventStats.PowerOnAttempts != 3 {
		t.Error("enabling what is enabled forgets the tries")
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00:00", 90 * time.Minute: "1:30:00", 1500 * time.Millisecond: "0:00:01.500000",
		25 * time.Hour: "1 day, 1:00:00", 49*time.Hour + 2*time.Second: "2 days, 1:00:02", -time.Second: "0:00:00",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "5m": 5 * time.Minute, "4H": 4 * time.Hour, "3d": 72 * time.Hour, "2W": 14 * 24 * time.Hour} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "h", "-1h", "5", "5y", "99999999999999w"} {
		if _, err := ParseAge(text); err == nil {
			t.Errorf("%q was understood", text)
		}
	}
}

// fakeNode is a node as the property test drives it: it may ignore or refuse
// any power operation and may never report.
type fakeNode struct {
	on     bool
	deafTo map[Action]bool
	silent bool
	config Configuration
	calls  map[Action]int
}

// From any state, in any world, a component reaches stable or failed, and no
// action is taken more often than the retry policy allows or without a claim.
func TestComponentsComeToAnEnd(t *testing.T) {
	actions := []Action{PoweringOn, PoweringOffGently, PoweringOffHard}
	rapid.Check(t, func(t *rapid.T) {
		o := DefaultOptions()
		o.DefaultRetryPolicy = rapid.IntRange(0, 4).Draw(t, "policy")
		node := &fakeNode{on: rapid.Bool().Draw(t, "on"), silent: rapid.Bool().Draw(t, "silent"),
			config: Configuration{Desired: rapid.SampledFrom([]string{"", "conf", "old"}).Draw(t, "config"),
				Status: rapid.SampledFrom([]string{"pending", "configured", "failed", "unconfigured"}).Draw(t, "cfs")},
			deafTo: map[Action]bool{}, calls: map[Action]int{}}
		for _, a := range actions {
			node.deafTo[a] = rapid.Bool().Draw(t, "deaf to "+string(a))
		}
		refuses := rapid.Bool().Draw(t, "BMC refuses aloud")
		c := drawComponent(t)
		wanted := rapid.Bool().Draw(t, "boot")
		target := Target{}
		if wanted {
			target = Target{Artifacts: image, Configuration: rapid.SampledFrom([]string{"", "conf"}).Draw(t, "desired")}
		}
		op := rapid.SampledFrom([]Operation{OperationBoot, OperationReboot}).Draw(t, "op")
		c.Join(&Session{Name: "s", Operation: op}, target, t0)
		now := t0
		for step := 0; c.Enabled; step++ {
			if step > 400 {
				t.Fatalf("no end after %d steps: %s %+v", step, c.Computed(), c)
			}
			power := PowerStatus{State: "off"}
			if node.on {
				power.State = "on"
			}
			config := node.config
			d := Decide(c, Observation{Power: &power, Config: &config}, o, now)
			c = d.Component
			next := d.Until
			for _, a := range actions {
				due, at := c.Wants(a, o, now)
				if !at.IsZero() && (next.IsZero() || at.Before(next)) {
					next = at
				}
				if due {
					node.act(&c, a, o, now, refuses)
					next = now
				}
			}
			if c.Enabled && c.Computed() == StatusConfiguring && c.NeedsConfiguring(node.config) {
				node.config = Configuration{Desired: c.DesiredState.Configuration, Enabled: true, Status: "configured"}
				next = now
			}
			if !next.IsZero() && next.After(now) {
				now = next
			}
			now = now.Add(time.Second)
		}
		if s := c.Computed(); s != StatusStable && s != StatusFailed {
			t.Fatalf("ended %s", s)
		}
		if c.Computed() == StatusFailed && c.Error == "" {
			t.Fatal("failed without a reason")
		}
		if c.Computed() == StatusStable && (wanted != node.on || wanted && !c.Matches()) {
			t.Fatalf("stable, but on is %t and %t is wanted: %+v", node.on, wanted, c)
		}
		for a, n := range node.calls {
			if n > o.DefaultRetryPolicy {
				t.Fatalf("%s %d times, allowed are %d", a, n, o.DefaultRetryPolicy)
			}
		}
	})
}

// act claims and carries out an action as the operators do.
func (n *fakeNode) act(c *Component, a Action, o Options, now time.Time, refuses bool) {
	claim := fmt.Sprint(now.UnixNano(), a)
	if !c.Claim(a, claim, o, now) {
		return
	}
	if !c.Holds(claim, a) {
		panic("acted without a claim")
	}
	n.calls[a]++
	switch {
	case n.deafTo[a] && refuses:
		c.Failed("the BMC said no", now.Add(time.Second))
	case n.deafTo[a]:
	case a == PoweringOn:
		n.on = true
		n.config = Configuration{Desired: c.DesiredState.Configuration, Status: "pending"}
		if !n.silent {
			c.ActualState.BootArtifacts = c.DesiredState.BootArtifacts
			n.config.Enabled, n.config.Status = true, "configured"
		}
	default:
		n.on = false
	}
}

func drawComponent(t *rapid.T) Component {
	attempts := rapid.IntRange(0, 5)
	c := Component{ID: "x1", Enabled: rapid.Bool().Draw(t, "enabled"),
		Status: Status{Phase: rapid.SampledFrom([]Phase{NoPhase, PhaseOn, PhaseOff, PhaseConfigure}).Draw(t, "phase"),
			StatusOverride: rapid.SampledFrom([]string{"", StatusOnHold, StatusFailed}).Draw(t, "override")},
		LastAction: LastAction{Action: rapid.SampledFrom([]Action{"", PoweringOn, PoweringOffGently, PoweringOffHard, SessionSetup}).Draw(t, "action"),
			Failed: rapid.Bool().Draw(t, "action failed"), LastUpdated: t0.Add(-time.Hour)},
		EventStats: EventStats{attempts.Draw(t, "on tries"), attempts.Draw(t, "soft tries"), attempts.Draw(t, "hard tries")},
		Engine:     Engine{Claim: "old", Unsent: rapid.Bool().Draw(t, "unsent"), PhaseSince: t0.Add(-time.Hour)}}
	if rapid.Bool().Draw(t, "ran the image") {
		c.ActualState.BootArtifacts = image
	}
	return c
}
