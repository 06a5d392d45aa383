package ims

import "context"

// Runner runs jobs so that they outlive this process. *imagejob.Runner is one.
type Runner interface {
	// Refuse tells what keeps this machine from running such a job, and what to
	// do about it; nil: nothing.
	Refuse(o JobOrder) error
	// Start begins the job. An error that is fault.Unavailable says to try again. One that was begun before, by this process or an
	// earlier one, is left as it is.
	Start(ctx context.Context, o JobOrder) error
	// Progress tells where the job stands. One of which there is no trace is
	// lost, never guessed at.
	Progress(id string) JobProgress
	// Stop ends the job if it runs and removes its traces. Unknown IDs are fine.
	Stop(ctx context.Context, id string) error
	// Jobs are the IDs of those of which there are traces.
	Jobs() ([]string, error)
	// Logs are the steps begun so far, in order, with the end of what each said.
	Logs(ctx context.Context, id string) ([]JobLog, error)
	// Changed delivers the IDs of jobs that may have got further.
	Changed() <-chan string
}

// JobLog is what a step of a job said.
type JobLog struct {
	Step    string `json:"step" doc:"Step of the job"`
	Started Time   `json:"started" doc:"When it began"`
	Ended   *Time  `json:"ended" doc:"When it ended; null while it runs"`
	Exit    int    `json:"exit" doc:"Its exit status; -1 if it was killed"`
	Text    string `json:"text" doc:"The end of its output"`
}
