package bos

import (
	"fmt"
	"time"
)

// Observation is what other services say of a node.
type Observation struct {
	// Power is nil when PCS does not list the node.
	Power *PowerStatus
	// Config is nil when CFS does not list the node.
	Config *Configuration
}

// Decision is what Decide makes of a component.
type Decision struct {
	// Component is the record as it should be.
	Component Component
	// Until is when to look again even if nothing is heard; zero is never.
	Until time.Time
}

// Decide tells where an enabled component stands and what comes next. It is
// pure: the same arguments give the same answer, and nothing else happens. A
// component that is not enabled stays as it is.
func Decide(c Component, seen Observation, o Options, now time.Time) Decision {
	if !c.Enabled {
		return Decision{Component: c}
	}
	failed := c.Status.StatusOverride == StatusFailed
	why := seen.blind(&c)
	switch {
	case why != "" && failed:
		c.Enabled = false
		return Decision{Component: c}
	case why != "":
		return waitForSight(c, seen, why, o, now)
	case !c.Engine.BlindSince.IsZero():
		c.Engine.BlindSince, c.Error = time.Time{}, ""
	}
	c.Status.StatusOverride = ""
	until := move(&c, seen, o, now)
	if failed {
		c.Status.StatusOverride = StatusFailed
		c.Enabled = false
	}
	if !c.Enabled {
		until = time.Time{}
	}
	return Decision{Component: c, Until: until}
}

// move is the table of the published state machine: the first case that holds.
func move(c *Component, seen Observation, o Options, now time.Time) (until time.Time) {
	off := seen.Power.State == "off"
	wantOff := c.DesiredState.BootArtifacts.Kernel == ""
	calledOn := c.LastAction.Action == PoweringOn
	switch {
	case off && wantOff:
		finish(c, now)
	case off:
		return poweringOn(c, o, now)
	case wantOff:
		c.enterPhase(PhaseOff, now)
	case c.Matches() && c.Status.Phase != PhaseOff: // what is going down does not run what it says
		return configuring(c, seen.Config, o, now)
	case calledOn && now.Sub(c.LastAction.LastUpdated) <= o.BootWait():
		c.enterPhase(PhaseOn, now)
		c.LastAction.Failed = false // it is on, whatever was said about the call
		return c.LastAction.LastUpdated.Add(o.BootWait())
	default:
		if c.Status.Phase == PhaseOn && calledOn {
			c.Error = fmt.Sprintf("The node was powered on but did not report what it booted within %s", o.BootWait())
		}
		c.enterPhase(PhaseOff, now)
	}
	return time.Time{}
}

// poweringOn: the node is off and should run. If it was powered on already,
// that must show in good time.
func poweringOn(c *Component, o Options, now time.Time) (until time.Time) {
	c.enterPhase(PhaseOn, now)
	if c.LastAction.Action != PoweringOn || c.LastAction.Failed {
		return time.Time{}
	}
	late := c.LastAction.LastUpdated.Add(o.PowerOnWait())
	if !now.After(late) {
		return late
	}
	c.LastAction.Failed = true
	c.Error = fmt.Sprintf("The node was still off %s after it was powered on", o.PowerOnWait())
	return time.Time{}
}

// configuring: the node runs what it should; CFS decides the rest.
func configuring(c *Component, cfs *Configuration, o Options, now time.Time) (until time.Time) {
	want := c.DesiredState.Configuration
	switch {
	case want != cfs.Desired:
		c.enterPhase(PhaseConfigure, now)
	case want == "" || cfs.Status == "configured":
		finish(c, now)
	case cfs.Status == "pending":
		c.enterPhase(PhaseConfigure, now)
		return awaitEnabling(c, cfs, o, now)
	case cfs.Status == "failed":
		failConfiguring(c, "cfs configuration failed", now)
	default:
		failConfiguring(c, "cfs is not reporting a valid configuration status for this component: "+cfs.Status, now)
	}
	return time.Time{}
}

// awaitEnabling bounds the wait for the node to enable itself in CFS. Once it
// is enabled, CFS's own retry policy bounds the wait.
func awaitEnabling(c *Component, cfs *Configuration, o Options, now time.Time) (until time.Time) {
	if cfs.Enabled {
		return time.Time{}
	}
	late := c.Engine.PhaseSince.Add(o.BootWait())
	if now.After(late) {
		failConfiguring(c, fmt.Sprintf("The node did not enable itself in CFS within %s, so its configuration did not start", o.BootWait()), now)
		return time.Time{}
	}
	return late
}

func failConfiguring(c *Component, why string, now time.Time) {
	c.enterPhase(PhaseConfigure, now)
	c.Status.StatusOverride, c.Enabled, c.Error = StatusFailed, false, why
}

func finish(c *Component, now time.Time) {
	c.enterPhase(NoPhase, now)
	if c.Status.StatusOverride != StatusFailed {
		c.Error = ""
	}
	c.Enabled = false
	c.Engine = Engine{Tenant: c.Engine.Tenant, StagedTenant: c.Engine.StagedTenant, PhaseSince: c.Engine.PhaseSince}
}

// blind says why the component cannot be judged, or nothing. A node that has
// reported what it should run since it was powered on needs no power state.
func (seen Observation) blind(c *Component) string {
	switch {
	case seen.Power == nil:
		return "Component information was not returned by pcs"
	case seen.Config == nil:
		return "Component information was not returned by cfs"
	case c.Matches() && (c.Status.Phase == PhaseConfigure || c.Computed() == StatusPowerOnCalled):
		return ""
	case seen.Power.Error != "":
		return "PCS cannot tell whether the node is on: " + seen.Power.Error
	case seen.Power.State != "on" && seen.Power.State != "off":
		return "PCS cannot tell whether the node is on: its power state is " + seen.Power.State
	}
	return ""
}

// waitForSight lets a node be for a while when services do not say where it
// stands: taking that for a state would turn a service's hiccup into a power
// cycle. After that the node is given up: lost ones are put on hold, ones whose
// BMC does not answer have failed.
func waitForSight(c Component, seen Observation, why string, o Options, now time.Time) Decision {
	if c.Engine.BlindSince.IsZero() {
		c.Engine.BlindSince = now
	}
	c.Error = why
	late := c.Engine.BlindSince.Add(o.PowerOnWait())
	if now.Before(late) {
		return Decision{Component: c, Until: late}
	}
	c.Engine.BlindSince = time.Time{}
	c.Enabled = false
	if seen.Power == nil || seen.Config == nil {
		c.enterPhase(NoPhase, now)
		c.Status.StatusOverride = StatusOnHold
	} else {
		c.Status.StatusOverride = StatusFailed
	}
	return Decision{Component: c}
}
