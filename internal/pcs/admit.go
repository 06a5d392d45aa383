package pcs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/xname"
)

// prepare finds the components and settles, before any request to a BMC, the
// tasks that cannot be done; it reserves the components of the others.
func (r *run) prepare(ctx context.Context) {
	components, ok := r.find(ctx)
	if !ok {
		return
	}
	poweredOn := map[string]bool{}
	var admitted []*task
	for _, t := range r.tasks {
		if t.TaskStatus.Done() {
			continue
		}
		if r.admit(t, components) && t.TaskStatus == TaskNew {
			admitted = append(admitted, t)
		}
		for i := range t.route {
			poweredOn[t.Xname] = poweredOn[t.Xname] || t.route[i].action == actOn
		}
	}
	for _, t := range r.tasks {
		t.patient = slices.ContainsFunc(ancestors(t.Xname), func(p string) bool { return poweredOn[p] })
	}
	r.reserve(ctx, admitted)
}

// find asks for the components of the tasks, until the deadline if HSM does
// not answer; false: nothing is left to do.
func (r *run) find(ctx context.Context) (map[string]*Component, bool) {
	var names []string
	var open []*task
	for _, t := range r.tasks {
		if !t.TaskStatus.Done() {
			open = append(open, t)
			if xname.TypeOf(t.Xname) != xname.Invalid {
				names = append(names, t.Xname)
			}
		}
	}
	var components map[string]*Component
	err := r.askHSM(ctx, open, func(ctx context.Context) (err error) {
		components, err = r.s.catalog.get(ctx, names)
		return err
	})
	if ctx.Err() != nil {
		return nil, false
	}
	if err != nil {
		for _, t := range open {
			r.finish(t, TaskFailed, FailureUnknown, "Unable to ask the Hardware State Manager", err.Error())
		}
	}
	return components, err == nil
}

// askHSM repeats ask until it succeeds or the time of a step is over; the open
// tasks tell what they wait for.
func (r *run) askHSM(ctx context.Context, open []*task, ask func(context.Context) error) error {
	deadline := r.s.now().Add(r.allowed())
	for try := 1; ; try++ {
		once, cancel := context.WithTimeout(ctx, hsmPatience)
		err := ask(once)
		cancel()
		left := deadline.Sub(r.s.now())
		if err == nil || ctx.Err() != nil || left <= 0 {
			return err
		}
		words := err.Error() + r.until(deadline)
		r.change(func() {
			for _, t := range open {
				t.TaskStatusDescription = words
			}
		})
		pause(ctx, min(backOff(try, 0, r.s.random()), left))
	}
}

// allowed is how long a step may take until its request is accepted.
func (r *run) allowed() time.Duration {
	if d, confirm := r.record.deadline(); confirm {
		return d
	}
	return shortDeadline
}

// admit gives the task its route and keeps other transitions off the
// component, or fails the task. What was in progress before a restart was
// admitted then.
func (r *run) admit(t *task, components map[string]*Component) bool {
	c := components[t.Xname]
	if status, failure, says := unfit(r.record.Operation, t.Xname, c); status != "" {
		r.finish(t, status, failure, says, "")
		return false
	}
	if !r.s.reserved.take(t.Xname, r.record.TransitionID) {
		r.refuse(t, "another transition drives the component")
		return false
	}
	t.component, t.route = c, routeOrAsk(r.record.Operation, c)
	r.change(func() { t.Step = min(t.Step, len(t.route)-1) }) // the hardware may offer less than before
	return true
}

// reserve reserves the components in HSM, all with few calls, and begins the
// tasks of those that it got.
func (r *run) reserve(ctx context.Context, admitted []*task) {
	if len(admitted) == 0 {
		return
	}
	deputies := make(map[string]string, len(admitted))
	for _, t := range admitted {
		deputies[t.Xname] = t.DeputyKey
	}
	var refused map[string]string
	err := r.askHSM(ctx, admitted, func(ctx context.Context) (err error) {
		refused, err = r.s.leases.take(ctx, deputies)
		return err
	})
	if ctx.Err() != nil {
		return
	}
	for _, t := range admitted {
		why, no := refused[t.Xname]
		switch {
		case err != nil:
			r.refuse(t, err.Error())
		case no:
			r.refuse(t, why)
		default:
			r.note(t, "power", false, "power %s requested (transition %s)", r.record.Operation, r.record.TransitionID)
			r.change(func() { t.TaskStatus, t.TaskStatusDescription = TaskInProgress, "Waiting" })
		}
	}
}

func (r *run) refuse(t *task, why string) {
	says := saysNotReserved
	if why == saysBadDeputy {
		says = saysBadKey
	}
	r.note(t, "power", true, "power %s refused: %s (transition %s)", r.record.Operation, why, r.record.TransitionID)
	r.finish(t, TaskFailed, FailureReserved, says, why)
}

func (r *run) note(t *task, kind string, failed bool, format string, args ...any) {
	r.s.journal.Note(journal.Entry{Node: t.Xname, Time: r.s.now(), Source: "pcs", Kind: kind,
		Text: fmt.Sprintf(format, args...), Failed: failed})
}
