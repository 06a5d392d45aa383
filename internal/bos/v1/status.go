package v1

import (
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// The phases of a boot set. The last one names, in an update, the boot set
// itself; the empty text does too.
const (
	PhaseShutdown  = "shutdown"
	PhaseBoot      = "boot"
	PhaseConfigure = "configure"
	wholeBootSet   = "boot_set"
)

// The categories of a phase. Each node is in one of them.
const (
	NotStarted = "not_started"
	Succeeded  = "succeeded"
	Failed     = "failed"
	Excluded   = "excluded"
	InProgress = "in_progress"
)

// categories are in the published order.
var categories = []string{NotStarted, Succeeded, Failed, Excluded, InProgress}

// BootSetStatus is how far a boot set of a session is.
type BootSetStatus struct {
	Session string  `json:"session"`
	Name    string  `json:"name"`
	Phases  []Phase `json:"phases"`
	Times
}

// Phase is how far one part of the operation is.
type Phase struct {
	Name       string              `json:"name"`
	Categories map[string][]string `json:"categories"`       // nodes, sorted
	Errors     map[string][]string `json:"errors,omitempty"` // message ─► nodes
	Times
}

// NewBootSetStatus has all nodes in not_started of each phase.
func NewBootSetStatus(session, name string, phases, nodes []string) BootSetStatus {
	b := BootSetStatus{Session: session, Name: name}
	for _, p := range phases {
		b.Phases = append(b.Phases, Phase{Name: p, Categories: map[string][]string{NotStarted: slices.Sorted(slices.Values(nodes))}})
	}
	return b
}

// Nodes are those that the boot set's status names in any phase.
func (b *BootSetStatus) Nodes() []string {
	all := map[string]bool{}
	for i := range b.Phases {
		for _, list := range b.Phases[i].Categories {
			for _, n := range list {
				all[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// copy shares nothing with the boot set's status that a change alters.
func (b *BootSetStatus) copy() BootSetStatus {
	out := *b
	out.Phases = slices.Clone(b.Phases)
	for i := range out.Phases {
		p := &out.Phases[i]
		p.Categories, p.Errors = lists(p.Categories), lists(p.Errors)
	}
	return out
}

func lists(of map[string][]string) map[string][]string {
	out := make(map[string][]string, len(of))
	for name, list := range of {
		out[name] = slices.Clone(list)
	}
	return out
}

// phase finds a phase by its name in any letter case.
func (b *BootSetStatus) phase(name string) *Phase {
	for i := range b.Phases {
		if strings.EqualFold(b.Phases[i].Name, name) {
			return &b.Phases[i]
		}
	}
	return nil
}

// Move puts the nodes into the category, out of whichever they were in.
func (p *Phase) Move(category string, nodes []string) {
	moved := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		moved[n] = true
	}
	if p.Categories == nil {
		p.Categories = map[string][]string{}
	}
	for name, list := range p.Categories {
		p.Categories[name] = slices.DeleteFunc(list, func(n string) bool { return moved[n] })
	}
	p.Categories[category] = slices.Sorted(slices.Values(append(p.Categories[category], slices.Collect(maps.Keys(moved))...)))
}

// Blame adds the nodes to those that the message is about.
func (p *Phase) Blame(message string, nodes []string) {
	if p.Errors == nil {
		p.Errors = map[string][]string{}
	}
	all := append([]string{}, p.Errors[message]...) // a list even of none
	all = append(all, nodes...)
	slices.Sort(all)
	p.Errors[message] = slices.Compact(all)
}

// Exclude takes nodes out of every phase, because of what the message says.
func (b *BootSetStatus) Exclude(message string, nodes []string) {
	for i := range b.Phases {
		b.Phases[i].Move(Excluded, nodes)
		b.Phases[i].Blame(message, nodes)
	}
}

// Abandon ends what is under way or was not begun, because of what the message
// says: those nodes did not get there.
func (b *BootSetStatus) Abandon(message, at string) {
	for i := range b.Phases {
		p := &b.Phases[i]
		if left := slices.Concat(p.Categories[NotStarted], p.Categories[InProgress]); len(left) > 0 {
			p.Move(Failed, left)
			p.Blame(message, left)
		}
		p.tell(Times{Stop: at})
	}
	b.tell(Times{Stop: at})
}

// Progress sums up a phase, a boot set or a session.
type Progress struct {
	InProgress, Complete bool
	Errors               int
}

// Progress: a phase is complete when no node is under way or not begun. An
// error that is about no node known by name counts, too.
func (p *Phase) Progress() Progress {
	sum := Progress{InProgress: len(p.Categories[InProgress]) > 0, Errors: len(p.Categories[Failed]),
		Complete: len(p.Categories[InProgress])+len(p.Categories[NotStarted]) == 0}
	for _, nodes := range p.Errors {
		if len(nodes) == 0 {
			sum.Errors++
		}
	}
	return sum
}

// Progress: a boot set is complete when all its phases are.
func (b *BootSetStatus) Progress() Progress {
	sum := Progress{Complete: true}
	for i := range b.Phases {
		p := b.Phases[i].Progress()
		sum.InProgress = sum.InProgress || p.InProgress
		sum.Complete = sum.Complete && p.Complete
		sum.Errors += p.Errors
	}
	return sum
}

// Progress: a session is complete when it has been stopped.
func (s *Session) Progress(sets []BootSetStatus) Progress {
	sum := Progress{Complete: s.Over(), InProgress: !s.Over()}
	for i := range sets {
		sum.Errors += sets[i].Progress().Errors
	}
	return sum
}

// Update is one change of a boot set's status.
type Update struct {
	// Phase is the phase meant; empty or boot_set: the boot set itself, for
	// times alone.
	Phase string
	// Nodes go to the category Destination, out of whichever they are in.
	// Source is where the caller takes them to be.
	Nodes               []string
	Source, Destination string
	// Errors are messages and the nodes that they are about.
	Errors map[string][]string
	Times
}

// Apply makes the change.
func (b *BootSetStatus) Apply(u Update) error {
	if u.Phase == "" || strings.EqualFold(u.Phase, wholeBootSet) {
		if u.Destination != "" || u.Errors != nil {
			return fault.New(fault.Invalid, "phase '%s': expected %s", u.Phase, strings.Join(b.names(), ", "))
		}
		b.tell(u.Times)
		return nil
	}
	p := b.phase(u.Phase)
	if p == nil {
		return fault.New(fault.NotFound, "boot set '%s' has no phase '%s', only %s", b.Name, u.Phase, strings.Join(b.names(), ", "))
	}
	if u.Destination != "" {
		p.Move(strings.ToLower(u.Destination), u.Nodes)
	}
	for message, nodes := range u.Errors {
		p.Blame(message, nodes)
	}
	p.tell(u.Times)
	return nil
}

func (b *BootSetStatus) names() (out []string) {
	for i := range b.Phases {
		out = append(out, b.Phases[i].Name)
	}
	return out
}
