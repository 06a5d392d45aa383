package cfs

import "time"

// Component is what CFS knows of one node. The JSON form is that of v3.
type Component struct {
	ID string `json:"id" doc:"xname of the node"`
	// State is what ran on the node, one entry per repository and playbook,
	// the newest last. Nil when it was not asked for.
	State         []StateLayer `json:"state,omitzero" doc:"What ran on the node, the newest last"`
	DesiredConfig string       `json:"desired_config" doc:"Name of the configuration that the node should have"`
	// DesiredState is computed, and only when asked for: the layers of
	// DesiredConfig, each with its status.
	DesiredState []DesiredLayer `json:"desired_state,omitzero" doc:"Layers of the desired configuration with their statuses"`
	ErrorCount   int            `json:"error_count" doc:"Failures since the last success"`
	// RetryPolicy overrides the option default_batcher_retry_policy; -1 is
	// without end.
	RetryPolicy *int `json:"retry_policy,omitempty" doc:"Failures after which the node is left alone; -1 is never"`
	Enabled     bool `json:"enabled" doc:"Whether the node is configured automatically"`
	// Status is computed; empty in answers to PUT and PATCH of one component.
	Status ConfigurationStatus `json:"configuration_status,omitempty" doc:"Where the node stands against its desired configuration"`
	Tags   map[string]string   `json:"tags" doc:"Free key-value pairs"`
	Logs   string              `json:"logs,omitempty" doc:"Link to the node's Ansible records"`
}

// ConfigurationStatus sums a component up.
type ConfigurationStatus string

// The statuses of a component and of each desired layer.
const (
	Unconfigured ConfigurationStatus = "unconfigured" // nothing to do, or no way to tell
	Pending      ConfigurationStatus = "pending"      // layers are to be applied
	Failed       ConfigurationStatus = "failed"       // the retry limit is reached
	Configured   ConfigurationStatus = "configured"
)

// LayerStatus is how a layer's last run on a node ended.
type LayerStatus string

// The statuses of a state layer.
const (
	LayerApplied    LayerStatus = "applied"
	LayerFailed     LayerStatus = "failed"
	LayerSkipped    LayerStatus = "skipped"    // the playbook ran but not on this node
	LayerIncomplete LayerStatus = "incomplete" // the play was broken off
)

// StateLayer is one entry of a component's state.
type StateLayer struct {
	CloneURL    string      `json:"clone_url" doc:"Repository"`
	Playbook    string      `json:"playbook" doc:"Playbook that ran"`
	Commit      string      `json:"commit" doc:"Commit that ran"`
	Status      LayerStatus `json:"status" doc:"How it ended: applied, failed, skipped or incomplete"`
	LastUpdated string      `json:"last_updated" doc:"When, in RFC 3339"`
	SessionName string      `json:"session_name" doc:"Session that ran it"`
}

// DesiredLayer is one layer of the desired configuration and its status.
type DesiredLayer struct {
	Name     string              `json:"name,omitempty"`
	CloneURL string              `json:"clone_url"`
	Playbook string              `json:"playbook"`
	Commit   string              `json:"commit"`
	Status   ConfigurationStatus `json:"status"`
}

// ComponentPatch is a change of one component; nil fields stay as they are.
type ComponentPatch struct {
	ID            string            `json:"id,omitempty" minLength:"1" doc:"xname of the node"`
	State         *[]StateInput     `json:"state,omitempty" nullable:"false" doc:"Replaces what ran on the node; [] has everything run again"`
	StateAppend   *AppendInput      `json:"state_append,omitempty" doc:"Adds what ran to the state, in place of an entry for the same repository and playbook"`
	DesiredConfig *string           `json:"desired_config,omitempty" format:"configuration-name" doc:"Name of the configuration that the node should have"`
	ErrorCount    *int              `json:"error_count,omitempty" doc:"Failures since the last success"`
	RetryPolicy   *int              `json:"retry_policy,omitempty" doc:"Failures after which the node is left alone; -1 is never"`
	Enabled       *bool             `json:"enabled,omitempty" doc:"Whether the node is configured automatically"`
	Tags          map[string]string `json:"tags,omitempty" doc:"Free key-value pairs; an empty value removes the key"`
}

// StateInput is a state layer as clients send it.
type StateInput struct {
	CloneURL    string `json:"clone_url" doc:"Repository"`
	Playbook    string `json:"playbook" doc:"Playbook that ran"`
	Commit      string `json:"commit" doc:"Commit that ran, perhaps with a suffix _applied, _failed, _skipped or _incomplete"`
	Status      string `json:"status" enum:"applied,failed,skipped,incomplete" doc:"How it ended"`
	SessionName string `json:"session_name" doc:"Session that ran it"`
}

// AppendInput is the layer of a state_append.
type AppendInput struct {
	CloneURL    string `json:"clone_url,omitempty" doc:"Repository"`
	Playbook    string `json:"playbook,omitempty" doc:"Playbook that ran"`
	Commit      string `json:"commit,omitempty" doc:"Commit that ran, perhaps with a suffix _applied, _failed, _skipped or _incomplete"`
	Status      string `json:"status,omitempty" enum:"applied,failed,skipped,incomplete" doc:"How it ended; without it and without a suffix: applied"`
	SessionName string `json:"session_name,omitempty" doc:"Session that ran it"`
}

// ComponentFilter selects components; empty fields do not limit.
type ComponentFilter struct {
	IDs        string `json:"ids,omitempty" doc:"Comma-separated component ids"`
	Status     string `json:"status,omitempty" doc:"Comma-separated statuses"`
	Enabled    *bool  `json:"enabled,omitempty" doc:"Only components that are enabled, or that are not"`
	ConfigName string `json:"config_name,omitempty" doc:"Only components with this desired configuration"`
	Tags       string `json:"tags,omitempty" doc:"Comma-separated key=value pairs, all of which must match"`
}

// Report is how a layer ended on a component: what the Ansible plugin sends.
type Report struct {
	ID          string      `json:"id"`
	StateAppend AppendInput `json:"state_append"`
}

// timestamp is the form of last_updated.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// asInput is the component as a client may send it.
func (c Component) asInput() ComponentPatch {
	state := make([]StateInput, len(c.State))
	for i, l := range c.State {
		state[i] = StateInput{CloneURL: l.CloneURL, Playbook: l.Playbook, Commit: l.Commit,
			Status: string(l.Status), SessionName: l.SessionName}
	}
	return ComponentPatch{ID: c.ID, State: &state, DesiredConfig: &c.DesiredConfig, ErrorCount: &c.ErrorCount,
		RetryPolicy: c.RetryPolicy, Enabled: &c.Enabled, Tags: c.Tags}
}
