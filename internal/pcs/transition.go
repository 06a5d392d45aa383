package pcs

import "time"

// TransitionStatus tells where a transition stands. It says nothing of success:
// a completed transition may have only failed tasks.
type TransitionStatus string

// The statuses of a transition; the last two are final.
const (
	TransitionNew           TransitionStatus = "new"
	TransitionInProgress    TransitionStatus = "in-progress"
	TransitionAbortSignaled TransitionStatus = "abort-signaled"
	TransitionCompleted     TransitionStatus = "completed"
	TransitionAborted       TransitionStatus = "aborted"
)

// Done tells whether nothing more will happen.
func (s TransitionStatus) Done() bool { return s == TransitionCompleted || s == TransitionAborted }

// TaskStatus tells where a transition stands with one component.
type TaskStatus string

// The statuses of a task; the last three are final.
const (
	TaskNew         TaskStatus = "new"
	TaskInProgress  TaskStatus = "in-progress"
	TaskFailed      TaskStatus = "failed"
	TaskSucceeded   TaskStatus = "succeeded"
	TaskUnsupported TaskStatus = "unsupported"
)

// Done tells whether nothing more will happen to the component.
func (s TaskStatus) Done() bool {
	return s == TaskFailed || s == TaskSucceeded || s == TaskUnsupported
}

// Failure is why a task failed, for programs: the words are in Task.Error.
type Failure string

// The failures.
const (
	FailureRefused     Failure = "refused"     // the BMC said no
	FailureUnsupported Failure = "unsupported" // it cannot ever be done
	FailureBusy        Failure = "busy"        // the BMC said "later" until the deadline
	FailureSilent      Failure = "silent"      // the BMC never answered
	FailureReserved    Failure = "reserved"    // locked, reserved, or driven by another transition
	FailureTimeout     Failure = "timeout"     // accepted; did not get to the state in time
	FailureAborted     Failure = "aborted"     // by a client
	FailureUnknown     Failure = "unknown"     // whether it was sent is not known; anything else
)

// Transition is the public record of a transition.
type Transition struct {
	TransitionID            string           `json:"transitionID" format:"uuid"`
	CreateTime              time.Time        `json:"createTime" doc:"When it was asked for"`
	AutomaticExpirationTime time.Time        `json:"automaticExpirationTime" doc:"When the record will be deleted"`
	TransitionStatus        TransitionStatus `json:"transitionStatus" enum:"new,in-progress,completed,aborted,abort-signaled" doc:"completed says that the work is over, not that it succeeded: see taskCounts"`
	Operation               Operation        `json:"operation" enum:"On,Off,Soft-Restart,Hard-Restart,Init,Force-Off,Soft-Off" doc:"What is done to the hardware"`
	TaskCounts              TaskCounts       `json:"taskCounts" doc:"Tasks by status"`
	Tasks                   []Task           `json:"tasks,omitempty" doc:"One per component; absent in lists"`
}

// Task is what a transition does to one component.
type Task struct {
	Xname                 string     `json:"xname"`
	TaskStatus            TaskStatus `json:"taskStatus" enum:"new,in-progress,failed,succeeded,unsupported"`
	TaskStatusDescription string     `json:"taskStatusDescription" doc:"Where the task stands, in words; of every failed one the same"`
	Error                 string     `json:"error,omitempty" doc:"Why it failed, with the BMC's own words if it gave any"`
	// Accepted and Failure are Drover's own.
	Accepted time.Time `json:"accepted,omitzero" doc:"When the BMC accepted the last request of the operation; absent if it did not yet"`
	Failure  Failure   `json:"failure,omitempty" enum:"refused,unsupported,busy,silent,reserved,timeout,aborted,unknown" doc:"Why the task failed, in one word"`
}

// TaskCounts counts tasks by status. The last member is spelled unlike the status.
type TaskCounts struct {
	Total       int `json:"total"`
	New         int `json:"new"`
	InProgress  int `json:"in-progress"`
	Failed      int `json:"failed"`
	Succeeded   int `json:"succeeded"`
	Unsupported int `json:"un-supported"`
}

func (c *TaskCounts) add(s TaskStatus) {
	c.Total++
	switch s {
	case TaskNew:
		c.New++
	case TaskInProgress:
		c.InProgress++
	case TaskFailed:
		c.Failed++
	case TaskSucceeded:
		c.Succeeded++
	case TaskUnsupported:
		c.Unsupported++
	}
}

// keepFor is how long the record of a transition lives.
const keepFor = 24 * time.Hour

// transitionRecord is how a transition is stored, without its tasks.
type transitionRecord struct {
	Transition
	// DeadlineMinutes bounds each tier; 0: do not confirm, negative: no bound.
	DeadlineMinutes int `json:"deadlineMinutes"`
	// Ended is when the transition did.
	Ended time.Time `json:"ended,omitzero"`
}

// deadline is how long one step may take, and whether it is confirmed at all.
// Without a bound, and at most, it is a century.
func (r *transitionRecord) deadline() (d time.Duration, confirm bool) {
	const century = 100 * 365 * 24 * time.Hour
	if r.DeadlineMinutes < 0 || r.DeadlineMinutes > int(century/time.Minute) {
		return century, true
	}
	return time.Duration(r.DeadlineMinutes) * time.Minute, r.DeadlineMinutes > 0
}

// taskRecord is how a task is stored: with what is needed to go on with it.
type taskRecord struct {
	Task
	DeputyKey string `json:"deputyKey,omitempty"`
	// ReservationKey is that of PCS's own reservation in HSM.
	ReservationKey string `json:"reservationKey,omitempty"`
	// Step is the place in the component's route, see route.
	Step int `json:"step,omitempty"`
	// Began is when the step's tier did. After a restart its deadline counts from
	// then.
	Began time.Time `json:"began,omitzero"`
	// Sent is when the BMC accepted the step's request, or was seen to do what it
	// asks for; zero if it did not yet.
	Sent time.Time `json:"sent,omitzero"`
}

// taskList is the tasks of one transition, stored apart so that lists of
// transitions need not read them.
type taskList struct {
	TransitionID string       `json:"transitionID"`
	Tasks        []taskRecord `json:"tasks"`
}
