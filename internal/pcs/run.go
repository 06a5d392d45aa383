package pcs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/xname"
)

// run is a transition under way. Its state is here and is saved to the store
// before each tier and, while it changes, often.
type run struct {
	s      *Service
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards record and the records of the tasks
	record  transitionRecord
	tasks   []*task
	changed bool

	saving sync.Mutex // one save at a time, in order
}

// task is a component's part in a run. But for its record it belongs to the
// one goroutine that visits the component.
type task struct {
	taskRecord
	component Component
	route     []step
	// fresh until the BMC was asked for the first time.
	fresh bool
	// unsure: the step's request may have been sent without anybody knowing,
	// before a restart of this process or to a BMC that did not answer.
	unsure bool
	// patient: what is above the component has just been powered on, so its
	// BMC takes a while to answer.
	patient  bool
	deadline time.Time // of the step; zero until the first visit
	silent   time.Time // since when the BMC gives no answer
	tries    int       // without answer
	pause    time.Duration
}

func (t *task) step() step { return t.route[t.Step] }

// errAborted is the cause of a run's context when a client aborted it.
var errAborted = errors.New("transition aborted")

func newRun(s *Service, record transitionRecord, tasks []taskRecord) *run {
	r := &run{s: s, record: record, tasks: make([]*task, len(tasks))}
	for i := range tasks {
		began := !tasks[i].Began.IsZero()
		r.tasks[i] = &task{taskRecord: tasks[i], fresh: !began, unsure: began}
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
	case errors.Is(context.Cause(ctx), errAborted):
		r.abandon()
	}
	stopSaver()
	saver.Wait()
}

// prepare finds the components and settles, before any request to a BMC, the
// tasks that cannot be done.
func (r *run) prepare(ctx context.Context) {
	var names []string
	for _, t := range r.tasks {
		if !t.TaskStatus.Done() && xname.TypeOf(t.Xname) != xname.Invalid {
			names = append(names, t.Xname)
		}
	}
	components, err := r.s.catalog.get(ctx, names)
	var locked map[string]bool
	if err == nil {
		locked, err = r.s.lockedNodes(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	poweredOn := map[string]bool{}
	for _, t := range r.tasks {
		if t.TaskStatus.Done() {
			continue
		}
		if err != nil {
			r.finish(t, TaskFailed, "Unable to ask the Hardware State Manager", err.Error())
			continue
		}
		r.admit(t, components, locked)
		for i := range t.route {
			poweredOn[t.Xname] = poweredOn[t.Xname] || t.route[i].action == actOn
		}
	}
	for _, t := range r.tasks {
		t.patient = slices.ContainsFunc(ancestors(t.Xname), func(p string) bool { return poweredOn[p] })
	}
}

// admit reserves the component and gives the task its route, or fails it. A
// task that was in progress before a restart was admitted then.
func (r *run) admit(t *task, components map[string]Component, locked map[string]bool) {
	var c *Component
	if found, ok := components[t.Xname]; ok {
		c = &found
	}
	if status, says := unfit(r.record.Operation, t.Xname, c); status != "" {
		r.finish(t, status, says, "")
		return
	}
	if t.TaskStatus == TaskNew {
		if locked[t.Xname] && t.DeputyKey == "" {
			r.refuse(t, "the component is locked")
			return
		}
		if !r.s.reserved.take(t.Xname, r.record.TransitionID) {
			r.refuse(t, "another transition drives the component")
			return
		}
		r.note(t, "power", false, "power %s requested (transition %s)", r.record.Operation, r.record.TransitionID)
	}
	t.component, t.route = *c, route(r.record.Operation, c)
	r.change(func() {
		t.Step = min(t.Step, len(t.route)-1) // the hardware may offer less than before
		t.TaskStatus, t.TaskStatusDescription = TaskInProgress, "Waiting"
	})
}

func (r *run) refuse(t *task, why string) {
	r.note(t, "power", true, "power %s refused: %s (transition %s)", r.record.Operation, why, r.record.TransitionID)
	r.finish(t, TaskFailed, saysNotReserved, why)
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
			r.finish(t, TaskFailed, "A component below was not turned off", "failed to achieve transition")
		} else {
			left = append(left, t)
		}
	}
	return left
}

// finish ends a task and frees its component.
func (r *run) finish(t *task, status TaskStatus, says, wrong string) {
	r.change(func() { t.TaskStatus, t.TaskStatusDescription, t.Error = status, says, wrong })
	r.s.reserved.release(t.Xname, r.record.TransitionID)
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
			r.finish(t, TaskFailed, "Transition aborted", "")
		}
	}
	r.setStatus(TransitionAborted)
}

func (r *run) setStatus(status TransitionStatus) {
	r.change(func() {
		if status.Done() || r.record.TransitionStatus != TransitionAbortSignaled {
			r.record.TransitionStatus = status
		}
	})
}

func (r *run) change(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	r.changed = true
}

// snapshot copies the run's records.
func (r *run) snapshot() (transitionRecord, taskList) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := taskList{TransitionID: r.record.TransitionID, Tasks: make([]taskRecord, len(r.tasks))}
	for i, t := range r.tasks {
		list.Tasks[i] = t.taskRecord
	}
	return r.counted(), list
}

// summary is the run's record without its tasks.
func (r *run) summary() Transition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted().Transition
}

// counted is the record with the tasks as they are now. The caller holds mu.
func (r *run) counted() transitionRecord {
	record := r.record
	record.TaskCounts = TaskCounts{}
	for _, t := range r.tasks {
		record.TaskCounts.add(t.TaskStatus)
	}
	return record
}

// save writes the run's records, if anything changed since the last time.
func (r *run) save(ctx context.Context) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.mu.Lock()
	changed := r.changed
	r.changed = false
	r.mu.Unlock()
	if !changed {
		return nil
	}
	record, list := r.snapshot()
	err := r.s.store(ctx, record, list)
	if err != nil {
		r.change(func() {})
		if ctx.Err() == nil {
			slog.Error("transition not saved", "transition", record.TransitionID, "error", err)
		}
	}
	return err
}

// saveOften saves at least saveEvery apart, and so that saving takes no more
// than a twentieth of the time.
func (r *run) saveOften(ctx context.Context) {
	for wait := saveEvery; ; {
		pause(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		start := time.Now()
		_ = r.save(ctx) // logged; the next round repeats it
		wait = max(saveEvery, 20*time.Since(start))
	}
}

const saveEvery = 50 * time.Millisecond
