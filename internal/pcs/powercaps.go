package pcs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// Snapshot begins to read the power caps of the components. One given twice
// counts once.
func (s *Service) Snapshot(ctx context.Context, xnames []string) (CapTask, error) {
	rows := make([]capRow, 0, len(xnames))
	given := make(map[string]bool, len(xnames))
	for _, x := range xnames {
		if !given[x] {
			given[x] = true
			rows = append(rows, capRow{CappedComponent: CappedComponent{Xname: x}})
		}
	}
	return s.beginCaps(ctx, CapSnapshot, rows)
}

// SetCaps begins to set power caps.
func (s *Service) SetCaps(ctx context.Context, orders []CapOrder) (CapTask, error) {
	rows := make([]capRow, len(orders))
	given := make(map[string]bool, len(orders))
	for i, o := range orders {
		if given[o.Xname] {
			return CapTask{}, fault.New(fault.Invalid, "component %s is given twice", o.Xname)
		}
		given[o.Xname] = true
		if len(o.Controls) == 0 {
			return CapTask{}, fault.New(fault.Invalid, "component %s has no controls to set", o.Xname)
		}
		for _, c := range o.Controls {
			if c.Name == "" || c.Value < 0 {
				return CapTask{}, fault.New(fault.Invalid, "component %s: control '%s' with the value %d: expected a name and watts, or 0 for no cap", o.Xname, c.Name, c.Value)
			}
		}
		rows[i] = capRow{CappedComponent: CappedComponent{Xname: o.Xname}, Controls: o.Controls}
	}
	return s.beginCaps(ctx, CapPatch, rows)
}

func (s *Service) beginCaps(ctx context.Context, kind CapKind, rows []capRow) (CapTask, error) {
	if len(rows) == 0 {
		return CapTask{}, fault.New(fault.Invalid, "no components are given")
	}
	var bad []string
	for _, r := range rows {
		if xname.TypeOf(r.Xname) == xname.Invalid {
			bad = append(bad, r.Xname)
		}
	}
	if len(bad) > 0 {
		return CapTask{}, fault.New(fault.Invalid, "invalid xnames detected: %s", strings.Join(bad, ", "))
	}
	if !s.started() {
		return CapTask{}, errNotRunning
	}
	// Tasks wait for each other in the order in which they are stored.
	s.capOrder.Lock()
	defer s.capOrder.Unlock()
	now := s.now().UTC()
	task := CapTask{TaskID: uuid.NewString(), Type: kind, TaskCreateTime: now, AutomaticExpirationTime: now.Add(keepFor),
		TaskStatus: CapNew, TaskCounts: TaskCounts{Total: len(rows), New: len(rows)}}
	for i := range rows {
		rows[i].TaskID, rows[i].Place, rows[i].Status = task.TaskID, i, TaskNew
	}
	if err := s.storeCaps(ctx, task, rows); err != nil {
		return CapTask{}, err
	}
	s.launchCaps(task, rows)
	return task, nil
}

// storeCaps writes a task and some of its components.
func (s *Service) storeCaps(ctx context.Context, task CapTask, rows []capRow) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if len(rows) > 0 {
			if err := s.capRows.Put(ctx, rows...); err != nil {
				return err
			}
		}
		return s.caps.Put(ctx, task)
	})
}

// CapTask returns a power cap task with its components.
func (s *Service) CapTask(ctx context.Context, id string) (CapTask, error) {
	task, err := s.caps.Get(ctx, id)
	if err != nil {
		return task, err
	}
	rows, err := s.capRowsOf(ctx, id)
	task.Components = make([]CappedComponent, len(rows))
	for i := range rows {
		task.Components[i] = rows[i].CappedComponent
	}
	return task, err
}

// CapTasks returns all power cap tasks without their components.
func (s *Service) CapTasks(ctx context.Context) ([]CapTask, error) {
	list, err := s.caps.List(ctx, store.Query{})
	if list == nil {
		list = []CapTask{}
	}
	return list, err
}

func (s *Service) capRowsOf(ctx context.Context, ids ...string) ([]capRow, error) {
	return s.capRows.List(ctx, store.Query{Where: []store.Match{{Column: "task", In: ids}}})
}

// pruneCaps removes power cap tasks whose time is over, then the oldest until the others
// take at most keepSize. Those under way stay.
func (s *Service) pruneCaps(ctx context.Context) error {
	done, err := s.caps.List(ctx, store.Query{Where: []store.Match{{Column: "status", In: []string{string(CapCompleted)}}}})
	if err != nil {
		return err
	}
	slices.SortFunc(done, func(a, b CapTask) int {
		return cmp.Or(b.TaskCreateTime.Compare(a.TaskCreateTime), cmp.Compare(a.TaskID, b.TaskID))
	})
	sizes, err := s.capSizes(ctx)
	if err != nil {
		return err
	}
	var total int64
	surplus := 0
	for i := range done {
		over := done[i].AutomaticExpirationTime.Before(s.now())
		if !over {
			total += sizes[done[i].TaskID]
		}
		switch {
		case over:
		case s.keepSize > 0 && total > s.keepSize:
			surplus++
		default:
			continue
		}
		if err := s.removeCap(ctx, done[i].TaskID); err != nil {
			return err
		}
	}
	if surplus > 0 {
		slog.Info("removed completed power cap tasks: all took more than may be kept", "tasks", surplus, "bytes", s.keepSize)
	}
	return nil
}

// removeCap removes a power cap task with its components.
func (s *Service) removeCap(ctx context.Context, id string) error {
	rows, err := s.capRowsOf(ctx, id)
	if err != nil {
		return err
	}
	keys := make([]string, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.capRows.Delete(ctx, keys...); err != nil {
			return err
		}
		_, err := s.caps.Delete(ctx, id)
		return err
	})
}

// capSizes are the bytes that each power cap task takes with its components.
func (s *Service) capSizes(ctx context.Context) (map[string]int64, error) {
	if s.keepSize <= 0 {
		return nil, nil
	}
	sizes, err := s.caps.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.capRows.Sizes(ctx)
	for key, size := range rows {
		task, _, _ := strings.Cut(key, "/")
		sizes[task] += size
	}
	return sizes, err
}
