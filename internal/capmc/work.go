package capmc

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/pcs"
)

// work carries out an order.
type work struct {
	s        *Service
	order    order
	begun    chan struct{} // closed when PCS has begun with every component, in the last step
	finished chan struct{} // closed at the end
	carried  bool          // out, at the end; else the next start goes on

	// Guarded by Service.mu.
	shown string       // the order's transition
	early []XnameError // what failed up to now
}

const (
	// PCS is asked how far it is in pauses that grow from firstPause to lastPause.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	// retryPause is that before what failed is tried again.
	retryPause = time.Second
	// stepMinutes bounds each of PCS's steps.
	stepMinutes = 5
)

// launch carries the order out in the background; nil if the service is not
// running.
func (s *Service) launch(o order) *work {
	w := &work{s: s, order: o, shown: o.Transition, begun: make(chan struct{}), finished: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return nil
	}
	ctx := s.ctx
	s.works[o.ID] = w
	s.running.Go(func() {
		w.carried = w.run(ctx)
		close(w.finished)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.works, o.ID)
	})
	return w
}

// run returns false if the service stopped before the order was carried out.
func (w *work) run(ctx context.Context) bool {
	o := &w.order
	for len(o.Steps) > 0 && len(o.Names) > 0 {
		if o.Transition == "" {
			if !w.begin(ctx) {
				return false
			}
			continue
		}
		if !w.watch(ctx) {
			return false
		}
	}
	if err := w.s.leases.drop(ctx, o.Keys); err != nil && ctx.Err() == nil {
		slog.Warn("reservations not released; they end by themselves", "error", err)
	}
	return w.write(ctx, func(ctx context.Context) error {
		_, err := w.s.orders.Delete(ctx, o.ID)
		return err
	})
}

// begin tells PCS of the first step.
func (w *work) begin(ctx context.Context) bool {
	o := &w.order
	if o.Steps[0] == pcs.ForceOff {
		w.supersede(ctx)
	}
	if o.Transition = w.same(ctx); o.Transition != "" {
		return w.save(ctx)
	}
	locations := make([]pcs.Location, len(o.Names))
	for i, n := range o.Names {
		locations[i] = pcs.Location{Xname: n, DeputyKey: o.Keys[n].Deputy}
	}
	id, err := w.s.power.Begin(ctx, o.Steps[0], locations, stepMinutes)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		o.fail(failed, "PCS does not take the command: "+err.Error())
		return true
	}
	o.Transition = id
	return w.save(ctx)
}

// watch follows the step that PCS is at to its end.
func (w *work) watch(ctx context.Context) bool {
	o := &w.order
	for wait := firstPause; ; wait = min(wait*3/2, lastPause) {
		t, err := w.s.power.Describe(ctx, o.Transition)
		switch {
		case ctx.Err() != nil:
			return false
		case fault.Is(err, fault.NotFound):
			o.fail(failed, "PCS knows nothing of its transition "+o.Transition+" any more")
			return w.save(ctx)
		case err != nil:
			slog.Warn("PCS does not tell of a transition; will be asked again", "transition", o.Transition, "error", err)
		case t.TransitionStatus.Done():
			o.outcome(o.own(t.Tasks))
			if o.Steps, o.Transition = o.Steps[1:], ""; len(o.Steps) > 0 {
				return w.save(ctx)
			}
			return true
		default:
			w.tellBegun(o.own(t.Tasks))
			if !w.letGo(ctx, t.Tasks) {
				return false
			}
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}

// letGo ends the reservations of what the last step is done with: who wants
// those components next need not wait for the slowest of the others.
func (w *work) letGo(ctx context.Context, tasks []pcs.Task) bool {
	over := w.order.over(tasks)
	if len(over) == 0 {
		return true
	}
	for n := range over {
		delete(w.order.Keys, n)
	}
	if !w.save(ctx) {
		return false
	}
	if err := w.s.leases.drop(ctx, over); err != nil && ctx.Err() == nil {
		slog.Warn("reservations not released; they end by themselves", "error", err)
	}
	return true
}

// tellBegun tells what is known of the last step before its end.
func (w *work) tellBegun(tasks []pcs.Task) {
	if len(w.order.Steps) > 1 || !underWay(tasks) {
		return
	}
	early := slices.Clone(w.order.Failed)
	for i := range tasks {
		if e, bad := errorOf(&tasks[i]); bad {
			early = append(early, e)
		}
	}
	w.s.mu.Lock()
	w.early = early
	w.s.mu.Unlock()
	select {
	case <-w.begun:
	default:
		close(w.begun)
	}
}

// supersede aborts what earlier orders still do to the components more gently,
// if that is all that they do: else PCS would refuse the force until they are
// over.
func (w *work) supersede(ctx context.Context) {
	for _, earlier := range w.s.under(w) {
		t, err := w.s.power.Describe(ctx, earlier.transition)
		if err != nil || t.TransitionStatus.Done() || t.Operation == pcs.ForceOff ||
			slices.ContainsFunc(t.Tasks, func(t pcs.Task) bool { return !t.TaskStatus.Done() && !slices.Contains(w.order.Names, t.Xname) }) {
			continue
		}
		slog.Info("a forced command supersedes a gentle one", "transition", earlier.transition)
		if err := w.s.power.Abort(ctx, earlier.transition); err != nil {
			slog.Warn("transition not aborted", "transition", earlier.transition, "error", err)
			continue
		}
		select {
		case <-earlier.finished:
		case <-ctx.Done():
		case <-time.After(abortPatience):
		}
	}
}

// same is a transition of an earlier order that does the same to all of the
// components, some of them not yet: PCS would refuse those a second one. So is
// a command whose answer was lost, and that its client sent again.
func (w *work) same(ctx context.Context) string {
	o := &w.order
	for _, earlier := range w.s.under(w) {
		t, err := w.s.power.Describe(ctx, earlier.transition)
		if err != nil || t.TransitionStatus.Done() || t.Operation != o.Steps[0] {
			continue
		}
		own := o.own(t.Tasks)
		if len(own) == len(o.Names) && slices.ContainsFunc(own, func(t pcs.Task) bool { return !t.TaskStatus.Done() }) {
			return earlier.transition
		}
	}
	return ""
}

// abortPatience is how long an aborted transition is waited for.
const abortPatience = 30 * time.Second

// earlier is an order before another one.
type earlier struct {
	transition string
	finished   chan struct{}
}

// under are the other orders under way, and what PCS does for them.
func (s *Service) under(w *work) (list []earlier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.works {
		if other != w && other.shown != "" {
			list = append(list, earlier{other.shown, other.finished})
		}
	}
	return list
}

func (w *work) save(ctx context.Context) bool {
	w.s.mu.Lock()
	w.shown = w.order.Transition
	w.s.mu.Unlock()
	return w.write(ctx, func(ctx context.Context) error { return w.s.orders.Put(ctx, w.order) })
}

// write repeats a write until it succeeds; false if the service stops before.
func (w *work) write(ctx context.Context, do func(context.Context) error) bool {
	for {
		err := do(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		slog.Error("power command not saved; will be repeated", "error", err)
		if !pause(ctx, retryPause) {
			return false
		}
	}
}

// pause waits; false if the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
