package redfish

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// taskPatience is how long a task is asked whether it failed. One that goes
	// on longer counts as taken: its effect is looked at anyway.
	taskPatience = 3 * time.Second
	taskPause    = 200 * time.Millisecond
)

// failedStates are the states of tasks that did not do what was asked.
var failedStates = []string{"Exception", "Killed", "Cancelled", "Interrupted"}

// openStates are those of tasks of which nothing is known yet.
var openStates = []string{"New", "Starting", "Running", "Pending", "Service"}

// follow asks the monitor of the task that a request became. A task that
// failed is an *Error with its words; of one that nothing is known of for long,
// or no more, the request counts as taken.
func (d *Driver) follow(ctx context.Context, address string, login Login, r request, accepted answer) error {
	monitor := pathOf(accepted.header.Get("Location"))
	for left := taskPatience; monitor != ""; {
		wait := max(retryAfter(accepted.header, d.now()), taskPause)
		if left -= wait; left < 0 || d.pause(ctx, wait) != nil {
			return nil
		}
		a, err := d.authorized(ctx, address, login, request{method: http.MethodGet, path: monitor})
		switch {
		case err != nil && VerdictOf(err) == Later && statusOf(err) != 0:
			accepted = a
			continue
		case statusOf(err) == http.StatusNotFound, statusOf(err) == http.StatusGone, statusOf(err) == 0 && err != nil:
			return nil
		case err != nil:
			return err // a monitor answers as the request itself would have
		}
		if state, words := taskIn(a.body); slices.Contains(failedStates, state) {
			return &Error{Method: r.method, Path: r.path, Status: http.StatusInternalServerError, Worded: true,
				Message: "the BMC's task ended as " + state + strings.TrimRight(": "+words, ": ")}
		} else if a.status != http.StatusAccepted && !slices.Contains(openStates, state) {
			return nil
		}
		accepted = a
	}
	return nil
}

// taskIn reads the state and the messages of a Task.
func taskIn(body []byte) (state, words string) {
	var task struct {
		TaskState string
		Messages  []struct{ Message string }
	}
	json.Unmarshal(body, &task) //nolint:errcheck // what is no task has no state
	said := make([]string, len(task.Messages))
	for i, m := range task.Messages {
		said[i] = m.Message
	}
	return spoken(task.TaskState, maxWords), spoken(strings.Join(said, " "), maxSpoken)
}
