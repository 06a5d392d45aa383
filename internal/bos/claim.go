package bos

import "time"

// A power action is claimed in the record before its call is made: whoever
// finds the claim after a crash asks PCS what became of it instead of driving
// the node a second time.

// Wants tells whether the action is due for the component. If it is not, at is
// when it will be unless something happens; zero is never.
func (c *Component) Wants(a Action, o Options, now time.Time) (due bool, at time.Time) {
	if !c.Enabled {
		return false, time.Time{}
	}
	switch status := c.Computed(); {
	case a == PoweringOn && status == StatusPowerOnPending,
		a == PoweringOffGently && status == StatusPowerOffPending,
		a == PoweringOffGently && status == StatusPowerOffGently && c.Engine.Unsent,
		a == PoweringOffHard && status == StatusPowerOffHard && (c.Engine.Unsent || c.LastAction.Failed),
		a == PoweringOffHard && status == StatusPowerOffGently && c.LastAction.Failed && !c.Engine.Unsent:
		at = c.Engine.RetryAt
	case a == PoweringOffHard && (status == StatusPowerOffHard || status == StatusPowerOffGently && !c.Engine.Unsent):
		at = c.LastAction.LastUpdated.Add(o.PowerOffWait())
	default:
		return false, time.Time{}
	}
	if at.After(now) {
		return false, at
	}
	return true, time.Time{}
}

// Claim takes the component for one try of the action, or gives the node up if
// the retry policy allows no further one.
func (c *Component) Claim(a Action, id string, o Options, now time.Time) (claimed bool) {
	tries, most := c.tries(a), o.DefaultRetryPolicy
	if c.RetryPolicy != nil {
		most = *c.RetryPolicy
	}
	if *tries >= most {
		c.giveUp()
		return false
	}
	*tries++
	if c.Error != "" {
		c.Engine.LastError, c.Error = c.Error, ""
	}
	if a == PoweringOn { // it is off: only a report of this boot says what it runs
		c.ActualState = ActualState{LastUpdated: now}
	}
	c.LastAction = LastAction{Action: a, LastUpdated: now}
	c.Engine.Claim, c.Engine.Unsent, c.Engine.RetryAt = id, false, time.Time{}
	return true
}

func (c *Component) tries(a Action) *int {
	switch a {
	case PoweringOn:
		return &c.EventStats.PowerOnAttempts
	case PoweringOffGently:
		return &c.EventStats.PowerOffGracefulAttempts
	}
	return &c.EventStats.PowerOffForcefulAttempts
}

func (c *Component) giveUp() {
	c.Status.StatusOverride = StatusFailed
	if c.Error == "" {
		c.Error = c.Engine.LastError
	}
	if c.Error == "" {
		c.Error = errRetryLimit
	}
}

// Holds tells whether the claim is still what the component is at: a newer
// session or a change by hand ends it.
func (c *Component) Holds(claim string, a Action) bool {
	return claim != "" && c.Engine.Claim == claim && c.LastAction.Action == a
}

// Refused records that the action's call did not reach PCS; the next try may
// not begin before retryAt.
func (c *Component) Refused(why string, retryAt time.Time) {
	c.LastAction.Failed = true
	c.Error = why
	c.Engine.Unsent, c.Engine.RetryAt = true, retryAt
}

// Failed records that PCS carried the action out in vain.
func (c *Component) Failed(why string, retryAt time.Time) {
	c.LastAction.Failed = true
	c.Error = why
	c.Engine.RetryAt = retryAt
}

// NeedsConfiguring tells whether CFS has to be told what the node should have.
// A node that has just been booted enables itself; others are enabled here.
func (c *Component) NeedsConfiguring(cfs Configuration) bool {
	if c.DesiredState.Configuration != cfs.Desired {
		return true
	}
	return cfs.Status == "pending" && !cfs.Enabled && c.LastAction.Action != PoweringOn
}
