package capmc

import (
	"cmp"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/xname"
)

// Command is what is done to components.
type Command string

// The commands, in the words of answers.
const (
	On     Command = "On"
	Off    Command = "Off"
	Reinit Command = "Reinit"
)

// steps are the operations that carry out a command, one after the other.
func (c Command) steps(force bool) []pcs.Operation {
	switch {
	case c == On:
		return []pcs.Operation{pcs.On}
	case c == Off && force:
		return []pcs.Operation{pcs.ForceOff}
	case c == Off:
		return []pcs.Operation{pcs.Off}
	case force:
		return []pcs.Operation{pcs.ForceOff, pcs.On}
	}
	return []pcs.Operation{pcs.Off, pcs.On}
}

// order is a command under way, as it is stored.
type order struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Command Command   `json:"command"`
	Force   bool      `json:"force,omitempty"`
	// Steps are left, the first of them under way.
	Steps []pcs.Operation `json:"steps"`
	// Names are those for which there are steps left.
	Names []string `json:"names"`
	// Keys are of the reservations that the order still needs, of descendants
	// too.
	Keys map[string]Keys `json:"keys"`
	// Transition is PCS's for the first step; empty until PCS was told.
	Transition string       `json:"transition,omitempty"`
	Failed     []XnameError `json:"failed,omitempty"`
}

// own are the tasks of the order's components: its transition may be an earlier
// order's too.
func (o *order) own(tasks []pcs.Task) []pcs.Task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t pcs.Task) bool { return !slices.Contains(o.Names, t.Xname) })
}

// over are the keys that nothing needs any more that is left to do: in the last
// step, those of what is not, and is not below, a component under way.
func (o *order) over(tasks []pcs.Task) map[string]Keys {
	if len(o.Steps) > 1 {
		return nil
	}
	done := map[string]bool{}
	for i := range tasks {
		done[tasks[i].Xname] = tasks[i].TaskStatus.Done()
	}
	busy := slices.DeleteFunc(slices.Clone(o.Names), func(n string) bool { return done[n] })
	over := map[string]Keys{}
	for k, keys := range o.Keys {
		if !slices.ContainsFunc(busy, func(n string) bool { return xname.Within(k, n) }) {
			over[k] = keys
		}
	}
	return over
}

// outcome takes what became of a transition: who failed is left out of the
// steps to come.
func (o *order) outcome(tasks []pcs.Task) {
	for _, t := range tasks {
		if e, bad := errorOf(&t); bad {
			o.Failed = append(o.Failed, e)
			o.Names = slices.DeleteFunc(o.Names, func(n string) bool { return n == t.Xname })
		}
	}
}

// fail ends the order for all that are left.
func (o *order) fail(e int, words string) {
	for _, n := range o.Names {
		o.Failed = append(o.Failed, XnameError{n, e, words})
	}
	o.Names, o.Steps = nil, nil
}

// errorOf is what an answer says of a task that failed.
func errorOf(t *pcs.Task) (e XnameError, bad bool) {
	switch t.TaskStatus {
	case pcs.TaskFailed:
		code := failed
		if t.Failure == pcs.FailureReserved {
			code = noLock
		}
		return XnameError{t.Xname, code, cmp.Or(t.Error, t.TaskStatusDescription)}, true
	case pcs.TaskUnsupported:
		return XnameError{t.Xname, failed, cmp.Or(t.Error, t.TaskStatusDescription, "the component has no power control")}, true
	}
	return e, false
}

// underWay tells whether PCS has begun with every component.
func underWay(tasks []pcs.Task) bool {
	return !slices.ContainsFunc(tasks, func(t pcs.Task) bool { return t.TaskStatus == pcs.TaskNew })
}
