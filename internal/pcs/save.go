package pcs

import (
	"context"
	"log/slog"
	"time"
)

// What a run tells is written first: a result is saved before the component is
// free, before clients see it, and before the look at the power that reveals it
// is recorded. A process that is killed in between finds it out again; nobody
// has acted on it.

// untold is what waits for the next save.
type untold struct {
	ended []*task       // whose components are to be freed
	seen  []observation // that reveal what changed
}

// change changes the records; they are saved soon.
func (r *run) change(do func()) {
	r.mu.Lock()
	do()
	r.changed = true
	r.mu.Unlock()
	nudge(r.wake)
}

// result changes the records by the outcome of a step: what the visit saw of
// the component is told with it.
func (r *run) result(t *task, do func()) {
	r.change(func() {
		do()
		if t.seen != nil {
			r.untold.seen = append(r.untold.seen, *t.seen)
			t.seen = nil
		}
	})
}

// notAchieved is what every failed task says; why it failed is its error.
const notAchieved = "Failed to achieve transition"

// finish ends a task. Its component is free when that is saved.
func (r *run) finish(t *task, status TaskStatus, failure Failure, says, wrong string) {
	if status == TaskFailed {
		says, wrong = notAchieved, join(says, wrong)
	}
	r.result(t, func() {
		t.TaskStatus, t.Failure, t.TaskStatusDescription, t.Error = status, failure, says, wrong
		if r.s.reserved.holds(t.Xname, r.record.TransitionID) {
			t.ReservationKey = r.s.leases.key(t.Xname) // for whom starts after a kill before it is released
		}
		r.untold.ended = append(r.untold.ended, t)
	})
}

func (r *run) setStatus(status TransitionStatus) {
	r.change(func() {
		if status.Done() || r.record.TransitionStatus != TransitionAbortSignaled {
			r.record.TransitionStatus = status
		}
		if status.Done() {
			r.record.Ended = r.s.now().UTC()
		}
	})
}

// saved is what the store has of the run.
func (r *run) saved() (transitionRecord, taskList) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown, r.shownTasks
}

// snapshot copies the run's records. The caller holds mu.
func (r *run) snapshot() (transitionRecord, taskList) {
	record := r.record
	record.TaskCounts = TaskCounts{}
	list := taskList{TransitionID: record.TransitionID, Tasks: make([]taskRecord, len(r.tasks))}
	for i, t := range r.tasks {
		record.TaskCounts.add(t.TaskStatus)
		list.Tasks[i] = t.taskRecord
		if t.TaskStatus == TaskInProgress {
			list.Tasks[i].ReservationKey = r.s.leases.key(t.Xname)
		}
	}
	return record, list
}

// save writes the run's records, if anything changed since the last time, and
// tells what was waiting for that.
func (r *run) save(ctx context.Context) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.mu.Lock()
	if !r.changed {
		r.mu.Unlock()
		return nil
	}
	r.changed = false
	record, list := r.snapshot()
	news := r.untold
	r.untold = untold{}
	r.mu.Unlock()
	err := r.s.store(ctx, record, list)
	if err == nil {
		r.tell(record, list, news)
		return nil
	}
	r.change(func() {
		r.untold.ended = append(news.ended, r.untold.ended...)
		r.untold.seen = append(news.seen, r.untold.seen...)
	})
	if ctx.Err() == nil {
		slog.Error("transition not saved", "transition", record.TransitionID, "error", err)
	}
	return err
}

// tell lets go of what is saved. Whom the news wakes finds the component free.
func (r *run) tell(record transitionRecord, list taskList, news untold) {
	id := record.TransitionID
	var mine []string
	for _, t := range news.ended {
		if r.s.reserved.holds(t.Xname, id) {
			mine = append(mine, t.Xname)
		}
	}
	r.s.leases.done(mine...)
	for _, x := range mine {
		r.s.reserved.release(x, id)
	}
	r.mu.Lock()
	r.shown, r.shownTasks = record, list
	r.mu.Unlock()
	for _, o := range news.seen {
		r.s.recorder.saw(o)
	}
	// The hint of the commit may have been followed before shown was.
	r.s.hub.Changed(TransitionTable, []string{id})
}

// saveOften saves what changes, at least saveEvery apart, and so that saving
// takes no more than a twentieth of the time.
func (r *run) saveOften(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		pause(ctx, gather)
		start := time.Now()
		if r.save(ctx) != nil { // logged
			pause(ctx, retryPause)
		}
		pause(ctx, max(saveEvery, 20*time.Since(start)))
	}
}

const saveEvery = 50 * time.Millisecond

// saveEnd saves how the run ended, however long the database takes, but once
// only when the service stops: what is not saved is found out again from the
// BMCs at the next start.
func (r *run) saveEnd(service context.Context) {
	for r.save(context.WithoutCancel(service)) != nil && service.Err() == nil {
		pause(service, retryPause)
	}
}
