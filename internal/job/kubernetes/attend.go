package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/drover-hpc/drover/internal/job"
)

// Times of an attendant.
const (
	askAgain   = 5 * time.Second  // after the API server did not answer
	lookAgain  = 30 * time.Second // though nothing was told
	drainLimit = 30 * time.Second // for logs, after the Job's end
	podLate    = 5 * time.Second  // that a pod may be seen after its Job's end
)

// attendant looks after one job until its end.
type attendant struct {
	e     *Executor
	d     job.Dir
	id    string
	steps []stepContainer
	wake  chan struct{}
	stop  context.CancelFunc
	gone  chan struct{} // closed at its end

	// What follows is its loop's.
	pod     *corev1.Pod // as it was last seen: a node that is lost takes it away
	there   bool        // the pod was, in this look
	stuck   time.Time   // since when the pod cannot start
	over    time.Time   // since when the Job is known to have ended
	renewed time.Time
	logs    map[string]*follower // by step
}

// attend begins to look after the job, once.
func (e *Executor) attend(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.attended[id] != nil || e.ctx.Err() != nil {
		return
	}
	ctx, stop := context.WithCancel(e.ctx)
	a := &attendant{e: e, d: e.dir(id), id: id, wake: make(chan struct{}, 1), stop: stop, gone: make(chan struct{}),
		renewed: e.cfg.Now(), logs: map[string]*follower{}}
	e.attended[id] = a
	e.running.Go(func() {
		defer close(a.gone)
		defer stop()
		a.run(ctx)
		e.mu.Lock()
		delete(e.attended, id)
		e.mu.Unlock()
	})
}

// leave ends looking after the job.
func (e *Executor) leave(id string) {
	e.mu.Lock()
	a := e.attended[id]
	e.mu.Unlock()
	if a != nil {
		a.stop()
		<-a.gone
	}
}

// wake has the job looked at, and tells who follows it.
func (e *Executor) wake(id string) {
	e.mu.Lock()
	a := e.attended[id]
	e.mu.Unlock()
	if a != nil {
		a.hint()
	}
}

func (a *attendant) hint() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *attendant) run(ctx context.Context) {
	defer func() {
		for _, f := range a.logs {
			f.end()
		}
	}()
	var err error
	if a.steps, err = job.Read[[]stepContainer](a.d, stepsFile); err != nil {
		a.e.finish(a.d, job.Result{Phase: job.Lost, Message: fmt.Sprintf("the job's directory is damaged: %v", err)})
		return
	}
	for {
		after, over := a.look(ctx)
		if over || ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(after)
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look takes notice of how Job and pod stand; over: the job has ended and that
// is recorded.
func (a *attendant) look(ctx context.Context) (after time.Duration, over bool) {
	if !a.e.view.seen() {
		return time.Second, false
	}
	now := a.e.cfg.Now()
	p := a.e.view.pod(a.id)
	if a.there = p != nil; a.there {
		a.pod = p
	}
	j, err := a.find(ctx)
	switch {
	case apierrors.IsNotFound(err):
		return a.lost(now)
	case err != nil:
		a.e.cfg.Log.Warn("cannot tell how a Job stands; will ask again", "job", a.id, "error", err)
		return askAgain, false
	}
	a.follow(ctx)
	a.note(j)
	a.renew(ctx, now)
	if e, is := ended(j, a.pod, now); is {
		return a.finished(now, j, e)
	}
	return a.starting(ctx, now, j)
}

// find returns the Job as it was last seen. Only the API server itself says that
// there is none.
func (a *attendant) find(ctx context.Context) (*batchv1.Job, error) {
	if j := a.e.view.job(a.id); j != nil {
		return j, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return a.e.cluster.Job(ctx, a.id)
}

// note records the steps begun so far. One has ended when all that its container
// wrote is in its log.
func (a *attendant) note(j *batchv1.Job) {
	var steps []job.Step
	var before time.Time
	for _, s := range a.steps {
		c := status(a.pod, s.Container)
		if c == nil || c.State.Running == nil && c.State.Terminated == nil {
			break
		}
		step := job.Step{Name: s.Step}
		switch t := c.State.Terminated; {
		case t == nil:
			step.Started = c.State.Running.StartedAt.UTC()
		default:
			step.Started = t.StartedAt.UTC()
			if f := a.logs[s.Step]; f == nil || f.done() {
				step.Ended, step.Exit = t.FinishedAt.UTC(), int(t.ExitCode)
			}
		}
		if step.Started.Before(before) { // it waited for the one before it
			step.Started = before
		}
		steps = append(steps, step)
		if step.Ended.IsZero() {
			break
		}
		before = step.Ended
	}
	old, err := a.d.Steps()
	if len(steps) == 0 || err == nil && (len(old) > len(steps) || slices.Equal(old, steps)) {
		a.e.Followers.Wake(a.id)
	} else if err := a.d.Write("steps.json", steps); err != nil {
		a.e.cfg.Log.Error("cannot record the steps of a job", "job", a.id, "error", err)
	}
	a.e.Tell(a.id)
}

// starting fails the job if its pod cannot start for too long.
func (a *attendant) starting(ctx context.Context, now time.Time, j *batchv1.Job) (after time.Duration, over bool) {
	why, mends := trouble(a.pod)
	if why == "" || mends {
		a.stuck = time.Time{}
		return lookAgain, false
	}
	if a.stuck.IsZero() {
		a.stuck = now
	}
	if left := a.e.cfg.StartTimeout - now.Sub(a.stuck); left > 0 {
		return min(left, lookAgain), false
	}
	if err := a.e.cluster.DeleteJob(ctx, a.id); err != nil && !apierrors.IsNotFound(err) {
		a.e.cfg.Log.Warn("cannot delete a Job whose pod does not start; will try again", "job", a.id, "error", err)
		return askAgain, false
	}
	message := fmt.Sprintf("the pod did not start within %v (kubernetes-start-timeout): %s", a.e.cfg.StartTimeout, why)
	a.e.finish(a.d, job.Result{Phase: job.Failed, Message: message, Started: startOf(j)})
	return 0, true
}

func startOf(j *batchv1.Job) time.Time {
	if j.Status.StartTime == nil {
		return time.Time{}
	}
	return j.Status.StartTime.UTC()
}

// lost records that the Job is gone, as soon as its logs are read.
func (a *attendant) lost(now time.Time) (after time.Duration, over bool) {
	if !a.drained(now) {
		return time.Second, false
	}
	r := job.Result{Phase: job.Lost, Message: fmt.Sprintf("the Job %s was deleted before it ended: nobody knows how far it got", a.id)}
	if steps, err := a.d.Steps(); err == nil && len(steps) > 0 {
		r.Step, r.Started = steps[len(steps)-1].Name, steps[0].Started
		r.Message += "; it was in step " + r.Step
	}
	if why := fate(a.pod); why != "" {
		r.Message += "; " + why
	}
	a.e.finish(a.d, r)
	return 0, true
}

// finished records how the Job ended, as soon as its logs are read.
func (a *attendant) finished(now time.Time, j *batchv1.Job, e end) (after time.Duration, over bool) {
	if !a.drained(now) {
		return time.Second, false
	}
	a.note(j)
	r := job.Result{Phase: job.Succeeded, Started: startOf(j), Ended: e.at.UTC()}
	if !e.succeeded {
		r.Phase = job.Failed
		r.Step, r.Exit, r.Message = a.why(e)
	}
	a.e.finish(a.d, r)
	return 0, true
}

// why tells which step failed, and how: the first in the order of steps.
func (a *attendant) why(e end) (step string, exit int, message string) {
	tell := func(step, _ string) string { return a.e.cfg.Tell(a.d, step) }
	if a.e.cfg.Tell == nil {
		tell = nil
	}
	whole := fate(a.pod)
	for _, s := range a.steps {
		c := status(a.pod, s.Container)
		if c == nil || c.State.Terminated == nil || c.State.Terminated.ExitCode == 0 {
			continue
		}
		t := c.State.Terminated
		how := errors.New(how(t))
		if whole != "" {
			how = fmt.Errorf("%w; %s", how, whole)
		}
		if job.Tail(a.d.Log(s.Step), 1) == "" && t.Message != "" { // its log was out of reach
			return s.Step, int(t.ExitCode), fmt.Sprintf("%s (%v): %s", s.Step, how, job.Clean(t.Message))
		}
		return s.Step, int(t.ExitCode), a.d.Why(s.Step, how, tell)
	}
	if steps, err := a.d.Steps(); err == nil && len(steps) > 0 {
		step = steps[len(steps)-1].Name
	}
	return step, -1, cmp.Or(whole, "the pod ended without a word") + " (" + e.says + ")"
}

// drained reports whether all logs are read, or are not to be had.
func (a *attendant) drained(now time.Time) bool {
	if a.over.IsZero() {
		a.over = now
	}
	if now.Sub(a.over) >= drainLimit {
		return true
	}
	if a.pod == nil && now.Sub(a.over) < podLate {
		return false
	}
	if a.there && !overdue(a.pod, now) && a.pod.Status.Phase != corev1.PodSucceeded && a.pod.Status.Phase != corev1.PodFailed {
		return false // its end is told in a moment: what has happened to it is known then, and which logs there are
	}
	for _, f := range a.logs {
		if !f.done() {
			return false
		}
	}
	return true
}

// follow reads the log of each container that has begun.
func (a *attendant) follow(ctx context.Context) {
	for _, s := range a.steps {
		c := status(a.pod, s.Container)
		if a.logs[s.Step] != nil || c == nil || c.State.Running == nil && c.State.Terminated == nil {
			continue
		}
		a.logs[s.Step] = a.read(ctx, s)
	}
}

// renew keeps what is in the Secret fresh.
func (a *attendant) renew(ctx context.Context, now time.Time) {
	if every := a.e.cfg.RenewEvery; every == 0 || now.Sub(a.renewed) < every {
		return
	}
	data, err := a.e.cfg.Renew(a.d)
	if err == nil && len(data) > 0 {
		err = a.e.cluster.PatchSecret(ctx, a.id, map[string]any{"data": data})
	}
	if err != nil {
		a.e.cfg.Log.Warn("cannot renew what a job's Secret has; will try again", "job", a.id, "error", err)
		return
	}
	a.renewed = now
}
