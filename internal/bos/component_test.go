package bos

import (
	"testing"
	"time"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
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

// What a phase may take counts from when the node was sent on its way, not from when an
// earlier session brought it into that phase.
func TestAPhaseBeginsAnewWithTheNodesNextSession(t *testing.T) {
	yes, later := true, t0.Add(time.Hour)
	for name, c := range map[string]struct {
		before Component
		do     func(*Component)
		want   time.Time
	}{
		"enabled by hand": {Component{Status: Status{Phase: PhaseConfigure}}, func(c *Component) { c.Apply(&ComponentPatch{Enabled: &yes}, nil, later) }, later},
		"still enabled":   {Component{Enabled: true, Status: Status{Phase: PhaseConfigure}}, func(c *Component) { c.Apply(&ComponentPatch{Enabled: &yes}, nil, later) }, t0},
		"of a session":    {Component{Enabled: true, Status: Status{Phase: PhaseConfigure}}, func(c *Component) { c.Join(&Session{}, Target{}, later) }, later},
		"in no phase":     {Component{}, func(c *Component) { c.Join(&Session{}, Target{}, later) }, t0},
	} {
		c.before.Engine.PhaseSince = t0
		c.do(&c.before)
		if got := c.before.Engine.PhaseSince; !got.Equal(c.want) {
			t.Errorf("%s: since %s, want %s", name, got, c.want)
		}
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
