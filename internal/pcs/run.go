package pcs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// run is a transition under way. Its state is here and is saved to the store
// before each tier and, while it changes, often.
type run struct {
	s      *Service
	cancel context.CancelCauseFunc

	mu         sync.Mutex // guards record, the records of the tasks, and what follows
	record     transitionRecord
	tasks      []*task
	changed    bool
	untold     untold
	shown      transitionRecord // what is saved
	shownTasks taskList

	wake   chan struct{} // something changed
	saving sync.Mutex    // one save at a time, in order
}

// task is a component's part in a run. But for its record it belongs to the
// one goroutine that visits the component.
type task struct {
	taskRecord
	component *Component
	route     []step
	// fresh until the BMC was asked for the first time.
	fresh bool
	// unsure: the step's request may have been sent without anybody knowing,
	// before a restart of this process or to a BMC that did not answer.
	unsure bool
	// resumed: unsure because of a restart.
	resumed bool
	// blind: what the request goes by is what an earlier transition saw last.
	blind bool
	// patient: what is above the component has just been powered on, so its
	// BMC takes a while to answer.
	patient  bool
	deadline time.Time // of the step; zero until the first visit
	pause    time.Duration
	seen     *observation // by the visit that goes on, until it is told
	waiting
}

func (t *task) step() step { return t.route[t.Step] }

// errAborted is the cause of a run's context when a client aborted it.
var errAborted = errors.New("transition aborted")

// newRun returns a run that goes on from its saved records.
func newRun(s *Service, record transitionRecord, list taskList) *run {
	r := &run{s: s, record: record, tasks: make([]*task, len(list.Tasks)), shown: record, shownTasks: list,
		wake: make(chan struct{}, 1)}
	for i, t := range list.Tasks {
		began := !t.Began.IsZero()
		r.tasks[i] = &task{taskRecord: t, fresh: !began, unsure: began, resumed: began}
	}
	return r
}

// execute carries the transition through, or as far as it gets until ctx is
// cancelled. Cancelled with errAborted the transition ends as aborted;
// otherwise it stays unfinished for the next start.
func (r *run) execute(ctx context.Context) {
	saverCtx, stopSaver := context.WithCancel(context.WithoutCancel(ctx))
	var saver sync.WaitGroup
	saver.Go(func() { r.saveOften(saverCtx) })

	if r.record.TransitionStatus.Done() { // at its resumption
		stopSaver()
		saver.Wait()
		return
	}
	slog.Debug("transition begins", "transition", r.record.TransitionID, "operation", r.record.Operation, "components", len(r.tasks))
	r.setStatus(TransitionInProgress)
	r.prepare(ctx)
	for tier := range tiers {
		if ctx.Err() == nil {
			r.runTier(ctx, tier)
		}
	}
	switch {
	case ctx.Err() == nil:
		r.setStatus(TransitionCompleted)
		r.s.completed.Add(1)
		r.told("transition is complete")
	case errors.Is(context.Cause(ctx), errAborted):
		r.abandon()
		r.s.aborted.Add(1)
		r.told("transition was aborted")
	}
	stopSaver()
	saver.Wait()
}

// told has the log say how it ended.
func (r *run) told(how string) {
	r.mu.Lock()
	failed := 0
	for _, t := range r.tasks {
		if t.TaskStatus == TaskFailed {
			failed++
		}
	}
	r.mu.Unlock()
	slog.Info(how, "transition", r.record.TransitionID, "operation", r.record.Operation, "components", len(r.tasks), "failed", failed,
		"took", r.s.now().Sub(r.record.CreateTime).Round(time.Millisecond))
}

// runTier drives the components whose next step is in the tier.
func (r *run) runTier(ctx context.Context, tier tier) {
	var members []*task
	for _, t := range r.tasks {
		if !t.TaskStatus.Done() && t.step().tier == tier {
			members = append(members, t)
		}
	}
	if r.record.Operation == SoftOff && tier == tierShutdownModules {
		members = r.withoutFailedChildren(members)
	}
	if len(members) == 0 {
		return
	}
	now := r.s.now()
	r.change(func() {
		for _, t := range members {
			if t.Began.IsZero() {
				t.Began = now
			}
		}
	})
	// From here on requests may be on their way: a restart must know.
	for r.save(ctx) != nil && ctx.Err() == nil {
		pause(ctx, retryPause)
	}
	r.drive(ctx, members)
}

// withoutFailedChildren fails the modules below which a node did not go off,
// and returns the others.
func (r *run) withoutFailedChildren(modules []*task) []*task {
	failed := map[string]bool{}
	for _, t := range r.tasks {
		if t.TaskStatus == TaskFailed {
			for _, p := range ancestors(t.Xname) {
				failed[p] = true
			}
		}
	}
	var left []*task
	for _, t := range modules {
		if failed[t.Xname] {
			r.finish(t, TaskFailed, FailureUnknown, "A component below was not turned off", "")
		} else {
			left = append(left, t)
		}
	}
	return left
}

// abort has the run end soon, unless it is at its end. It returns the status
// that the transition has now.
func (r *run) abort() TransitionStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.record.TransitionStatus.Done() {
		r.record.TransitionStatus, r.changed = TransitionAbortSignaled, true
		r.cancel(errAborted)
	}
	return r.record.TransitionStatus
}

// abandon ends what is left of an aborted transition.
func (r *run) abandon() {
	for _, t := range r.tasks {
		if !t.TaskStatus.Done() {
			r.finish(t, TaskFailed, FailureAborted, "Transition aborted", "")
		}
	}
	r.setStatus(TransitionAborted)
}
