package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// Rule is what must never happen.
type Rule string

// The rules.
const (
	Causeless    Rule = "forced off without a cause"
	Untold       Rule = "forced off and not told"
	Unnamed      Rule = "forced off and not in the session's status"
	Repeated     Rule = "repeated for no reason"
	Blind        Rule = "repeated after a kill without a look at the power"
	AfterOutcome Rule = "asked for after the outcome was told"
	Late         Rule = "off after a later transition's on"
	Open         Rule = "a session without an end"
	Unmarked     Rule = "configured without the playbook's last mark"
	Forgotten    Rule = "told and not there any more"
)

// Violation is one breach of a rule.
type Violation struct {
	Rule  Rule
	What  string // node or session
	Words string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.What, v.Rule, v.Words) }

// judge returns all breaches, ordered by rule and by what they happened to.
func judge(e Evidence) (found []Violation) {
	tasks, requests := tasksByNode(e.Tasks), byNode(e.Requests)
	for _, node := range slices.Sorted(maps.Keys(requests)) {
		list := requests[node]
		found = append(found, causeless(list, e.OffWait)...)
		found = append(found, untold(list, e.Notes)...)
		found = append(found, repeated(list, tasks[node], e.Kills)...)
		found = append(found, afterOutcome(list, tasks[node])...)
		found = append(found, late(list, tasks[node])...)
	}
	found = append(found, unnamed(e.Notes, e.Sessions)...)
	found = append(found, open(e.Sessions)...)
	found = append(found, unmarked(e.Configured)...)
	found = append(found, forgotten(e.Facts)...)
	slices.SortStableFunc(found, func(a, b Violation) int { return cmp.Compare(a.Rule, b.Rule) })
	return found
}

// causeless: since the node was last turned on, a graceful request must have
// been accepted, or refused in words, wait ago; or the BMC said that it cannot.
func causeless(list []Request, wait time.Duration) (found []Violation) {
	var asked, refused time.Time
	var cannot bool
	for _, r := range list {
		switch {
		case r.Type == bmc.ResetOn && r.accepted() && r.Before == bmc.Off:
			asked, refused, cannot = time.Time{}, time.Time{}, false
		case r.Type == bmc.GracefulShutdown && r.accepted():
			asked = earliest(asked, r.Time)
		case r.Type == bmc.GracefulShutdown && r.Answer == sim.Refused:
			refused = earliest(refused, r.Time)
			cannot = cannot || r.Cannot
		case r.Type == bmc.ForceOff && !cannot && !passed(asked, r.Time, wait) && !passed(refused, r.Time, wait):
			found = append(found, Violation{Causeless, r.Node, fmt.Sprintf("ForceOff at %s; graceful request accepted %s, refused %s; the wait is %s",
				clock(r.Time), clock(asked), clock(refused), wait)})
		}
	}
	return found
}

// earliest keeps the first time.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func passed(since, now time.Time, wait time.Duration) bool {
	return !since.IsZero() && now.Sub(since) >= wait
}

// tellWithin is how far from the BMC's acceptance the journal's line may be.
const tellWithin = time.Minute

// untold: a power-off that was forced on a running node stands in its journal.
func untold(list []Request, notes []Note) (found []Violation) {
	for _, r := range list {
		if r.Type != bmc.ForceOff || !r.accepted() || r.Before == bmc.Off {
			continue
		}
		if !slices.ContainsFunc(notes, func(n Note) bool { return n.Forced && n.Node == r.Node && n.Time.Sub(r.Time).Abs() <= tellWithin }) {
			found = append(found, Violation{Untold, r.Node, "ForceOff at " + clock(r.Time) + " is not in the journal"})
		}
	}
	return found
}

// unnamed: the status of the session that a node was forced off in names it.
func unnamed(notes []Note, sessions []Session) (found []Violation) {
	for _, n := range notes {
		if !n.Forced || n.Session == "" {
			continue
		}
		var its Session
		if i := slices.IndexFunc(sessions, func(s Session) bool { return s.Service == "BOS" && s.Name == n.Session }); i >= 0 {
			its = sessions[i]
		}
		if !slices.Contains(its.Forced, n.Node) {
			found = append(found, Violation{Unnamed, n.Node, fmt.Sprintf("the journal tells of it at %s, the status of session %s does not", clock(n.Time), n.Session)})
		}
	}
	return found
}

// repeated: the same request is accepted twice in a row only for a new
// transition, or because the server died in between; then the node's power was
// read before it was asked again.
func repeated(list []Request, tasks []Task, kills []time.Time) (found []Violation) {
	for _, r := range repeats(list, tasks, kills) {
		switch {
		case r.kill.IsZero():
			found = append(found, Violation{Repeated, r.Node, fmt.Sprintf("%s at %s and again at %s, by no new transition and without a kill between",
				r.Type, clock(r.first), clock(r.Time))})
		case !r.Read.After(r.kill):
			found = append(found, Violation{Blind, r.Node, fmt.Sprintf("%s at %s and, after a kill at %s, again at %s; the power was last read at %s",
				r.Type, clock(r.first), clock(r.kill), clock(r.Time), clock(r.Read))})
		}
	}
	return found
}

// repeat is a request that was accepted although the same one had been before
// it, by no new transition.
type repeat struct {
	Request
	first time.Time
	kill  time.Time // the last one between the two; zero for none
}

func repeats(list []Request, tasks []Task, kills []time.Time) (found []repeat) {
	var before Request
	for _, r := range list {
		if !r.accepted() {
			continue
		}
		asked := func(t Task) bool { return t.asksFor(r.Type) && t.Created.After(before.Time) }
		if _, anew := newest(tasks, r.Time, asked); r.Type == before.Type && !anew {
			found = append(found, repeat{r, before.Time, lastWithin(kills, before.Time, r.Time)})
		}
		before = r
	}
	return found
}

// lastWithin is the last of the times from one to another, zero if there is none.
func lastWithin(times []time.Time, from, to time.Time) (last time.Time) {
	for _, t := range times {
		if !t.Before(from) && !t.After(to) && t.After(last) {
			last = t
		}
	}
	return last
}

// afterOutcome: who asks a BMC does so for a transition whose task is not yet
// told to be over. A newer one may have ended before, because the component
// was the older one's.
func afterOutcome(list []Request, tasks []Task) (found []Violation) {
	for _, r := range list {
		over := func(t Task) bool { return !t.Told.IsZero() && t.Told.Before(r.Time) }
		if _, ok := newest(tasks, r.Time, func(t Task) bool { return t.asksFor(r.Type) && !over(t) }); ok {
			continue
		}
		t, ok := newest(tasks, r.Time, func(t Task) bool { return t.asksFor(r.Type) })
		if !ok {
			found = append(found, Violation{AfterOutcome, r.Node, fmt.Sprintf("%s at %s, which no transition asked for", r.Type, clock(r.Time))})
			continue
		}
		found = append(found, Violation{AfterOutcome, r.Node, fmt.Sprintf("%s at %s, by transition %s, which was told to be over at %s",
			r.Type, clock(r.Time), t.Transition, clock(t.Told))})
	}
	return found
}

// late: no transition turns off what a newer one has turned on.
func late(list []Request, tasks []Task) (found []Violation) {
	var on Request // the last one that was accepted
	for _, r := range list {
		if r.Type == bmc.ResetOn && r.accepted() {
			on = r
		}
		if !r.turnsOff() || on.Time.IsZero() {
			continue
		}
		off, hasOff := newest(tasks, r.Time, func(t Task) bool { return t.asksFor(r.Type) })
		up, hasUp := newest(tasks, on.Time, func(t Task) bool { return t.asksFor(bmc.ResetOn) })
		if hasOff && hasUp && off.Created.Before(up.Created) {
			found = append(found, Violation{Late, r.Node, fmt.Sprintf("%s at %s by transition %s of %s, after %s of %s turned it on at %s",
				r.Type, clock(r.Time), off.Transition, clock(off.Created), up.Transition, clock(up.Created), clock(on.Time))})
		}
	}
	return found
}

// open: each session ends.
func open(sessions []Session) (found []Violation) {
	for _, s := range sessions {
		if s.Status != "complete" {
			found = append(found, Violation{Open, s.Service + " session " + s.Name, "it is " + s.Status})
		}
	}
	return found
}

// unmarked: who is called configured holds what the last task wrote.
func unmarked(disks []Disk) (found []Violation) {
	for _, d := range disks {
		if d.Found != d.Wanted {
			found = append(found, Violation{Unmarked, d.Node, fmt.Sprintf("its disk says %q instead of %q", d.Found, d.Wanted)})
		}
	}
	return found
}

// forgotten: what a client was told is told to the next one.
func forgotten(facts []Fact) (found []Violation) {
	for _, f := range facts {
		if f.Later != f.Told {
			found = append(found, Violation{Forgotten, f.What, fmt.Sprintf("told %q, later %q", f.Told, f.Later)})
		}
	}
	return found
}

// clock is a time of day, to the millisecond.
func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.000")
}
