package pcs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

const (
	// pruneEvery is the time between two looks at the limits.
	pruneEvery = 10 * time.Minute
	// removedAtOnce bounds the tasks that one transaction removes, for it reads them.
	removedAtOnce = 10_000
)

// prune removes finished transitions and power cap tasks whose time is over, then
// the transitions that ended first until the others take at most keepSize, and
// likewise the tasks.
func (s *Service) prune(ctx context.Context, _ events.Wake) error {
	done, err := s.transitions.List(ctx, store.Query{Where: []store.Match{
		{Column: "status", In: []string{string(TransitionCompleted), string(TransitionAborted)}}}})
	if err != nil {
		return err
	}
	var expired, kept []transitionRecord
	for i := range done {
		if done[i].AutomaticExpirationTime.Before(s.now()) {
			expired = append(expired, done[i])
		} else {
			kept = append(kept, done[i])
		}
	}
	if err := s.pruneCaps(ctx); err != nil {
		return err
	}
	if err := s.remove(ctx, expired); err != nil {
		return err
	}
	surplus, err := s.surplus(ctx, kept)
	if err != nil || len(surplus) == 0 {
		return err
	}
	slog.Info("removing finished transitions: all take more than may be kept", "transitions", len(surplus), "bytes", s.keepSize)
	return s.remove(ctx, surplus)
}

// surplus are those of the finished transitions that have to go so that the others
// take at most keepSize bytes. One that a restart has to know of is none of them,
// however much there is.
func (s *Service) surplus(ctx context.Context, done []transitionRecord) ([]transitionRecord, error) {
	if s.keepSize <= 0 || len(done) == 0 {
		return nil, nil
	}
	records, err := s.transitions.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := s.tasks.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	size := func(r *transitionRecord) int64 { return records[r.TransitionID] + tasks[r.TransitionID] }
	var total int64
	for i := range done {
		total += size(&done[i])
	}
	slices.SortFunc(done, func(a, b transitionRecord) int { // who ended first is first
		return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.TransitionID, b.TransitionID))
	})
	var out []transitionRecord
	waits := s.waitingSince()
	for i := range done {
		if total <= s.keepSize || s.matters(&done[i]) { // and so do all that ended later
			break
		}
		needed, err := s.superseded(ctx, &done[i], waits)
		if err != nil {
			return nil, err
		}
		if !needed {
			out = append(out, done[i])
			total -= size(&done[i])
		}
	}
	return out, nil
}

// waitingSince are the components that transitions under way are not done with,
// each with when the oldest of these transitions was asked for.
func (s *Service) waitingSince() map[string]time.Time {
	s.mu.Lock()
	runs := make([]*run, 0, len(s.runs))
	for _, r := range s.runs {
		runs = append(runs, r)
	}
	s.mu.Unlock()
	since := map[string]time.Time{}
	for _, r := range runs {
		record, list := r.saved()
		for i := range list.Tasks {
			t := &list.Tasks[i]
			if at, is := since[t.Xname]; !t.TaskStatus.Done() && (!is || record.CreateTime.Before(at)) {
				since[t.Xname] = record.CreateTime
			}
		}
	}
	return since
}

// superseded tells whether the transition drove a component for which an older one
// still waits: a restart has to know that, to send nothing more for the older one.
func (s *Service) superseded(ctx context.Context, r *transitionRecord, waits map[string]time.Time) (bool, error) {
	older := false
	for _, at := range waits {
		older = older || !at.After(r.CreateTime)
	}
	if !older {
		return false, nil
	}
	lists, err := s.tasks.List(ctx, store.Query{Keys: []string{r.TransitionID}})
	if err != nil {
		return false, err
	}
	for _, list := range lists {
		for i := range list.Tasks {
			t := &list.Tasks[i]
			if at, is := waits[t.Xname]; is && t.drove() && !at.After(r.CreateTime) {
				return true, nil
			}
		}
	}
	return false, nil
}

// remove removes the transitions and their tasks, in transactions between which
// others can write.
func (s *Service) remove(ctx context.Context, records []transitionRecord) error {
	for len(records) > 0 {
		var ids []string
		for tasks := 0; len(records) > 0 && tasks < removedAtOnce; records = records[1:] {
			ids = append(ids, records[0].TransitionID)
			tasks += max(1, records[0].TaskCounts.Total)
		}
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			if _, err := s.transitions.Delete(ctx, ids...); err != nil {
				return err
			}
			_, err := s.tasks.Delete(ctx, ids...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
