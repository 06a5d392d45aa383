package job

import "time"

// Phase is where a job stands.
type Phase string

// The phases. A job ends in one of the last three.
const (
	Waiting   Phase = "waiting" // accepted, no process yet
	Running   Phase = "running"
	Succeeded Phase = "succeeded" // every step exited with 0
	Failed    Phase = "failed"
	Lost      Phase = "lost" // nobody knows how it ended
)

// State is what an executor knows of a job.
type State struct {
	Phase Phase
	// Step is the step that runs, or that failed.
	Step string
	// Message says why it failed.
	Message string
	// Waits are what the step waits for now; none: nothing.
	Waits          []Wait
	Started, Ended time.Time
}

// Over reports whether the job has ended.
func (s State) Over() bool { return s.Phase != Waiting && s.Phase != Running }

// State is that of a job that ended so.
func (r Result) State() State {
	return State{Phase: r.Phase, Step: r.Step, Message: r.Message, Started: r.Started, Ended: r.Ended}
}
