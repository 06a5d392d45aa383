package pcs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// A power cap task goes to all its components at once, to the nodes of one BMC
// one after another, tasks that set caps in the order in which they were asked
// for. A component's outcome is written before the next task may touch it, so
// that what a restart repeats (setting a cap again does no harm) never undoes
// what a later task did.

const (
	// cappedAtOnce bounds the components of a task that are talked to at a time.
	cappedAtOnce = 128
	// capPatience is how long a component is asked again that says "later".
	capPatience = 2 * time.Minute
	// capsLast is how long after its creation a task is taken up at a restart.
	capsLast = 15 * time.Minute
)

// Roles knows what components are for; *hsm.Client does.
type Roles interface {
	Query(ctx context.Context, q hsm.ComponentQuery) ([]hsm.Component, error)
}

// capRun is a power cap task under way.
type capRun struct {
	s     *Service
	task  CapTask
	works []*capWork
	ended chan *capWork
}

// capWork is a component's part in a run.
type capWork struct {
	row  capRow
	turn *turn // of its BMC; nil for what only reads
}

// launchCaps executes the task in the background. A service that is stopping
// leaves it to its next start. rows are those that are not done.
func (s *Service) launchCaps(task CapTask, rows []capRow) {
	r := &capRun{s: s, task: task, works: make([]*capWork, len(rows)), ended: make(chan *capWork, cappedAtOnce)}
	for i := range rows {
		r.works[i] = &capWork{row: rows[i]}
		if task.Type == CapPatch {
			t := s.turns.take(xname.Parent(rows[i].Xname))
			r.works[i].turn = &t
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx := s.ctx; ctx != nil {
		s.running.Go(func() { r.execute(ctx) })
	}
}

// unfinishedCaps returns the tasks that an earlier process left, the oldest
// first, and their components that are not done, by task.
func (s *Service) unfinishedCaps(ctx context.Context) (tasks []CapTask, rows map[string][]capRow, err error) {
	tasks, err = s.caps.List(ctx, store.Query{Where: []store.Match{{Column: "status", In: []string{string(CapNew), string(CapInProgress)}}}})
	if err != nil || len(tasks) == 0 {
		return nil, nil, err
	}
	slices.SortFunc(tasks, func(a, b CapTask) int {
		return cmp.Or(a.TaskCreateTime.Compare(b.TaskCreateTime), cmp.Compare(a.TaskID, b.TaskID))
	})
	ids := make([]string, len(tasks))
	for i := range tasks {
		ids[i] = tasks[i].TaskID
	}
	list, err := s.capRowsOf(ctx, ids...)
	rows = map[string][]capRow{}
	for _, r := range list {
		if !r.Status.Done() {
			rows[r.TaskID] = append(rows[r.TaskID], r)
		}
	}
	return tasks, rows, err
}

// execute carries the task through, or as far as it gets until ctx is done.
func (r *capRun) execute(ctx context.Context) {
	r.task.TaskStatus = CapInProgress
	r.task.TaskCounts.InProgress, r.task.TaskCounts.New = len(r.works), 0
	if !r.save(ctx, nil) {
		return
	}
	var writer sync.WaitGroup
	writer.Go(func() { r.write(ctx) })
	known, err := r.learn(ctx)
	var group errgroup.Group
	group.SetLimit(cappedAtOnce)
	for _, w := range r.works {
		group.Go(func() error {
			if w.turn != nil && w.turn.wait(ctx) != nil {
				return nil
			}
			outcome := err
			if outcome == nil {
				outcome = r.visit(ctx, known, w)
			}
			if ctx.Err() == nil { // else it is not known
				r.conclude(w, outcome)
				r.ended <- w
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // they return none
	close(r.ended)
	writer.Wait()
	if ctx.Err() == nil {
		r.task.TaskStatus = CapCompleted
		r.save(ctx, nil)
	}
}

// write saves what ended, what comes together at once, and then lets the next
// tasks have the BMCs.
func (r *capRun) write(ctx context.Context) {
	for w := range r.ended {
		batch := r.others(ctx, w)
		rows := make([]capRow, len(batch))
		for i, w := range batch {
			rows[i] = w.row
			r.task.TaskCounts.InProgress--
			r.task.TaskCounts.Total--
			r.task.TaskCounts.add(w.row.Status)
		}
		if !r.save(ctx, rows) {
			continue // the service stops: the next start finds them out again
		}
		for _, w := range batch {
			if w.turn != nil {
				w.turn.end()
			}
		}
	}
}

// others are what ended within a moment of the first.
func (r *capRun) others(ctx context.Context, first *capWork) []*capWork {
	batch := []*capWork{first}
	pause(ctx, gather)
	for {
		select {
		case next, open := <-r.ended:
			if !open {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
}

// save writes the task and the rows, however long the database takes; false if
// the service stops before.
func (r *capRun) save(ctx context.Context, rows []capRow) bool {
	for {
		err := r.s.storeCaps(ctx, r.task, rows)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		slog.Error("power cap task not saved", "task", r.task.TaskID, "error", err)
		pause(ctx, retryPause)
	}
}

// conclude records how the component ended.
func (r *capRun) conclude(w *capWork, err error) {
	w.row.Status, w.row.Error = TaskSucceeded, ""
	if err != nil {
		w.row.Status, w.row.Error = TaskFailed, err.Error()
	}
	if r.task.Type == CapPatch {
		r.note(w, err)
	}
}
