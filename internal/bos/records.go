package bos

import "github.com/drover-hpc/drover/internal/bos/bootset"

// ComponentRecord is a component as the API shows it.
type ComponentRecord struct {
	ID           string        `json:"id" doc:"The component's ID: its xname"`
	ActualState  ActualRecord  `json:"actual_state" doc:"What the node runs"`
	DesiredState DesiredRecord `json:"desired_state" doc:"What the node should run"`
	StagedState  StagedRecord  `json:"staged_state" doc:"What applystaged will make the desired state"`
	LastAction   ActionRecord  `json:"last_action" doc:"What was done last"`
	EventStats   EventStats    `json:"event_stats" doc:"Tries since the node was last in its desired state"`
	Status       StatusRecord  `json:"status" doc:"Where the node stands"`
	Enabled      bool          `json:"enabled" doc:"Whether BOS acts on the node"`
	Error        string        `json:"error" doc:"The latest error"`
	Session      string        `json:"session" doc:"The session that the node belongs to"`
	RetryPolicy  *int          `json:"retry_policy,omitempty" doc:"How often each action is tried"`
	V1Session    string        `json:"v1_session,omitempty" doc:"The session of BOS v1 whose agent moves the node; absent if there is none"`
}

// ActualRecord is an actual state as the API shows it.
type ActualRecord struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts"`
	BSSToken      string        `json:"bss_token"`
	LastUpdated   string        `json:"last_updated,omitempty"`
}

// DesiredRecord is a desired state as the API shows it.
type DesiredRecord struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts"`
	Configuration string        `json:"configuration"`
	BSSToken      string        `json:"bss_token"`
	LastUpdated   string        `json:"last_updated,omitempty"`
}

// StagedRecord is a staged state as the API shows it.
type StagedRecord struct {
	BootArtifacts BootArtifacts `json:"boot_artifacts"`
	Configuration string        `json:"configuration"`
	Session       string        `json:"session"`
	LastUpdated   string        `json:"last_updated,omitempty"`
}

// ActionRecord is a last action as the API shows it.
type ActionRecord struct {
	Action      Action `json:"action,omitempty"`
	Failed      bool   `json:"failed"`
	LastUpdated string `json:"last_updated,omitempty"`
}

// StatusRecord is a status as the API shows it.
type StatusRecord struct {
	Phase          Phase  `json:"phase"`
	Status         string `json:"status"`
	StatusOverride string `json:"status_override"`
	PhaseSince     string `json:"phase_since,omitempty" doc:"When the phase last changed, or began anew since the node was enabled; absent if it never did"`
}

func componentRecord(c *Component) ComponentRecord {
	return ComponentRecord{
		ID:           c.ID,
		ActualState:  ActualRecord{c.ActualState.BootArtifacts, c.ActualState.BSSToken, stampOrNone(c.ActualState.LastUpdated)},
		DesiredState: DesiredRecord{c.DesiredState.BootArtifacts, c.DesiredState.Configuration, c.DesiredState.BSSToken, stampOrNone(c.DesiredState.LastUpdated)},
		StagedState:  StagedRecord{c.StagedState.BootArtifacts, c.StagedState.Configuration, c.StagedState.Session, stampOrNone(c.StagedState.LastUpdated)},
		LastAction:   ActionRecord{c.LastAction.Action, c.LastAction.Failed, stampOrNone(c.LastAction.LastUpdated)},
		EventStats:   c.EventStats,
		Status:       StatusRecord{c.Status.Phase, c.Computed(), c.Status.StatusOverride, stampOrNone(c.Engine.PhaseSince)},
		Enabled:      c.Enabled, Error: c.Troubles.Newest(), Session: c.Session, RetryPolicy: c.RetryPolicy, V1Session: c.Engine.Agent,
	}
}

func componentRecords(list []Component) []ComponentRecord {
	out := make([]ComponentRecord, len(list))
	for i := range list {
		out[i] = componentRecord(&list[i])
	}
	return out
}

// SessionRecord is a session as the API shows it.
type SessionRecord struct {
	Name            string              `json:"name"`
	Tenant          *string             `json:"tenant" doc:"Tenant that owns the session; null if none"`
	Operation       Operation           `json:"operation" enum:"boot,reboot,shutdown"`
	TemplateName    string              `json:"template_name"`
	Limit           string              `json:"limit"`
	Stage           bool                `json:"stage"`
	Components      string              `json:"components" doc:"The nodes that the session began with, comma-separated"`
	IncludeDisabled bool                `json:"include_disabled"`
	Status          SessionStatusRecord `json:"status"`
}

// SessionStatusRecord is a session's status as the API shows it.
type SessionStatusRecord struct {
	StartTime string       `json:"start_time"`
	EndTime   *string      `json:"end_time" doc:"When the session completed; null before that"`
	Status    SessionLabel `json:"status" enum:"pending,running,complete"`
	Error     *string      `json:"error" doc:"Why the session could not be set up, or not yet; null if there was no error"`
}

func sessionRecord(s *Session, components string) SessionRecord {
	return SessionRecord{Name: s.Name, Tenant: orNull(s.Tenant), Operation: s.Operation, TemplateName: s.TemplateName,
		Limit: s.Limit, Stage: s.Stage, Components: components, IncludeDisabled: s.IncludeDisabled,
		Status: SessionStatusRecord{StartTime: Stamp(s.Status.StartTime), EndTime: orNull(stampOrNone(s.Status.EndTime)),
			Status: s.Status.Status, Error: orNull(s.Status.Error)}}
}

// TemplateRecord is a session template as the API shows it.
type TemplateRecord struct {
	Name        string       `json:"name,omitempty"`
	Tenant      *string      `json:"tenant" doc:"Tenant that owns the template; null if none"`
	Description string       `json:"description,omitempty"`
	EnableCFS   *bool        `json:"enable_cfs,omitempty"`
	CFS         *bootset.CFS `json:"cfs,omitempty"`
	BootSets    BootSets     `json:"boot_sets"`
}

func templateRecord(t *Template) TemplateRecord {
	return TemplateRecord{Name: t.Name, Tenant: orNull(t.Tenant), Description: t.Description,
		EnableCFS: t.EnableCFS, CFS: t.CFS, BootSets: t.BootSets}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
