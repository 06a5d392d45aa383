package pcs

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

const (
	// visitsAtOnce bounds the components of a tier that are talked to at a time.
	visitsAtOnce = 256
	// The pauses between two looks at a component grow from the first to the last.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	// restartPause is how long a restart may take to begin.
	restartPause = time.Second
	// maxTries is how often a BMC that does not answer is called before anything
	// was sent to it; those below a slot just powered on get bootPatience.
	maxTries     = 3
	bootPatience = 5 * time.Minute
	// shortDeadline is that of transitions that are not confirmed.
	shortDeadline = time.Minute
)

// drive visits each component until its step is over. Between visits a
// component costs an entry in the agenda, no goroutine.
func (r *run) drive(ctx context.Context, members []*task) {
	results := make(chan visited, visitsAtOnce)
	next := make(agenda, 0, len(members))
	for _, t := range members {
		next = append(next, visit{time.Now(), t}) // in order of time: a heap already
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for running := 0; len(next) > 0 || running > 0; {
		var due <-chan time.Time
		if len(next) > 0 && running < visitsAtOnce && ctx.Err() == nil {
			wait := time.Until(next[0].due)
			if wait <= 0 {
				t := heap.Pop(&next).(visit).task
				running++
				go func() {
					again, over := r.visit(ctx, t)
					results <- visited{t, again, over}
				}()
				continue
			}
			timer.Reset(wait)
			due = timer.C
		}
		stopped := ctx.Done()
		if ctx.Err() != nil {
			if running == 0 {
				return
			}
			stopped = nil // the visits end by themselves
		}
		select {
		case <-due:
		case done := <-results:
			running--
			if !done.over {
				heap.Push(&next, visit{time.Now().Add(done.again), done.task})
			}
		case <-stopped:
		}
	}
}

// visit looks at the component and does what is to be done now. It returns
// after which pause to come again, or that the step is over.
func (r *run) visit(ctx context.Context, t *task) (again time.Duration, over bool) {
	if t.deadline.IsZero() {
		r.setDeadline(t)
	}
	for {
		at := r.s.now()
		word, err := r.s.power(ctx, &t.component)
		switch {
		case ctx.Err() != nil:
			return 0, false
		case err != nil:
			return r.unanswered(t, at, err)
		case t.Sent.IsZero():
			again, over = r.begin(ctx, t, word)
		default:
			again, over = r.confirm(t, word)
		}
		// After the task: whom the news wakes finds the component free.
		r.s.recorder.saw(observe(&t.component, at, word, nil))
		if over || again > 0 {
			return again, over
		}
	}
}

func (r *run) setDeadline(t *task) {
	allowed, confirm := r.record.deadline()
	if !confirm {
		allowed = shortDeadline
	}
	from := r.s.now()
	if !t.Sent.IsZero() {
		from = t.Sent
	}
	t.deadline, t.pause, t.tries = from.Add(allowed), firstPause, 0
}

// begin sends the step's request if the BMC's word calls for it.
func (r *run) begin(ctx context.Context, t *task, word string) (again time.Duration, over bool) {
	if t.fresh {
		t.fresh = false
		if status, says := firstLook(r.record.Operation, word); status != "" {
			r.note(t, "bmc-answer", status == TaskFailed, "BMC reports power %s: %s", word, says)
			r.finish(t, status, says, "")
			return 0, true
		}
	}
	step := t.step()
	switch step.next(word, t.unsure) {
	case moveDone:
		return r.advance(t)
	case moveConfirm:
		r.change(func() { t.Sent = r.s.now() })
		return r.later(t)
	case moveWait:
		return r.later(t)
	case moveGiveUp:
		return r.fail(t, "Restart not confirmed", "whether the BMC got the request is not known; it is not sent twice")
	}
	if err := r.s.reset(ctx, &t.component, step.resetType); err != nil {
		return r.notAccepted(t, err)
	}
	r.note(t, "bmc-answer", false, "BMC accepted %s", step.resetType)
	r.change(func() { t.Sent, t.TaskStatusDescription = r.s.now(), "Waiting for power "+string(step.action.wants()) })
	if _, confirm := r.record.deadline(); !confirm {
		return r.advance(t)
	}
	if step.action == actRestart {
		return restartPause, false
	}
	return 0, false
}

// confirm looks whether the component is as wanted.
func (r *run) confirm(t *task, word string) (again time.Duration, over bool) {
	if !t.step().reached(word) {
		return r.later(t)
	}
	r.note(t, "bmc-answer", false, "BMC reports power %s after %s", word, roughly(r.s.now().Sub(t.Sent)))
	return r.advance(t)
}

// later is when to come again, or the end at the deadline.
func (r *run) later(t *task) (again time.Duration, over bool) {
	if !r.s.now().Before(t.deadline) {
		return r.fallBack(t, fmt.Sprintf("Timeout waiting for transition, %s.", t.step().action), "failed to achieve transition")
	}
	again = t.pause
	t.pause = min(t.pause*8/5, lastPause)
	return again, false
}

// unanswered handles a look that told nothing.
func (r *run) unanswered(t *task, at time.Time, err error) (again time.Duration, over bool) {
	if !t.Sent.IsZero() {
		return r.later(t)
	}
	refused := refusal(err)
	if refused == nil || t.patient {
		if again, ok := r.tryAgain(t); ok {
			return again, false
		}
	}
	says := "No answer from the BMC"
	if refused != nil {
		says = "The BMC refused to tell the power state"
	}
	defer r.s.recorder.saw(observe(&t.component, at, "", err))
	return r.fail(t, says, err.Error())
}

// notAccepted handles a request that the BMC refused or did not answer. In the
// second case it may have got it: the next visit looks first.
func (r *run) notAccepted(t *task, err error) (again time.Duration, over bool) {
	step := t.step()
	if refused := refusal(err); refused != nil {
		words := refused.Error()
		r.note(t, "bmc-answer", true, "BMC refused %s: %s", step.resetType, words)
		return r.fallBack(t, "The BMC refused "+step.resetType, words)
	}
	if again, ok := r.tryAgain(t); ok {
		t.unsure = true
		return again, false
	}
	return r.fail(t, "No answer from the BMC", err.Error())
}

func (r *run) tryAgain(t *task) (time.Duration, bool) {
	now := r.s.now()
	if t.tries == 0 {
		t.silent = now
	}
	t.tries++
	again := min(firstPause<<(2*min(t.tries, 4)), 5*time.Second)
	return again, t.tries < maxTries || t.patient && now.Sub(t.silent) < bootPatience
}

// fallBack goes on with the step that is for the failure of this one, if there
// is one; else the task fails.
func (r *run) fallBack(t *task, says, wrong string) (time.Duration, bool) {
	if i := t.Step + 1; i < len(t.route) && t.route[i].action.wants() == t.step().action.wants() {
		r.enter(t, i, says)
		return 0, true
	}
	return r.fail(t, says, wrong)
}

func (r *run) fail(t *task, says, wrong string) (time.Duration, bool) {
	r.note(t, "power", true, "power %s failed: %s", r.record.Operation, join(says, wrong))
	r.finish(t, TaskFailed, says, wrong)
	return 0, true
}

// advance ends the step well: on to the one that wants another power state.
func (r *run) advance(t *task) (time.Duration, bool) {
	done := t.step().action
	for i := t.Step + 1; i < len(t.route); i++ {
		if t.route[i].action.wants() != done.wants() {
			r.enter(t, i, "Waiting")
			return 0, true
		}
	}
	r.finish(t, TaskSucceeded, "Transition confirmed, "+string(done), "")
	return 0, true
}

// enter makes i the task's step; its tier will begin it.
func (r *run) enter(t *task, i int, says string) {
	r.change(func() {
		t.Step, t.Began, t.Sent, t.TaskStatusDescription = i, time.Time{}, time.Time{}, says
	})
	t.unsure, t.deadline = false, time.Time{}
}

func (r *run) note(t *task, kind string, failed bool, format string, args ...any) {
	r.s.journal.Note(journal.Entry{Node: t.Xname, Time: r.s.now(), Source: "pcs", Kind: kind,
		Text: fmt.Sprintf(format, args...), Failed: failed})
}

func join(says, wrong string) string {
	if wrong == "" || says == "" {
		return says + wrong
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

// agenda is visits, the next one first.
type agenda []visit

type visit struct {
	due  time.Time
	task *task
}

// visited is how a visit went.
type visited struct {
	task  *task
	again time.Duration
	over  bool
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(visit)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
