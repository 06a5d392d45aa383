package bos

import (
	"time"
)

// ComponentPatch is what a caller says of a component; nil is not said.
type ComponentPatch struct {
	ID           string           `json:"id,omitempty" minLength:"1" format:"component-id" doc:"The component's ID: its xname"`
	ActualState  *ActualPatch     `json:"actual_state,omitempty" doc:"What the node runs"`
	DesiredState *DesiredPatch    `json:"desired_state,omitempty" doc:"What the node should run"`
	StagedState  *StagedPatch     `json:"staged_state,omitempty" doc:"What applystaged will make the desired state"`
	LastAction   *LastActionPatch `json:"last_action,omitempty" doc:"What was done last"`
	EventStats   *EventStatsPatch `json:"event_stats,omitempty" doc:"Tries since the node was last in its desired state"`
	Status       *StatusPatch     `json:"status,omitempty" doc:"Where the node stands"`
	Enabled      *bool            `json:"enabled,omitempty" doc:"Whether BOS acts on the node"`
	Error        *string          `json:"error,omitempty" format:"words" doc:"The latest error"`
	Session      *string          `json:"session,omitempty" format:"name-or-none" doc:"The session that the node belongs to"`
	RetryPolicy  *int             `json:"retry_policy,omitempty" format:"attempts" doc:"How often each action is tried; default_retry_policy if not set"`
}

// ArtifactsPatch changes boot artifacts.
type ArtifactsPatch struct {
	Kernel           *string `json:"kernel,omitempty" format:"path" doc:"Where the kernel is"`
	KernelParameters *string `json:"kernel_parameters,omitempty" format:"kernel-parameters" doc:"Kernel parameters"`
	Initrd           *string `json:"initrd,omitempty" format:"path" doc:"Where the initrd is"`
}

// ActualPatch changes the actual state.
type ActualPatch struct {
	BootArtifacts *ArtifactsPatch `json:"boot_artifacts,omitempty" doc:"What is booted"`
	BSSToken      *string         `json:"bss_token,omitempty" format:"token" doc:"Referral token that the node booted with"`
	LastUpdated   *string         `json:"last_updated,omitempty" readOnly:"true" doc:"When this changed last"`
}

// DesiredPatch changes the desired state.
type DesiredPatch struct {
	BootArtifacts *ArtifactsPatch `json:"boot_artifacts,omitempty" doc:"What to boot"`
	Configuration *string         `json:"configuration,omitempty" format:"configuration-name" doc:"Name of the CFS configuration"`
	BSSToken      *string         `json:"bss_token,omitempty" format:"token" doc:"Referral token of the last power-on"`
	LastUpdated   *string         `json:"last_updated,omitempty" readOnly:"true" doc:"When this changed last"`
}

// StagedPatch changes the staged state.
type StagedPatch struct {
	BootArtifacts *ArtifactsPatch `json:"boot_artifacts,omitempty" doc:"What to boot"`
	Configuration *string         `json:"configuration,omitempty" format:"configuration-name" doc:"Name of the CFS configuration"`
	Session       *string         `json:"session,omitempty" format:"name-or-none" doc:"The session that staged this"`
	LastUpdated   *string         `json:"last_updated,omitempty" readOnly:"true" doc:"When this changed last"`
}

// LastActionPatch changes the last action.
type LastActionPatch struct {
	LastUpdated *string `json:"last_updated,omitempty" readOnly:"true" doc:"When this changed last"`
	Action      *Action `json:"action,omitempty" enum:"actual_state_cleanup,apply_staged,newly_discovered,powering_off_forcefully,powering_off_gracefully,powering_on,session_setup" doc:"The action"`
	Failed      *bool   `json:"failed,omitempty" doc:"Whether it failed"`
}

// EventStatsPatch changes the counts of tries.
type EventStatsPatch struct {
	PowerOnAttempts          *int `json:"power_on_attempts,omitempty" format:"attempts" doc:"Tries to power on"`
	PowerOffGracefulAttempts *int `json:"power_off_graceful_attempts,omitempty" format:"attempts" doc:"Tries to power off gracefully"`
	PowerOffForcefulAttempts *int `json:"power_off_forceful_attempts,omitempty" format:"attempts" doc:"Tries to power off forcefully"`
}

// StatusPatch changes what the computed status derives from.
type StatusPatch struct {
	Phase          *Phase  `json:"phase,omitempty" enum:"configuring,powering_off,powering_on," doc:"Part of the way the node is on"`
	Status         *string `json:"status,omitempty" readOnly:"true" doc:"Computed status"`
	StatusOverride *string `json:"status_override,omitempty" format:"words" doc:"If set it replaces the computed status"`
}

// Apply merges p into the component together with the fields that follow by
// rule. booted is what the token in p stands for, if that is known.
func (c *Component) Apply(p *ComponentPatch, booted *BootArtifacts, now time.Time) {
	c.applyActual(p.ActualState, booted, now)
	c.applyDesired(p.DesiredState, now)
	if s := p.StagedState; s != nil {
		mergeArtifacts(&c.StagedState.BootArtifacts, s.BootArtifacts)
		set(&c.StagedState.Configuration, s.Configuration)
		set(&c.StagedState.Session, s.Session)
		c.StagedState.LastUpdated = now
	}
	if a := p.LastAction; a != nil {
		set(&c.LastAction.Action, a.Action)
		set(&c.LastAction.Failed, a.Failed)
		c.LastAction.LastUpdated = now
	}
	if e := p.EventStats; e != nil {
		set(&c.EventStats.PowerOnAttempts, e.PowerOnAttempts)
		set(&c.EventStats.PowerOffGracefulAttempts, e.PowerOffGracefulAttempts)
		set(&c.EventStats.PowerOffForcefulAttempts, e.PowerOffForcefulAttempts)
	}
	if s := p.Status; s != nil {
		if s.Phase != nil && *s.Phase != c.Status.Phase {
			c.Status.Phase, c.Engine.PhaseSince = *s.Phase, now
		}
		set(&c.Status.StatusOverride, s.StatusOverride)
	}
	if p.Error != nil {
		c.Troubles = Troubles{} // the field has one value: the caller's replaces all
		c.Troubles.Set(FromClient, *p.Error, now)
	}
	if p.DesiredState != nil && (p.Session == nil || *p.Session == "") {
		c.Session, c.Engine.Tenant = "", "" // a change by hand takes the node out of its session
	} else if p.Session != nil {
		c.Session = *p.Session
	}
	if p.RetryPolicy != nil {
		policy := *p.RetryPolicy
		c.RetryPolicy = &policy
	}
	if p.Enabled != nil {
		c.enable(*p.Enabled, now)
	}
}

// enable puts an enabled node on hold until the operators look at it, with no
// call that it waits for. One that was disabled starts anew.
func (c *Component) enable(on bool, now time.Time) {
	if on {
		if !c.Enabled {
			c.startAnew(now)
		}
		c.Status.StatusOverride = StatusOnHold
		c.LeaveCall()
		c.Engine = Engine{Tenant: c.Engine.Tenant, StagedTenant: c.Engine.StagedTenant, PhaseSince: c.Engine.PhaseSince, Left: c.Engine.Left, Agent: c.Engine.Agent}
	}
	c.Enabled = on
}

// startAnew gives the node all its tries, and a phase that it is in the time that it may take.
func (c *Component) startAnew(now time.Time) {
	c.EventStats = EventStats{}
	if c.Status.Phase != NoPhase {
		c.Engine.PhaseSince = now
	}
}

// A token that nobody knows says nothing about what the node runs: the state
// does not become younger by it.
func (c *Component) applyActual(p *ActualPatch, booted *BootArtifacts, now time.Time) {
	if p == nil {
		return
	}
	known := booted != nil && p.BSSToken != nil && *p.BSSToken != ""
	mergeArtifacts(&c.ActualState.BootArtifacts, p.BootArtifacts)
	if known {
		c.ActualState.BootArtifacts = *booted
	}
	set(&c.ActualState.BSSToken, p.BSSToken)
	if known || p.BootArtifacts != nil || p.BSSToken == nil {
		c.ActualState.LastUpdated = now
	}
}

func (c *Component) applyDesired(p *DesiredPatch, now time.Time) {
	if p == nil {
		return
	}
	mergeArtifacts(&c.DesiredState.BootArtifacts, p.BootArtifacts)
	set(&c.DesiredState.Configuration, p.Configuration)
	set(&c.DesiredState.BSSToken, p.BSSToken)
	if p.BootArtifacts != nil || p.Configuration != nil {
		c.EventStats = EventStats{}
	}
	if p.BootArtifacts != nil || p.Configuration != nil || p.BSSToken == nil {
		c.DesiredState.LastUpdated = now
	}
}

func mergeArtifacts(a *BootArtifacts, p *ArtifactsPatch) {
	if p == nil {
		return
	}
	set(&a.Kernel, p.Kernel)
	set(&a.KernelParameters, p.KernelParameters)
	set(&a.Initrd, p.Initrd)
}

func set[T any](at *T, value *T) {
	if value != nil {
		*at = *value
	}
}

// readOnly names the first property in p that only the service writes.
func (p *ComponentPatch) readOnly() string {
	switch {
	case p.ActualState != nil && p.ActualState.LastUpdated != nil:
		return "actual_state.last_updated"
	case p.DesiredState != nil && p.DesiredState.LastUpdated != nil:
		return "desired_state.last_updated"
	case p.StagedState != nil && p.StagedState.LastUpdated != nil:
		return "staged_state.last_updated"
	case p.LastAction != nil && p.LastAction.LastUpdated != nil:
		return "last_action.last_updated"
	case p.Status != nil && p.Status.Status != nil:
		return "status.status"
	}
	return ""
}

// Report is the patch by which a node tells what it booted.
func Report(id, token string) ComponentPatch {
	return ComponentPatch{ID: id, ActualState: &ActualPatch{BSSToken: &token}}
}
