package cfs

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/xname"
)

// Executor runs the jobs of sessions: clone, inventory, ansible, teardown of images.
// There are two: local child processes and Kubernetes Jobs. A job outlives the
// process that started it; whoever comes next asks State.
type Executor interface {
	// Start launches the job. Starting an ID that was started before, by this
	// process or an earlier one, changes nothing: a job never runs twice.
	Start(ctx context.Context, job Job) error
	// State tells where the job stands. Succeeded promises that every layer's
	// playbook ran to its end and that CFS has its report: hosts without one
	// were not among its targets. An ID that was never started, or whose
	// traces are gone, is lost: never a guess.
	State(ctx context.Context, id string) (JobState, error)
	// Stop ends the job if it runs and removes its traces. Unknown IDs are fine.
	Stop(ctx context.Context, id string) error
	// Changed delivers the IDs of jobs whose state changed; nil if the executor
	// cannot tell and must be polled. Hints only: State has the truth.
	Changed() <-chan string
}

// JobSteps are the steps that a job may have, in their order.
var JobSteps = [...]string{"clone", "inventory", "ansible", "teardown"}

// JobLimits are the limits by which a step may be ended, as their options are called.
var JobLimits = [...]string{"session-memory", "session-processes", "session-time"}

// Accounts is an Executor that tells how the jobs went that ended.
type Accounts interface {
	Account(id string) job.Account
}

// Job is all that a session's steps need, fixed when the session starts: a
// later edit of the configuration does not change what runs.
type Job struct {
	ID      string `json:"id"`      // "cfs-<uuid>"
	Session string `json:"session"` // name of the CFS session
	// Configuration is the name of its configuration, Selection the limit by which
	// Layers were selected of it.
	Configuration string `json:"configuration,omitempty"`
	Selection     string `json:"selection,omitempty"`
	// Target is the definition (dynamic, spec, repo, image) with its groups.
	Target TargetDefinition `json:"target"`
	Groups []TargetGroup    `json:"groups,omitempty"`
	// Images are those of target image, each once, in the order in which the
	// groups name them.
	Images []JobImage `json:"images,omitempty"`
	// DKMS: a layer of the configuration has ims_require_dkms.
	DKMS bool `json:"dkms,omitempty"`
	// Layers are those selected by the configuration limit, in the order of
	// the configuration.
	Layers []JobLayer `json:"layers"`
	// Inventory is the additional inventory repository, if any.
	Inventory *JobLayer `json:"inventory,omitempty"`
	// AnsibleConfig names the ansible.cfg to use.
	AnsibleConfig string `json:"ansible_config"`
	Limit         string `json:"limit,omitempty"`
	Passthrough   string `json:"passthrough,omitempty"`
	Verbosity     int    `json:"verbosity,omitempty"` // 0 to 4
	// DebugWait is how long a failed session's files stay; 0: not at all.
	DebugWait time.Duration `json:"debug_wait,omitempty"`
	// RecordState has the Ansible plugin report each component's state.
	RecordState bool `json:"record_state"`
}

// Outside is, of the nodes, those of which the job has nothing to report. Where its limit
// does not name nodes one by one, the inventory says which there are, and none is outside.
func (j *Job) Outside(nodes []string) []string {
	if !j.RecordState {
		return nodes
	}
	names := strings.FieldsFunc(j.Limit, func(r rune) bool { return r == ',' || r == ':' })
	inside := make(map[string]bool, len(names))
	for _, name := range names {
		name = xname.Canonical(name)
		switch {
		case xname.IsNode(name):
			inside[name] = true
		case name == "localhost", name[0] == '!', name[0] == '&': // they add no node
		default:
			return nil
		}
	}
	if len(inside) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return inside[xname.Canonical(n)] })
}

// JobImage is an image to customize.
type JobImage struct {
	ID string `json:"id"`
	// Result names the image that results; empty: after the image and the
	// session.
	Result string `json:"result,omitempty"`
}

// JobLayer is one repository at one commit.
type JobLayer struct {
	Index    int    `json:"index"` // place in the configuration, from 0
	Name     string `json:"name,omitempty"`
	CloneURL string `json:"clone_url"`
	Commit   string `json:"commit,omitempty"` // empty: the default branch
	Playbook string `json:"playbook,omitempty"`
	Source   string `json:"source,omitempty"`
}

// Waiting is what something waits for.
type Waiting struct {
	Reason string    `json:"reason" doc:"What it waits for, in words"`
	Until  time.Time `json:"until,omitzero" doc:"When it is looked at again, if that is known"`
}

// Equal reports whether both are the same wait, or none.
func (w *Waiting) Equal(o *Waiting) bool {
	return w == o || w != nil && o != nil && w.Reason == o.Reason && w.Until.Equal(o.Until)
}

// JobState is what an Executor knows of a job.
type JobState struct {
	Phase job.Phase `json:"phase"`
	// Step is the step that runs, or that failed: clone, inventory, ansible, teardown.
	Step string `json:"step,omitempty"`
	// Message says why it failed, with the end of the step's output.
	Message string `json:"message,omitempty"`
	// Waiting is what the step waits for, such as a git server; nil: nothing.
	Waiting *Waiting  `json:"waiting,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}
