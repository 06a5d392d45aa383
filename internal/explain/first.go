package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

// firstKind is the journal's kind of the lines of sessions of BOS v1.
const firstKind = "v1"

// first is a session of BOS v1, as far as it is about the node.
type first struct {
	id, operation string
	phases        []phase
	// has: the session has the node still.
	has bool
	// last is its last line on the node, ended how it let the node go.
	last  time.Time
	ended string
}

// phase is where the node stands in a part of the session, and why.
type phase struct {
	name, category, why string
	since               time.Time
}

// The categories of a phase that are told apart.
const (
	inProgress = "in progress"
	succeeded  = "succeeded"
	excluded   = "excluded"
)

// takes tells which operation a line begins with which a session of v1 takes
// the node.
func takes(e *journal.Entry) (operation string, is bool) {
	_, rest, found := strings.Cut(e.Text, " takes the node: ")
	operation, _, _ = strings.Cut(rest, " of boot set ")
	return operation, found && e.Kind == firstKind
}

// follow adds a line.
func (s *first) follow(e *journal.Entry) {
	s.last = e.Time
	rest, is := strings.CutPrefix(e.Text, "phase ")
	if !is {
		s.ended = e.Text
		return
	}
	parts := strings.SplitN(rest, ": ", 3)
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	p := phase{parts[0], parts[1], parts[2], e.Time}
	at := slices.IndexFunc(s.phases, func(o phase) bool { return o.name == p.name })
	if at < 0 {
		s.phases = append(s.phases, p)
		return
	}
	if p.why == "" && p.category == s.phases[at].category {
		p.why = s.phases[at].why
	}
	s.phases[at] = p
}

// order is that of the phases; a node is told to be configured before it boots,
// so that the journal has them in another. Own are those that an operation
// always has.
var (
	order = []string{"shutdown", "boot", "configure"}
	own   = map[string][]string{"shutdown": {"shutdown"}, "boot": {"boot"}, "reboot": {"shutdown", "boot"}, "configure": {"configure"}}
)

// at is the phase that says where the node stands: the first one in which it
// did not succeed, else the last. Nil if nothing is known.
func (s *first) at() (last *phase) {
	for _, name := range order {
		p := &phase{name: name, category: "not started"}
		at := slices.IndexFunc(s.phases, func(p phase) bool { return p.name == name })
		switch {
		case at >= 0:
			p = &s.phases[at]
		case !slices.Contains(own[s.operation], name):
			continue
		}
		if p.category != succeeded {
			return p
		}
		last = p
	}
	return last
}

// leftOut tells whether the session did nothing to the node.
func (s *first) leftOut() bool { p := s.at(); return p != nil && p.category == excluded }

func (s *first) name() string { return "session " + s.id + " of BOS v1" }

// first is the session of v1 that has the node, or that moved it last, nil if
// version 2 did or nobody. A node that v2 works on and that waits for the
// session is v2's to tell of.
func (f *Facts) first() *first {
	var sessions []*first
	var moved time.Time // by version 2
	for i := range f.Journal {
		e := &f.Journal[i]
		if operation, is := takes(e); is {
			sessions = append(sessions, &first{id: e.Session, operation: operation, last: e.Time})
			continue
		}
		if e.Kind == firstKind && !strings.HasPrefix(e.Text, "left out") {
			for _, s := range slices.Backward(sessions) {
				if s.id == e.Session {
					s.follow(e)
					break
				}
			}
		}
		if e.Kind == "status" && strings.Contains(e.Text, " -> ") {
			moved = e.Time
		}
	}
	if id := f.Component.V1Session; id != "" {
		at := slices.IndexFunc(sessions, func(s *first) bool { return s.id == id })
		if at < 0 { // the journal does not go back so far
			sessions, at = append(sessions, &first{id: id}), len(sessions)
		}
		sessions[at].has = true
		if !sessions[at].leftOut() {
			return sessions[at]
		}
	}
	for _, s := range slices.Backward(sessions) {
		if s.leftOut() {
			continue
		}
		if s.last.Before(moved) {
			return nil
		}
		return s
	}
	return nil
}

// byFirst tells of a node that a session of v1 has, or moved last. It reports
// whether there is more to it than what version 2 knows.
func (f *Facts) byFirst(a *account) bool {
	s := f.first()
	status := f.Component.Status.Status
	switch {
	case s == nil:
		return false
	case s.has && f.Component.Enabled && status == "on_hold":
		a.is(Moving, "waits for "+s.name()+", which has the node until it ends: "+s.stands()+".")
		a.advise("All that its agent says of the session's boot sets:  drover watch %s", s.id)
	case s.has && f.Component.Enabled && status != "stable" && status != "failed":
		a.say("%s has the node until it ends: %s.", upperFirst(s.name()), s.stands())
		return false
	case s.has:
		f.hasFirst(a, s)
	case s.operation == "configure" && s.done() && f.Component.DesiredState.BootArtifacts.Kernel != "":
		a.say("%s configured it, and ended %s ago.", upperFirst(s.name()), span(f.Now.Sub(s.last)))
		return false
	default:
		f.wasFirst(a, s)
	}
	return true
}

// done tells whether the node succeeded in all phases that there were.
func (s *first) done() bool { p := s.at(); return p != nil && p.category == succeeded }

// stands is where the node is in the session.
func (s *first) stands() string {
	p := s.at()
	if p == nil {
		return "it is on its way"
	}
	return s.operation + ", phase " + p.name + " " + p.category
}

// hasFirst tells of a node that a session has now.
func (f *Facts) hasFirst(a *account, s *first) {
	p := s.at()
	if p != nil && p.category == "failed" {
		a.is(Failed, "failed in phase "+p.name+" of "+s.name()+" ("+s.operation+").")
		f.whyFirst(a, s, p)
		a.say("The session has the node until it ends.")
		return
	}
	a.is(Moving, "is in "+s.name()+": "+s.stands()+".")
	if !s.last.IsZero() {
		a.say("The last that was told of it is %s old.", span(f.Now.Sub(s.last)))
	}
	if p != nil && p.name == "configure" && p.category == inProgress && f.Config != nil {
		f.run(a)
		if f.Config.ErrorCount > 0 {
			f.whyFailed(a)
		}
	}
	a.advise("All that its agent says of the session's boot sets:  drover watch %s", s.id)
}

// whyFirst says why the node failed.
func (f *Facts) whyFirst(a *account, s *first, p *phase) {
	if p.why != "" {
		a.why = upperFirst(p.why)
		a.say("%s", a.why)
	}
	if words := f.panicked(); words != "" {
		a.say("On its console: %s", words)
	}
	if p.name == "configure" && f.Config != nil && f.Config.ConfigurationStatus == "failed" {
		f.whyFailed(a)
	}
	if f.Power != nil && f.Power.ManagementState == "unavailable" {
		a.advise("Its BMC does not answer: check its network and power first.")
	}
	a.advise("When the cause is gone, try again:  drover bos v1 session create --template-uuid T --operation %s --limit %s", s.operation, f.Node)
}

// wasFirst tells of a node that a session moved last and has no more.
func (f *Facts) wasFirst(a *account, s *first) {
	defer func() {
		a.say("%s (%s) let it go %s ago: %s.", upperFirst(s.name()), s.operation, span(f.Now.Sub(s.last)), s.ended)
	}()
	p := s.at()
	switch {
	case p == nil:
		a.is(Unknown, "was in "+s.name()+"; what became of it is not known.")
	case p.category == "failed" && p.name == "configure" && f.configuredSince(p.since) && f.powered("on"):
		a.is(Good, "is as it should be: it was configured after "+s.name()+" had failed.")
	case p.category == "failed":
		a.is(Failed, "failed in phase "+p.name+" of "+s.name()+".")
		f.whyFirst(a, s, p)
	case p.category != succeeded:
		a.is(Wrong, "was left in phase "+p.name+" ("+p.category+") by "+s.name()+".")
	case s.operation == "shutdown":
		a.is(Good, "is off, as "+s.name()+" had it shut down.")
		if _, again := f.scriptAfter(s.last); again {
			a.is(Good, "is off; it was started again after "+s.name()+" had shut it down.")
		}
		if !f.powered("off") {
			a.is(Unknown, "was shut down by "+s.name()+"; whether it is off, the power service cannot tell.")
		}
		if f.powered("on") {
			a.is(Wrong, "is on; "+s.name()+" had shut it down.")
		}
	default:
		f.bootedFirst(a, s)
	}
}

// configuredSince tells whether the node is configured, and was not yet at the
// time: CFS tells when a layer was applied to the second.
func (f *Facts) configuredSince(t time.Time) bool {
	return f.Config != nil && f.Config.ConfigurationStatus == "configured" && slices.ContainsFunc(f.Config.State, func(l Layer) bool {
		at, is := parsed(l.LastUpdated)
		return is && !at.Before(t.Truncate(time.Second))
	})
}

// bootedFirst tells of a node that a session booted, or configured: that may
// be undone by now.
func (f *Facts) bootedFirst(a *account, s *first) {
	did := "was booted by " + s.name()
	if s.operation == "configure" {
		did = "was configured by " + s.name()
	}
	switch ago, again := f.scriptAfter(s.last); {
	case f.powered("off"):
		a.is(Wrong, "is off; it "+did+".")
		a.say("It lost its power, or somebody turned it off: the session did not.")
	case !f.powered("on"):
		a.is(Unknown, did+"; the power service cannot tell whether it is on.")
	case again:
		a.is(Unknown, fmt.Sprintf("started again %s ago; before, it %s.", span(ago), did))
	default:
		f.configured(a, did, "")
		if a.verdict == Good {
			a.headline = did + ", and is as it should be."
		}
	}
}

// scriptAfter tells how long ago the node got its last boot script, if it got
// one after the time.
func (f *Facts) scriptAfter(t time.Time) (ago time.Duration, is bool) {
	for _, e := range slices.Backward(f.Journal) {
		if e.Kind == "boot-script" && !e.Failed {
			return f.Now.Sub(e.Time), e.Time.After(t)
		}
	}
	return 0, false
}
