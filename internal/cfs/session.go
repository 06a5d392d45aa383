package cfs

import "time"

// Session is one run of a configuration's layers. The JSON form is that of v3:
// every key is present from the creation on.
type Session struct {
	Name           string               `json:"name"`
	Configuration  SessionConfiguration `json:"configuration"`
	Ansible        SessionAnsible       `json:"ansible"`
	Target         Target               `json:"target"`
	Tags           map[string]string    `json:"tags"`
	DebugOnFailure bool                 `json:"debug_on_failure"`
	Logs           *string              `json:"logs"`
	Status         SessionStatus        `json:"status"`
}

// SessionConfiguration is what a session applies.
type SessionConfiguration struct {
	Name  string `json:"name"`
	Limit string `json:"limit"`
}

// SessionAnsible is how Ansible is called.
type SessionAnsible struct {
	Config      string  `json:"config"`
	Limit       *string `json:"limit"`
	Verbosity   int     `json:"verbosity"`
	Passthrough *string `json:"passthrough"`
}

// SessionStatus is where a session stands.
type SessionStatus struct {
	Artifacts []Artifact `json:"artifacts"`
	Session   RunStatus  `json:"session"`
}

// Artifact is an image that a session made.
type Artifact struct {
	ImageID  string `json:"image_id"`
	ResultID string `json:"result_id"`
	Type     string `json:"type"`
}

// RunStatus is the part of the status that moves.
type RunStatus struct {
	Status         Stage     `json:"status"`
	Succeeded      Succeeded `json:"succeeded"`
	StartTime      string    `json:"start_time"` // of the creation, no zone
	CompletionTime *string   `json:"completion_time"`
	Job            *string   `json:"job"`
	IMSJob         *string   `json:"ims_job"`
	// Waiting is Drover's own, and the executor's word alone.
	Waiting *Waiting `json:"waiting,omitempty" doc:"Extension: what the session's job waits for"`
}

// Stage is a session's status; it only advances.
type Stage string

// The stages in their order.
const (
	StagePending  Stage = "pending"
	StageRunning  Stage = "running"
	StageComplete Stage = "complete"
)

// Succeeded tells how a session ended; it only advances.
type Succeeded string

// The values in their order.
const (
	SucceededNone    Succeeded = "none"
	SucceededUnknown Succeeded = "unknown"
	SucceededFalse   Succeeded = "false"
	SucceededTrue    Succeeded = "true"
)

// NewSession is what a client asks for.
type NewSession struct {
	Name               string
	ConfigurationName  string
	ConfigurationLimit string
	AnsibleConfig      string // empty: option default_ansible_config
	AnsibleLimit       *string
	AnsibleVerbosity   int
	AnsiblePassthrough *string
	Target             Target
	Tags               map[string]string
	DebugOnFailure     bool
}

// SessionFilter selects sessions; empty fields do not limit.
type SessionFilter struct {
	MinAge, MaxAge string // digits and one of m, h, d, w
	Status         string
	Succeeded      string
	NameContains   string
	Tags           string
}

// Run is what the operator knows of a session beyond the record: the pinned
// job and how it goes. The interface shows it as the session's log.
type Run struct {
	Session string `json:"session"`
	// Job is fixed when the session is created; its ID too, so that an event
	// handled twice cannot make two jobs.
	Job Job `json:"job"`
	// TakenUp is when the operator learnt of the session by its event, where
	// events come from outside the database; there sessions wait for theirs.
	TakenUp time.Time `json:"taken_up,omitzero"`
	// Launched is set once Executor.Start has answered.
	Launched bool `json:"launched"`
	// Attempts counts failed calls of Executor.Start.
	Attempts int `json:"attempts,omitempty"`
	// State is the executor's last word.
	State JobState `json:"state"`
}

// SessionTime is the form of start and completion times: UTC without a zone.
const SessionTime = "2006-01-02T15:04:05"

func sessionTime(t time.Time) string { return t.UTC().Format(SessionTime) }
