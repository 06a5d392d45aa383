package pcs

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// Location is a component of a transition to be.
type Location struct {
	Xname string
	// DeputyKey proves that the caller holds a reservation of the component,
	// which may therefore be locked.
	DeputyKey string
}

// Begin records a transition and starts it. A component given twice counts once.
func (s *Service) Begin(ctx context.Context, op Operation, locations []Location, deadlineMinutes int) (Transition, error) {
	if !s.started() {
		return Transition{}, errNotRunning
	}
	now := s.now().UTC()
	record := transitionRecord{DeadlineMinutes: deadlineMinutes, Transition: Transition{
		TransitionID: uuid.NewString(), CreateTime: now, AutomaticExpirationTime: now.Add(keepFor),
		TransitionStatus: TransitionNew, Operation: op}}
	list := taskList{TransitionID: record.TransitionID, Tasks: make([]taskRecord, 0, len(locations))}
	given := make(map[string]bool, len(locations))
	for _, l := range locations {
		if !given[l.Xname] {
			given[l.Xname] = true
			list.Tasks = append(list.Tasks, taskRecord{DeputyKey: l.DeputyKey,
				Task: Task{Xname: l.Xname, TaskStatus: TaskNew, TaskStatusDescription: "Gathering data"}})
		}
	}
	record.TaskCounts = TaskCounts{Total: len(list.Tasks), New: len(list.Tasks)}
	if err := s.store(ctx, record, list); err != nil {
		return Transition{}, err
	}
	s.launch(newRun(s, record, list))
	audit.Tell(ctx, audit.About{What: fmt.Sprintf("%s, transition %s", op, record.TransitionID)})
	return record.Transition, nil
}

// Describe returns a transition with its tasks.
func (s *Service) Describe(ctx context.Context, id string) (Transition, error) {
	if r := s.active(id); r != nil {
		record, list := r.saved()
		return withTasks(record, list), nil
	}
	record, err := s.transitions.Get(ctx, id)
	if err != nil {
		return Transition{}, err
	}
	list, err := s.tasks.Get(ctx, id)
	return withTasks(record, list), err
}

func withTasks(record transitionRecord, list taskList) Transition {
	t := record.Transition
	t.Tasks = make([]Task, len(list.Tasks))
	for i := range list.Tasks {
		t.Tasks[i] = list.Tasks[i].Task
	}
	return t
}

// Transitions returns all transitions without their tasks.
func (s *Service) Transitions(ctx context.Context) ([]Transition, error) {
	records, err := s.transitions.List(ctx, store.Query{})
	if err != nil {
		return nil, err
	}
	out := make([]Transition, len(records))
	for i := range records {
		out[i] = records[i].Transition
		if r := s.active(out[i].TransitionID); r != nil {
			record, _ := r.saved()
			out[i] = record.Transition
		}
	}
	return out, nil
}

// Abort asks a transition to send nothing more, and returns when that is
// written. One that was aborted before stays so; a completed one is a
// fault.Invalid.
func (s *Service) Abort(ctx context.Context, id string) error {
	var status TransitionStatus
	if r := s.active(id); r != nil {
		status = r.abort()
		if err := r.save(ctx); err != nil {
			return err
		}
	} else {
		record, err := s.transitions.Get(ctx, id)
		if err != nil {
			return err
		}
		status = record.TransitionStatus
	}
	switch {
	case status == TransitionCompleted:
		return fault.New(fault.Invalid, "transition '%s' is complete", id)
	case !status.Done() && status != TransitionAbortSignaled:
		return errNotRunning
	}
	return nil
}

var errNotRunning = fault.New(fault.Unavailable, "power control is not running")

func (s *Service) active(id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[id]
}

func (s *Service) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx != nil
}

// launch executes the run in the background. A service that is stopping leaves
// it to its next start.
func (s *Service) launch(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return
	}
	service, id := s.ctx, r.record.TransitionID
	var ctx context.Context
	ctx, r.cancel = context.WithCancelCause(service)
	s.runs[id] = r
	s.running.Go(func() {
		defer r.cancel(nil)
		r.execute(ctx)
		r.saveEnd(service)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.runs, id)
	})
}

// store writes a transition and its tasks.
func (s *Service) store(ctx context.Context, record transitionRecord, list taskList) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.tasks.Put(ctx, list); err != nil {
			return err
		}
		return s.transitions.Put(ctx, record)
	})
}
