package pcs

import (
	"cmp"
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/store"
)

// unfinished returns the runs that an earlier process left, with their
// components reserved. Those that were to be aborted are, and a task ends
// here of whose component a newer transition knows more.
func (s *Service) unfinished(ctx context.Context) ([]*run, error) {
	records, err := s.transitions.List(ctx, store.Query{})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(records, func(a, b transitionRecord) int { // the newest first
		return cmp.Or(b.CreateTime.Compare(a.CreateTime), cmp.Compare(b.TransitionID, a.TransitionID))
	})
	var runs []*run
	drivenBy := map[string]string{} // xname to the newest transition that drove it
	for len(records) > 0 && !s.matters(&records[len(records)-1]) {
		records = records[:len(records)-1]
	}
	for _, record := range records {
		list, err := s.tasks.Get(ctx, record.TransitionID)
		if err != nil {
			return nil, err
		}
		for j := range list.Tasks {
			t := &list.Tasks[j]
			s.leases.adopt(t, t.TaskStatus == TaskInProgress && drivenBy[t.Xname] == "")
		}
		if r := s.takeUp(record, list, drivenBy); r != nil {
			runs = append(runs, r)
		}
		for j := range list.Tasks {
			if t := &list.Tasks[j]; drivenBy[t.Xname] == "" && t.drove() {
				drivenBy[t.Xname] = record.TransitionID
			}
		}
	}
	return runs, nil
}

// matters tells whether the transition has to be gone on with or may have left
// reservations.
func (s *Service) matters(r *transitionRecord) bool {
	return !r.TransitionStatus.Done() || s.now().Before(r.Ended.Add(leftoverLasts))
}

// drove tells whether the task's transition had the component to itself.
func (t *taskRecord) drove() bool {
	return t.TaskStatus == TaskInProgress || !t.Began.IsZero() || !t.Accepted.IsZero()
}

// takeUp makes a run of the record, nil if it is over, with the components
// reserved that it goes on with.
func (s *Service) takeUp(record transitionRecord, list taskList, drivenBy map[string]string) *run {
	if record.TransitionStatus.Done() {
		return nil
	}
	r := newRun(s, record, list)
	for _, t := range r.tasks {
		switch newer := drivenBy[t.Xname]; {
		case t.TaskStatus.Done():
		case newer != "":
			r.finish(t, TaskFailed, FailureUnknown, "A later transition drove the component",
				"transition "+newer+" is newer; what became of this one's request is not known, and nothing more is sent")
		case t.TaskStatus == TaskInProgress:
			s.reserved.take(t.Xname, record.TransitionID)
		}
	}
	if record.TransitionStatus == TransitionAbortSignaled {
		r.abandon()
	}
	return r
}
