package bos

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
)

// Component is one node as BOS knows it.
type Component struct {
	ID           string       `json:"id"`
	ActualState  ActualState  `json:"actual_state"`
	DesiredState DesiredState `json:"desired_state"`
	StagedState  StagedState  `json:"staged_state"`
	LastAction   LastAction   `json:"last_action"`
	EventStats   EventStats   `json:"event_stats"`
	Status       Status       `json:"status"`
	Enabled      bool         `json:"enabled"`
	Error        string       `json:"error"`
	Session      string       `json:"session"`
	RetryPolicy  *int         `json:"retry_policy,omitempty"`

	// Engine is never served.
	Engine Engine `json:"engine,omitzero"`
}

// BootArtifacts are what a node boots; all empty means that it should be off.
type BootArtifacts = bootset.Artifacts

// ActualState is what the node runs, by its own report.
type ActualState struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts"`
	BSSToken      string        `json:"bss_token"`
	LastUpdated   time.Time     `json:"last_updated,omitzero"`
}

// DesiredState is what the node should run. BSSToken is the one that BSS gave
// for these artifacts at the last power-on.
type DesiredState struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts"`
	Configuration string        `json:"configuration"`
	BSSToken      string        `json:"bss_token"`
	LastUpdated   time.Time     `json:"last_updated,omitzero"`
}

// StagedState waits for applystaged to make it the desired state.
type StagedState struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts,omitzero"`
	Configuration string        `json:"configuration,omitempty"`
	Session       string        `json:"session,omitempty"`
	LastUpdated   time.Time     `json:"last_updated,omitzero"`
}

// LastAction is what was done last to bring the node to its desired state.
type LastAction struct {
	Action      Action    `json:"action"`
	Failed      bool      `json:"failed"`
	LastUpdated time.Time `json:"last_updated,omitzero"`
}

// Action names what can be done.
type Action string

// The actions.
const (
	NewlyDiscovered    Action = "newly_discovered"
	SessionSetup       Action = "session_setup"
	ApplyStaged        Action = "apply_staged"
	ActualStateCleanup Action = "actual_state_cleanup"
	PoweringOn         Action = "powering_on"
	PoweringOffGently  Action = "powering_off_gracefully"
	PoweringOffHard    Action = "powering_off_forcefully"
)

// EventStats counts the tries of each action since the node was last where it
// should be.
type EventStats struct {
	PowerOnAttempts          int `json:"power_on_attempts"`
	PowerOffGracefulAttempts int `json:"power_off_graceful_attempts"`
	PowerOffForcefulAttempts int `json:"power_off_forceful_attempts"`
}

// Status holds what the computed status derives from.
type Status struct {
	Phase          Phase  `json:"phase"`
	StatusOverride string `json:"status_override"`
}

// Phase is the part of the way that the node is on; empty when it is on none.
type Phase string

// The phases.
const (
	NoPhase        Phase = ""
	PhaseOn        Phase = "powering_on"
	PhaseOff       Phase = "powering_off"
	PhaseConfigure Phase = "configuring"
)

// The computed statuses. OnHold and Failed are also the overrides.
const (
	StatusStable          = "stable"
	StatusOnHold          = "on_hold"
	StatusFailed          = "failed"
	StatusPowerOnPending  = "power_on_pending"
	StatusPowerOnCalled   = "power_on_called"
	StatusPowerOffPending = "power_off_pending"
	StatusPowerOffGently  = "power_off_gracefully_called"
	StatusPowerOffHard    = "power_off_forcefully_called"
	StatusConfiguring     = "configuring"

	errRetryLimit = "The retry limit has been hit for this component, but no services have reported specific errors"
)

// Engine is what the operators remember about a component between two looks.
type Engine struct {
	// Tenant is the tenant of Session, StagedTenant that of StagedState.Session.
	Tenant       string `json:"tenant,omitempty"`
	StagedTenant string `json:"staged_tenant,omitempty"`
	// PhaseSince is when the phase began.
	PhaseSince time.Time `json:"phase_since,omitzero"`
	// Claim identifies the power action that was decided last. It is written
	// before the call is made; Unsent tells that the call failed.
	Claim  string `json:"claim,omitempty"`
	Unsent bool   `json:"unsent,omitempty"`
	// RetryAt bars the next try until then.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// BlindSince is since when PCS or CFS do not say where the node stands.
	BlindSince time.Time `json:"blind_since,omitzero"`
	// LastError is the error that the next try wiped from Component.Error.
	LastError string `json:"last_error,omitempty"`
}

// Computed is the status that the API shows.
func (c *Component) Computed() string {
	switch {
	case c.Status.StatusOverride != "":
		return c.Status.StatusOverride
	case c.Status.Phase == PhaseOn && c.LastAction.Action == PoweringOn && !c.LastAction.Failed:
		return StatusPowerOnCalled
	case c.Status.Phase == PhaseOn:
		return StatusPowerOnPending
	case c.Status.Phase == PhaseOff && c.LastAction.Action == PoweringOffGently:
		return StatusPowerOffGently
	case c.Status.Phase == PhaseOff && c.LastAction.Action == PoweringOffHard:
		return StatusPowerOffHard
	case c.Status.Phase == PhaseOff:
		return StatusPowerOffPending
	case c.Status.Phase == PhaseConfigure:
		return StatusConfiguring
	}
	return StatusStable
}

// AcceptsReport tells whether the node's report of its actual state may be
// taken: not while BOS is about to change what the node runs, lest the system
// that is going down overwrite what a reboot has emptied.
func (c *Component) AcceptsReport() bool {
	return !c.Enabled || c.Computed() == StatusStable || c.LastAction.Action == PoweringOn
}

// Matches tells whether the node runs the artifacts that it should.
func (c *Component) Matches() bool {
	return c.DesiredState.BootArtifacts == c.ActualState.BootArtifacts
}

// enterPhase changes the phase with what goes along: leaving powering_off the
// old system is gone, leaving all phases the tries are forgotten.
func (c *Component) enterPhase(p Phase, now time.Time) {
	if c.Status.Phase == p {
		return
	}
	if c.Status.Phase == PhaseOff {
		c.ActualState = ActualState{LastUpdated: now}
	}
	if p == NoPhase {
		c.EventStats = EventStats{}
	}
	c.Status.Phase = p
	c.Engine.PhaseSince = now
}

// Expired tells whether the state says something that was not confirmed since
// the time.
func (a *ActualState) Expired(since time.Time) bool {
	return a.BootArtifacts != BootArtifacts{} && a.LastUpdated.Before(since)
}

// ForgetActual empties the actual state. What operators remember of a node
// that they are busy with stays.
func (c *Component) ForgetActual(now time.Time) {
	c.ActualState = ActualState{LastUpdated: now}
	if !c.Enabled {
		c.LastAction = LastAction{Action: ActualStateCleanup, LastUpdated: now}
	}
}
