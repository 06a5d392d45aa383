package explain

import (
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

// Facts is what is known of a node. A nil part is not known; Unknown says why.
type Facts struct {
	Node      string
	Now       time.Time
	Component *Component
	Options   Options
	Power     *Power
	Config    *Config
	// Hardware and Lock are what the Hardware State Manager says.
	Hardware *Hardware
	Lock     *Lock
	// Run is the configuration session that is to configure the node.
	Run *Run
	// Tasks are those that failed in the session whose layer failed last.
	Tasks []FailedTask
	// SessionsHeld: the configuration service starts no sessions.
	SessionsHeld bool
	// Task is what the power service does to the node.
	Task    *Task
	Journal []journal.Entry // oldest first
	// Console are the last lines of the serial console, if they were asked for
	// and the BMC keeps them.
	Console []string
	// Unknown are the services that gave no answer, and what they said.
	Unknown map[string]string
}

// Component is the boot service's record.
type Component struct {
	ActualState  State `json:"actual_state"`
	DesiredState State `json:"desired_state"`
	StagedState  struct {
		Session string `json:"session"`
	} `json:"staged_state"`
	LastAction struct {
		Action      string `json:"action"`
		Failed      bool   `json:"failed"`
		LastUpdated string `json:"last_updated"`
	} `json:"last_action"`
	EventStats struct {
		PowerOn          int `json:"power_on_attempts"`
		PowerOffGraceful int `json:"power_off_graceful_attempts"`
		PowerOffForceful int `json:"power_off_forceful_attempts"`
	} `json:"event_stats"`
	Status struct {
		Phase  string `json:"phase"`
		Status string `json:"status"`
	} `json:"status"`
	Enabled     bool   `json:"enabled"`
	Error       string `json:"error"`
	Session     string `json:"session"`
	RetryPolicy *int   `json:"retry_policy"`
	// V1Session is the session of BOS v1 that has the node, empty if none.
	V1Session string `json:"v1_session"`
}

// State is what a node runs or should run.
type State struct {
	BootArtifacts struct {
		Kernel           string `json:"kernel"`
		KernelParameters string `json:"kernel_parameters"`
		Initrd           string `json:"initrd"`
	} `json:"boot_artifacts"`
	Configuration string `json:"configuration"`
	LastUpdated   string `json:"last_updated"`
}

// Options are the boot service's limits, in seconds.
type Options struct {
	MaxBootWaitTime     int `json:"max_boot_wait_time"`
	MaxPowerOnWaitTime  int `json:"max_power_on_wait_time"`
	MaxPowerOffWaitTime int `json:"max_power_off_wait_time"`
	DefaultRetryPolicy  int `json:"default_retry_policy"`
}

// Power is the power service's view.
type Power struct {
	PowerState      string `json:"powerState"`
	ManagementState string `json:"managementState"`
	Error           string `json:"error"`
}

// Config is the configuration service's view.
type Config struct {
	DesiredConfig       string  `json:"desired_config"`
	ConfigurationStatus string  `json:"configuration_status"`
	ErrorCount          int     `json:"error_count"`
	RetryPolicy         *int    `json:"retry_policy"`
	Enabled             bool    `json:"enabled"`
	State               []Layer `json:"state"`
	// Waiting is empty where the service does not tell.
	Waiting *Waiting `json:"waiting"`
}

// Waiting tells what something waits for; Until is zero if nobody knows how
// long.
type Waiting struct {
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// Run is a configuration session that runs, or is pending.
type Run struct {
	Name    string
	Pending bool
	Waiting *Waiting
}

// Task is what a transition of the power service does to the node.
type Task struct {
	Operation   string
	Description string
}

// Hardware is what the Hardware State Manager says of the node.
type Hardware struct {
	Enabled *bool `json:"Enabled"`
}

// Lock is whether somebody holds the node.
type Lock struct {
	Locked         bool       `json:"Locked"`
	Reserved       bool       `json:"Reserved"`
	ExpirationTime *time.Time `json:"ExpirationTime"`
}

// Layer is a playbook that ran.
type Layer struct {
	Playbook    string `json:"playbook"`
	Status      string `json:"status"`
	SessionName string `json:"session_name"`
	LastUpdated string `json:"last_updated"`
}

const (
	// ConsoleLines is how many lines of a console are looked at, consoleTold
	// how many are told.
	ConsoleLines = 200
	consoleTold  = 6
)

// AsksForConsole tells whether the console may say what the services cannot: the
// node should be doing something and is not known to have done it.
func (f *Facts) AsksForConsole() bool {
	if f.Component == nil {
		return false
	}
	switch f.Component.Status.Status {
	case "power_on_called", "power_off_gracefully_called", "power_off_forcefully_called", "failed":
		return true
	}
	if s := f.first(); s != nil {
		p := s.at()
		return p != nil && p.name == "boot" && (p.category == inProgress || p.category == "failed")
	}
	return false
}

// AsksForTask tells whether the power service may be at work on the node.
func (f *Facts) AsksForTask() bool {
	return f.Component != nil && strings.HasSuffix(f.Component.Status.Status, "_called")
}

// limit is how often an action is tried.
func (f *Facts) limit() int {
	if f.Component.RetryPolicy != nil {
		return *f.Component.RetryPolicy
	}
	return f.Options.DefaultRetryPolicy
}

// since is the time of the last action.
func (f *Facts) since() (time.Time, bool) {
	return parsed(f.Component.LastAction.LastUpdated)
}

// parsed is a time as BOS or CFS write it, whichever it is.
func parsed(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// attempt are the entries of the boot in progress, or of the last one: from
// the first sign of it on.
func (f *Facts) attempt() []journal.Entry {
	start := 0
	for i, e := range f.Journal {
		if _, taken := takes(&e); taken || e.Kind == "status" && begins(e.Text) {
			start = i
		}
	}
	return f.Journal[start:]
}

// seen tells whether an entry of the kind is among those since the last call
// to power the node on, and gives the last one.
func (f *Facts) seen(kind string) (last journal.Entry, ok bool) {
	for i := len(f.Journal) - 1; i >= 0; i-- {
		e := f.Journal[i]
		if e.Kind == kind && !ok {
			last, ok = e, true
		}
		if e.Kind == "status" && movesTo(e.Text, "power_on_called") {
			break
		}
	}
	return last, ok
}

// lastFailure is the newest entry of the attempt that marks a failure.
func (f *Facts) lastFailure() (journal.Entry, bool) {
	list := f.attempt()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Failed {
			return list[i], true
		}
	}
	return journal.Entry{}, false
}
