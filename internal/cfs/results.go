package cfs

import (
	"context"
	"slices"
	"time"
)

// Outcome is what a task came to on a host.
type Outcome string

// The outcomes; the last four went wrong.
const (
	OutcomeOK          Outcome = "ok"
	OutcomeChanged     Outcome = "changed"
	OutcomeSkipped     Outcome = "skipped"
	OutcomeIgnored     Outcome = "ignored"     // failed, and the playbook ignores it
	OutcomeRescued     Outcome = "rescued"     // failed, and a rescue section took over
	OutcomeFailed      Outcome = "failed"      // and the host went no further
	OutcomeUnreachable Outcome = "unreachable" // likewise
)

// Fatal are the outcomes that end a host's run of a layer.
var Fatal = []Outcome{OutcomeFailed, OutcomeUnreachable}

// TaskResult is what one task came to on one host.
type TaskResult struct {
	ID       int64     `json:"id" doc:"Place in the session's record; later ones have greater numbers"`
	Layer    int       `json:"layer" doc:"Index of the layer in the configuration"`
	Play     string    `json:"play"`
	Task     string    `json:"task"`
	Path     string    `json:"path,omitempty" doc:"File and line of the task"`
	Host     string    `json:"host"`
	Status   Outcome   `json:"status" doc:"ok, changed, skipped, ignored, rescued, failed or unreachable"`
	Message  string    `json:"message,omitempty" doc:"Why it failed"`
	Time     time.Time `json:"time" doc:"When it ended"`
	Duration float64   `json:"duration" doc:"Seconds that it took"`
}

// ResultFilter selects results; empty fields do not limit.
type ResultFilter struct {
	Hosts    []string
	Statuses []Outcome
	Layer    *int
}

// Match reports whether the filter selects the result.
func (f *ResultFilter) Match(r *TaskResult) bool {
	return (len(f.Hosts) == 0 || slices.Contains(f.Hosts, r.Host)) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, r.Status)) &&
		(f.Layer == nil || *f.Layer == r.Layer)
}

// ResultPage is a part of a session's results, in the order in which they came.
type ResultPage struct {
	Results []TaskResult
	More    bool
	// LeftOut is how many results were not kept, for want of room.
	LeftOut int64
}

// HostResults counts a host's results by outcome.
type HostResults struct {
	Host        string `json:"host"`
	OK          int    `json:"ok"`
	Changed     int    `json:"changed"`
	Skipped     int    `json:"skipped"`
	Ignored     int    `json:"ignored"`
	Rescued     int    `json:"rescued"`
	Failed      int    `json:"failed"`
	Unreachable int    `json:"unreachable"`
}

// Count adds an outcome.
func (h *HostResults) Count(o Outcome) {
	switch o {
	case OutcomeOK:
		h.OK++
	case OutcomeChanged:
		h.Changed++
	case OutcomeSkipped:
		h.Skipped++
	case OutcomeIgnored:
		h.Ignored++
	case OutcomeRescued:
		h.Rescued++
	case OutcomeFailed:
		h.Failed++
	case OutcomeUnreachable:
		h.Unreachable++
	}
}

// Add adds another's counts.
func (h *HostResults) Add(o HostResults) {
	h.OK += o.OK
	h.Changed += o.Changed
	h.Skipped += o.Skipped
	h.Ignored += o.Ignored
	h.Rescued += o.Rescued
	h.Failed += o.Failed
	h.Unreachable += o.Unreachable
}

// Wrong reports whether the host did not get through.
func (h *HostResults) Wrong() bool { return h.Failed+h.Unreachable > 0 }

// JobStep is a step of a job that was begun.
type JobStep struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Exit    int       `json:"exit" doc:"Exit status; -1: ended by a signal or never started"`
}

// Begun is a task that a job's playbook has begun.
type Begun struct {
	Layer int    `json:"layer" doc:"Index of the layer"`
	Play  string `json:"play"`
	Name  string `json:"name" doc:"Name of the task"`
}

// Records are what executors keep of jobs that run or ran. What is not there,
// because the job has not begun or is long gone, is empty.
type Records interface {
	// Results returns those after the one with the id that the filter selects,
	// at most limit.
	Results(ctx context.Context, job string, f ResultFilter, after int64, limit int) (ResultPage, error)
	// HostResults returns a count for each host, by name.
	HostResults(ctx context.Context, job string) ([]HostResults, error)
	// Begun is the task that began last; nil if none has.
	Begun(ctx context.Context, job string) (*Begun, error)
	// Steps returns the steps begun so far, in order.
	Steps(ctx context.Context, job string) ([]JobStep, error)
	// Held tells where the job's environment is held after a failure; nil if it
	// is not.
	Held(ctx context.Context, job string) (*Held, error)
	// Log opens what the steps wrote (step: that one alone) to read on as it
	// grows.
	Log(ctx context.Context, job, step string) (Log, error)
}

// Held is the environment of a failed session with debug_on_failure.
type Held struct {
	Directory string    `json:"directory" doc:"Where its files are, on the server's machine"`
	Until     time.Time `json:"until" doc:"How long, unless the file 'complete' is made there"`
}

// Log is what the steps of a job wrote, one after another.
type Log interface {
	// Next returns what is there and was not returned yet; nothing if there is
	// none now.
	Next() ([]byte, error)
	// Changed receives after there may be more. Who waits for it looks now and
	// then as well: hints get lost.
	Changed() <-chan struct{}
	Close()
}
