package pcs

import (
	"context"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/redfish"
)

const (
	// The pauses between two looks at a component grow from the first to the last.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	// restartPause is how long a restart may take to begin.
	restartPause = time.Second
	// bootPatience is how long the BMCs below a slot just powered on may take to
	// answer, and to answer well.
	bootPatience = 5 * time.Minute
	// shortDeadline is that of transitions that are not confirmed.
	shortDeadline = time.Minute
	// silentAfter is after how many looks that told nothing a component's power
	// counts as not known.
	silentAfter = 3
)

// visit looks at the component and does what is to be done now. It returns
// after which pause to come again, or that the step is over.
func (r *run) visit(ctx context.Context, t *task) (again time.Duration, over bool) {
	if t.deadline.IsZero() {
		r.setDeadline(t)
	}
	if t.Sent.IsZero() && !t.unsure && t.step().action == actOn && r.s.recorder.isOff(t.Xname) {
		t.blind, t.seen = true, nil
		again, over = r.begin(ctx, t, "Off")
		t.blind = false
		if over || again > 0 {
			return again, over
		}
	}
	for {
		at := r.s.now()
		word, err := r.s.power(ctx, t.component)
		if ctx.Err() != nil {
			return 0, false
		}
		seen := observe(t.component, at, word, err)
		t.seen = &seen
		switch {
		case err != nil:
			again, over = r.unanswered(t, err)
		case t.Sent.IsZero():
			t.answered = true
			again, over = r.begin(ctx, t, word)
		default:
			again, over = r.confirm(t, word)
		}
		if !over && (err == nil || t.tries >= silentAfter) {
			r.s.recorder.saw(seen) // else it waits for the save, or is no news yet
		}
		if over || again > 0 {
			return again, over
		}
	}
}

// setDeadline begins to wait for the step's request to be accepted, or for its
// effect.
func (r *run) setDeadline(t *task) {
	t.pause = firstPause
	t.deadline = t.deadlineAt(r.s.now(), r.allowed())
}

// deadlineAt is the deadline of the step that the task is at. A request may take as
// long as allowed until it is accepted, counted from now, when it is the
// component's turn: a tier of thousands takes longer than a step. After a restart
// it counts from the beginning of the tier, as nobody knows when the turn was.
// The effect has as long anew.
func (t *task) deadlineAt(now time.Time, allowed time.Duration) time.Time {
	switch {
	case !t.Sent.IsZero():
		return t.Sent.Add(allowed)
	case t.patient:
		allowed = max(allowed, bootPatience)
	}
	if t.resumed {
		return t.Began.Add(allowed)
	}
	return now.Add(allowed)
}

// begin sends the step's request if the BMC's word calls for it.
func (r *run) begin(ctx context.Context, t *task, word string) (again time.Duration, over bool) {
	if t.fresh && !t.blind {
		t.fresh = false
		if status, says := firstLook(r.record.Operation, word); status != "" {
			r.note(t, "bmc-answer", status == TaskFailed, "BMC reports power %s: %s", word, says)
			r.finish(t, status, failureOf(status, FailureUnknown), says, "")
			return 0, true
		}
	}
	switch t.step().next(word, t.unsure) {
	case moveDone:
		if t.unsure {
			r.change(func() { t.Accepted = r.s.now().UTC() })
		}
		return r.advance(t)
	case moveConfirm:
		r.sent(t, t.unsure)
		return r.later(t)
	case moveWait:
		if !r.s.now().Before(t.deadline) {
			t.words = "The BMC reports power " + word
		}
		return r.later(t)
	case moveGiveUp:
		return r.fail(t, FailureUnknown, "Restart not confirmed", "whether the BMC got the request is not known; it is not sent twice")
	}
	if !r.s.now().Before(t.deadline) {
		return r.expire(t)
	}
	if ok, lost, words := r.s.leases.good(t.Xname); lost {
		return r.fail(t, FailureReserved, "Reservation expired", words)
	} else if !ok {
		t.cause = FailureReserved
		return r.wait(t, "Waiting for the reservation in HSM: "+words, 0)
	}
	t.cause = ""
	return r.send(ctx, t)
}

// send sends the step's request.
func (r *run) send(ctx context.Context, t *task) (again time.Duration, over bool) {
	step := t.step()
	if step.resetType == "" {
		return r.relearn(ctx, t, "")
	}
	if err := r.s.reset(ctx, t.component, step.resetType); err != nil {
		return r.notAccepted(ctx, t, err)
	}
	r.note(t, "bmc-answer", false, "BMC accepted %s", step.resetType)
	r.sent(t, true)
	if _, confirm := r.record.deadline(); !confirm {
		return r.advance(t)
	}
	if step.action == actRestart {
		return restartPause, false
	}
	return 0, false
}

// sent begins the wait for the step's effect; accepted: of its request.
func (r *run) sent(t *task, accepted bool) {
	now := r.s.now().UTC()
	r.change(func() {
		t.Sent, t.TaskStatusDescription = now, "Waiting for power "+string(t.step().action.wants())
		if accepted {
			t.Accepted = now
		}
	})
	t.waiting = waiting{answered: true}
	r.setDeadline(t)
}

// confirm looks whether the component is as wanted.
func (r *run) confirm(t *task, word string) (again time.Duration, over bool) {
	if t.tries > 0 { // the BMC answers again
		t.tries, t.words = 0, ""
		r.describe(t, "Waiting for power "+string(t.step().action.wants()))
	}
	if _, confirm := r.record.deadline(); !confirm {
		return r.advance(t)
	}
	if !t.step().reached(word) {
		return r.later(t)
	}
	r.note(t, "bmc-answer", false, "BMC reports power %s after %s", word, roughly(r.s.now().Sub(t.Sent)))
	return r.advance(t)
}

// later is when to look again, or the end at the deadline.
func (r *run) later(t *task) (again time.Duration, over bool) {
	left := t.deadline.Sub(r.s.now())
	if left <= 0 {
		return r.expire(t)
	}
	again = min(t.pause, left)
	t.pause = min(t.pause*8/5, lastPause)
	return again, false
}

// unanswered handles a look that told nothing.
func (r *run) unanswered(t *task, err error) (again time.Duration, over bool) {
	words, retryAfter := told(err)
	refused := refusal(err)
	t.answered = t.answered || refused != nil
	v := verdict(err)
	switch {
	case v == redfish.Later, !t.Sent.IsZero(), t.patient:
		return r.wait(t, words, retryAfter)
	case refused == nil:
		return r.fail(t, FailureUnknown, "No login for the BMC", err.Error())
	}
	return r.fail(t, failureBy(v), "The BMC refused to tell the power state", refused.Error())
}

// notAccepted handles a request that the BMC refused, put off or did not
// answer. In the last case it may have got it: the next visit looks first.
func (r *run) notAccepted(ctx context.Context, t *task, err error) (again time.Duration, over bool) {
	step, v := t.step(), verdict(err)
	if t.blind {
		t.fresh = redfish.NotTaken(err) // what the first look finds may be this request's doing
	}
	if v == redfish.Later {
		words, retryAfter := told(err)
		t.unsure = t.unsure || !redfish.NotTaken(err)
		return r.wait(t, words, retryAfter)
	}
	if t.blind { // it may be on already
		return 0, false
	}
	words := err.Error()
	r.note(t, "bmc-answer", true, "BMC refused %s: %s", step.resetType, words)
	if v == redfish.Never {
		return r.relearn(ctx, t, words)
	}
	return r.fallBack(t, FailureRefused, "The BMC refused "+step.resetType, words)
}

// relearn asks the BMC, once a step, what it offers now: HSM may have learned
// less of a BMC that was starting. If that is nothing else for the step's
// action, the hardware cannot do it. words are with what the BMC refused.
func (r *run) relearn(ctx context.Context, t *task, words string) (again time.Duration, over bool) {
	step := t.step()
	if !t.asked {
		types, err := r.s.resetTypes(ctx, t.component)
		if err != nil && verdict(err) == redfish.Later {
			said, retryAfter := told(err)
			return r.wait(t, said, retryAfter)
		}
		t.asked = true
		if len(types) == 0 { // it does not tell: HSM may have been told more
			types = t.component.ResetTypes
		}
		if now := resetType(step.action, types, step.resetType); now != "" && now != step.resetType {
			t.route[t.Step].resetType = now
			return 0, false
		}
	}
	says := "The hardware does not offer " + string(r.record.Operation)
	if step.resetType != "" {
		says = "The BMC does not offer " + step.resetType
	}
	if r.canFallBack(t) {
		return r.fallBack(t, FailureUnsupported, says, words)
	}
	r.note(t, "power", true, "power %s failed: %s", r.record.Operation, join(says, words))
	r.finish(t, TaskUnsupported, FailureUnsupported, says, words)
	return 0, true
}

func (r *run) canFallBack(t *task) bool {
	i := t.Step + 1
	return i < len(t.route) && t.route[i].action.wants() == t.step().action.wants()
}

// fallBack goes on with the step that is for the failure of this one, if there
// is one; else the task fails.
func (r *run) fallBack(t *task, failure Failure, says, wrong string) (time.Duration, bool) {
	if r.canFallBack(t) {
		r.enter(t, t.Step+1, says)
		return 0, true
	}
	return r.fail(t, failure, says, wrong)
}

func (r *run) fail(t *task, failure Failure, says, wrong string) (time.Duration, bool) {
	r.note(t, "power", true, "power %s failed: %s", r.record.Operation, join(says, wrong))
	r.finish(t, TaskFailed, failure, says, wrong)
	return 0, true
}

// advance ends the step well: on to the one that wants another power state.
func (r *run) advance(t *task) (time.Duration, bool) {
	done := t.step().action
	if t.seen != nil && done.wants() == PowerOff {
		t.seen.turnedOff = t.seen.isOff
	}
	for i := t.Step + 1; i < len(t.route); i++ {
		if t.route[i].action.wants() != done.wants() {
			r.enter(t, i, "Waiting")
			return 0, true
		}
	}
	r.finish(t, TaskSucceeded, "", "Transition confirmed, "+string(done), "")
	return 0, true
}

// enter makes i the task's step; its tier will begin it.
func (r *run) enter(t *task, i int, says string) {
	r.result(t, func() {
		t.Step, t.Began, t.Sent, t.TaskStatusDescription = i, time.Time{}, time.Time{}, says
	})
	t.unsure, t.resumed, t.deadline, t.waiting = false, false, time.Time{}, waiting{}
}

// failureBy is the failure of what the BMC answered.
func failureBy(v redfish.Verdict) Failure {
	if v == redfish.Never {
		return FailureUnsupported
	}
	return FailureRefused
}

// failureOf is the failure of a task that ends so.
func failureOf(s TaskStatus, why Failure) Failure {
	if s == TaskSucceeded {
		return ""
	}
	return why
}

func join(says, wrong string) string {
	if wrong == "" || says == "" {
		return says + wrong
	}
	if strings.HasSuffix(says, ".") {
		return says + " " + wrong
	}
	return says + ": " + wrong
}

// roughly writes a duration as people say it.
func roughly(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
