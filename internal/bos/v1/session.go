package v1

import (
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
)

// Session is one run of an agent.
type Session struct {
	ID        string `json:"id"`
	Operation string `json:"operation"` // as it was sent, in whatever letter case
	Limit     string `json:"limit,omitempty"`
	// Template is as it was when the session was created.
	Template bos.Template `json:"template"`

	// NoStatus: the session's status was deleted.
	NoStatus bool     `json:"no_status,omitempty"`
	BootSets []string `json:"boot_sets,omitempty"` // that the status names
	Times

	// Launched: the executor has been given the agent.
	Launched bool `json:"launched,omitempty"`
}

// Times are when something began and ended, in the words of who told it; each
// is written once.
type Times struct {
	Start string `json:"start_time,omitempty"`
	Stop  string `json:"stop_time,omitempty"`
}

func (t *Times) tell(o Times) {
	if t.Start == "" {
		t.Start = o.Start
	}
	if t.Stop == "" {
		t.Stop = o.Stop
	}
}

// jobPrefix is before the session's ID in the name of its agent.
const jobPrefix = "boa-"

// Job is the name of the session's agent among the jobs.
func (s *Session) Job() string { return jobPrefix + s.ID }

// Over reports whether the session is complete: nothing more comes of it.
func (s *Session) Over() bool { return s.Stop != "" }

// Operation is what a session does.
type Operation string

// The operations.
const (
	Boot      Operation = "boot"
	Configure Operation = "configure"
	Reboot    Operation = "reboot"
	Shutdown  Operation = "shutdown"
)

// Does is the session's operation.
func (s *Session) Does() Operation { return Operation(strings.ToLower(s.Operation)) }

// Phases are the parts of the operation, in order. Without a configuration
// there is none to wait for.
func (o Operation) Phases(configured bool) []string {
	phases := map[Operation][]string{Shutdown: {PhaseShutdown}, Configure: {PhaseConfigure},
		Boot: {PhaseBoot, PhaseConfigure}, Reboot: {PhaseShutdown, PhaseBoot, PhaseConfigure}}[o]
	if !configured && o != Configure {
		phases = slices.DeleteFunc(phases, func(p string) bool { return p == PhaseConfigure })
	}
	return phases
}
