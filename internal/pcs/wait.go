package pcs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

// waiting is what a task knows of a step that was told "later".
type waiting struct {
	tries    int     // since the last success
	words    string  // the last ones of the BMC or of HSM
	answered bool    // the BMC said anything in this step
	cause    Failure // what the last wait was for, if not for the BMC
	asked    bool    // the BMC was asked what it offers
}

const (
	firstWait = 200 * time.Millisecond
	lastWait  = 10 * time.Second
)

// backOff is the pause after the n-th answer "later" in a row, n from 1: what
// the BMC asked for and up to a tenth more, else growing, half of it by chance.
func backOff(n int, retryAfter time.Duration, random float64) time.Duration {
	if retryAfter > 0 {
		return retryAfter + time.Duration(random*float64(retryAfter)/10)
	}
	d := float64(min(firstWait<<min(n-1, 10), lastWait))
	return time.Duration(d/2 + random*d/2)
}

// wait is when to come again after "later", or the end at the deadline. The
// task tells what it waits for.
func (r *run) wait(t *task, words string, retryAfter time.Duration) (again time.Duration, over bool) {
	t.words = words
	left := t.deadline.Sub(r.s.now())
	if left <= 0 {
		return r.expire(t)
	}
	t.tries++
	r.describe(t, words+r.until(t.deadline))
	return min(backOff(t.tries, retryAfter, r.s.random()), left), false
}

// until says how long something is asked again.
func (r *run) until(deadline time.Time) string {
	if r.record.DeadlineMinutes < 0 {
		return "; asking again"
	}
	return "; asking again until " + deadline.Format(time.TimeOnly)
}

func (r *run) describe(t *task, says string) {
	if t.TaskStatusDescription != says {
		r.change(func() { t.TaskStatusDescription = says })
	}
}

// told is what an error says of a BMC, as a sentence.
func told(err error) (words string, retryAfter time.Duration) {
	var answer *redfish.Error
	if !errors.As(err, &answer) {
		return "The BMC does not answer: " + err.Error(), 0
	}
	return "The " + strings.TrimPrefix(answer.Error(), "the "), answer.RetryAfter
}

// expire ends a step at its deadline. Force is for a component that was asked
// first: one whose BMC was busy all the time was not.
func (r *run) expire(t *task) (time.Duration, bool) {
	says := fmt.Sprintf("Timeout waiting for transition, %s.", t.step().action)
	wrong := t.words
	switch {
	case !t.Sent.IsZero():
		return r.fallBack(t, FailureTimeout, says, wrong)
	case t.resumed:
		return r.fail(t, FailureUnknown, says, "whether the BMC got the request before a restart is not known; it is not sent after the deadline")
	case t.cause != "":
		return r.fail(t, t.cause, says, wrong)
	case t.answered:
		return r.fail(t, FailureBusy, says, wrong)
	}
	return r.fail(t, FailureSilent, says, wrong)
}
