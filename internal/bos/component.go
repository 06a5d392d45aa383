package bos

import (
	"slices"
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
	Troubles     Troubles     `json:"troubles,omitzero"`
	Session      string       `json:"session"`
	RetryPolicy  *int         `json:"retry_policy,omitempty"`

	// Engine is not served, but for the agent.
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
)

// Engine is what the operators remember about a component between two looks.
type Engine struct {
	// Tenant is the tenant of Session, StagedTenant that of StagedState.Session.
	Tenant       string `json:"tenant,omitempty"`
	StagedTenant string `json:"staged_tenant,omitempty"`
	// PhaseSince is when the phase began.
	PhaseSince time.Time `json:"phase_since,omitzero"`
	// Call is the power call decided last.
	Call Call `json:"call,omitzero"`
	// Left is the power-on of an earlier wish that may still turn the node on.
	Left Call `json:"left,omitzero"`
	// NotBefore bars the next power call until then.
	NotBefore time.Time `json:"not_before,omitzero"`
	// LaterSince is since when no call got further than "later".
	LaterSince time.Time `json:"later_since,omitzero"`
	// RefusedSince is since when the BMC refuses the action of Call in words.
	RefusedSince time.Time `json:"refused_since,omitzero"`
	// UnseenSince is since when PCS or CFS do not say where the node stands.
	UnseenSince time.Time `json:"unseen_since,omitzero"`
	// Former are the tokens that earlier power-ons got, the newest first.
	Former [4]string `json:"former_tokens,omitzero"`
	// Forced is the last forced power-off that was decided in the session.
	Forced Forced `json:"forced,omitzero"`
	// BootTook is how long the last boot took, from the power-on to the report.
	BootTook time.Duration `json:"boot_took,omitempty"`
	// Agent is the session of BOS v1 whose agent moves the node; empty: none.
	// Until it ends, nothing is done to the node here.
	Agent string `json:"agent,omitempty"`
}

// Call is one power call. It is written before it is made, so that whoever
// finds it after a crash asks PCS what became of it.
type Call struct {
	ID     string    `json:"id,omitempty"`
	Action Action    `json:"action,omitempty"`
	State  CallState `json:"state,omitempty"`
	// At is when it was decided, AcceptedAt when the BMC was known to have it.
	At         time.Time `json:"at,omitzero"`
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
}

// Forced is a forced power-off: why, when it was decided, and when the BMC was
// known to have it.
type Forced struct {
	Words string    `json:"words,omitempty"`
	At    time.Time `json:"at,omitzero"`
	Cut   time.Time `json:"cut,omitzero"`
}

// CallState is how far a power call got.
type CallState string

// The states. The last three are final for the call; what follows from them is
// for the machine to say.
const (
	NoCall       CallState = ""
	CallDecided  CallState = "decided"
	CallAccepted CallState = "accepted"
	CallLater    CallState = "later"
	CallRefused  CallState = "refused"
	CallNever    CallState = "never"
)

// Open tells whether the call may still come to something.
func (c Call) Open() bool { return c.State == CallDecided || c.State == CallAccepted }

// LeaveCall ends the wait for the call under way. What was sent stays sent: a
// node that was asked to go off runs nothing that could be relied on, and one
// that was powered on may yet come on.
func (c *Component) LeaveCall() {
	call := c.Engine.Call
	c.Engine.Call = Call{}
	switch {
	case !call.Open():
	case call.Action == PoweringOn:
		c.Engine.Left = call
	default:
		c.ActualState = ActualState{LastUpdated: c.ActualState.LastUpdated}
	}
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

// Powered notes the token that BSS gave for a power-on.
func (c *Component) Powered(token string) {
	if old := c.DesiredState.BSSToken; old != "" && old != token {
		copy(c.Engine.Former[1:], c.Engine.Former[:])
		c.Engine.Former[0] = old
	}
	c.DesiredState.BSSToken = token
}

// GivenToken tells whether BSS gave the token for one of the node's boots, as
// far as is remembered.
func (c *Component) GivenToken(token string) bool {
	return token == c.DesiredState.BSSToken || token == c.ActualState.BSSToken || slices.Contains(c.Engine.Former[:], token)
}

// Matches tells whether the node runs the artifacts that it should.
func (c *Component) Matches() bool {
	return c.DesiredState.BootArtifacts == c.ActualState.BootArtifacts
}

// EnterPhase changes the phase; with the last one the tries are forgotten.
func (c *Component) EnterPhase(p Phase, now time.Time) {
	if c.Status.Phase == p {
		return
	}
	if p == NoPhase {
		c.EventStats = EventStats{}
	}
	c.Status.Phase = p
	c.Engine.PhaseSince = now
}

// Retries is how often each action is tried.
func (c *Component) Retries(o Options) int {
	if c.RetryPolicy != nil {
		return *c.RetryPolicy
	}
	return o.DefaultRetryPolicy
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
