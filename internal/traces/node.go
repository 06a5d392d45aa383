package traces

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/journal"
)

// What became of a node in a session.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	// Taken: another session has it, or somebody moved it by hand.
	Taken = "taken"
	// Unfinished: it was on its way when the session ended.
	Unfinished = "unfinished"
	// Unknown: the journal has nothing of it, or no more.
	Unknown = "unknown"
)

// The phases of a node's way.
const (
	powerOff      = "power-off"
	powerOn       = "power-on"
	boot          = "boot"
	configuration = "configuration"
)

// phases are those that begin with a status. From power-on to boot there is no change
// of status: whatever shows first that the node starts ends the one.
var phases = map[string]string{
	bos.StatusPowerOffPending: powerOff, bos.StatusPowerOffGently: powerOff, bos.StatusPowerOffHard: powerOff,
	bos.StatusPowerOnPending: powerOn, bos.StatusPowerOnCalled: powerOn, bos.StatusConfiguring: configuration,
}

// Spans are those of a node below the session's.
func Spans(root *Span, s *bos.Session, n Node) []Span {
	entries, taken := own(n.Entries, s)
	t := telling{node: n.Name, outcome: Unknown}
	start, end := root.Start, root.End
	if len(entries) > 0 {
		start, end, t.outcome = entries[0].Time, entries[len(entries)-1].Time, Unfinished
	}
	t.spans = []Span{root.child(n.Name, n.Name, start)}
	for i := range entries {
		t.follow(&entries[i])
	}
	t.leave(end)
	if taken && t.outcome == Unfinished {
		t.outcome = Taken
	}
	span := t.at(here)
	span.End = end
	span.set("drover.node.xname", n.Name)
	span.set("drover.node.outcome", t.outcome)
	span.set("drover.node.power_on_attempts", t.attempts)
	if n.More {
		span.set("drover.node.story_cut", true)
	}
	if t.outcome == Failed {
		span.fail(t.trouble)
	}
	return t.spans
}

// own are the entries that belong to the session: from where it took the node to where
// the node came to rest, or somebody else took it.
func own(list []journal.Entry, s *bos.Session) (entries []journal.Entry, taken bool) {
	is := func(e journal.Entry) bool { return e.Kind == "status" && e.Session == s.Name }
	first := slices.IndexFunc(list, is)
	if first < 0 {
		return nil, false
	}
	list = list[first:]
	last := slices.IndexFunc(list, func(e journal.Entry) bool { return e.Kind == "status" && e.Session != s.Name })
	if taken = last >= 0; taken {
		list = list[:last]
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !is(list[i]) {
			continue
		}
		if _, to, _ := change(list[i].Text); to == bos.StatusStable || to == bos.StatusFailed {
			return list[:i+1], taken
		}
		break
	}
	return list, taken
}

// change is the change of status that a line tells of, and the words behind it; to is
// empty if the status stayed.
func change(text string) (from, to, words string) {
	from, rest, moved := strings.Cut(text, " -> ")
	if !moved || strings.ContainsAny(from, " :") {
		return "", "", text
	}
	to, words, _ = strings.Cut(rest, ": ")
	return from, to, words
}

// here is the place of the node's span, none of one that is not open.
const (
	here = 0
	none = 0
)

// telling is a node's story as far as it is told.
type telling struct {
	node  string
	spans []Span // the node's first
	// phase and call are the places of the spans that are open: a phase of the way, a call
	// of PCS; run is that of the last session of CFS.
	phase, call, run int

	outcome, trouble string
	attempts         int
}

func (t *telling) at(i int) *Span { return &t.spans[i] }

// within is the span of what happens now.
func (t *telling) within() *Span { return t.at(t.phase) }

// open begins a span below another one.
func (t *telling) open(below *Span, name string, start time.Time) (place int) {
	t.spans = append(t.spans, below.child(t.node, name, start))
	return len(t.spans) - 1
}

// enter begins a phase, unless it is the one that the node is in.
func (t *telling) enter(name string, at time.Time) {
	if t.phase != none && t.within().Name == name {
		return
	}
	t.leavePhase(at)
	t.phase = t.open(t.at(here), name, at)
}

func (t *telling) leavePhase(at time.Time) {
	if t.phase != none {
		t.within().until(at)
	}
	t.phase = none
}

// leave ends what is open.
func (t *telling) leave(at time.Time) {
	t.endCall(at)
	t.leavePhase(at)
}

func (t *telling) endCall(at time.Time) {
	if t.call == none {
		return
	}
	call := t.at(t.call)
	call.until(at)
	for i := range t.spans { // the node may start before PCS sees it on
		if t.spans[i].ID == call.Parent {
			t.at(i).until(at)
		}
	}
	t.call = none
}

func (t *telling) follow(e *journal.Entry) {
	switch {
	case e.Kind == "status":
		t.status(e)
	case e.Source == "pcs" && t.pcs(e):
	case e.Source == "cfs" && e.Session != "":
		t.configured(e)
	case e.Kind == "boot-script" && !e.Failed && t.phase != none && t.within().Name == powerOn:
		t.enter(boot, e.Time)
		note(t.within(), e)
	default:
		note(t.within(), e)
	}
}

// status follows a change of status, or an error that did not change it.
func (t *telling) status(e *journal.Entry) {
	_, to, words := change(e.Text)
	if e.Failed && words != "" {
		t.trouble = words
	}
	switch to {
	case "":
	case bos.StatusStable:
		t.outcome = Succeeded
	case bos.StatusFailed:
		t.outcome = Failed
		if t.phase != none {
			t.within().fail(t.trouble)
		}
	default:
		t.outcome = Unfinished
		if to == bos.StatusPowerOnCalled {
			t.attempts++
		}
	}
	phase, begins := phases[to]
	inVain := begins && e.Failed && t.phase != none && t.within().Name != phase
	if inVain { // it is of the phase that it ends
		t.within().fail(words)
		note(t.within(), e)
	}
	if begins {
		t.enter(phase, e.Time)
	}
	if !inVain {
		note(t.within(), e)
	}
	if t.outcome == Succeeded || t.outcome == Failed {
		t.leave(e.Time)
	}
}

var requested = regexp.MustCompile(`^power (\S+) requested \(transition (\S+)\)$`)

// pcs follows a call of PCS. What belongs to none is not told here.
func (t *telling) pcs(e *journal.Entry) bool {
	if m := requested.FindStringSubmatch(e.Text); m != nil {
		t.endCall(e.Time)
		t.call = t.open(t.within(), "PCS "+m[1], e.Time)
		t.at(t.call).set("drover.pcs.transition", m[2])
		return true
	}
	if t.call == none {
		return false
	}
	call := t.at(t.call)
	note(call, e)
	switch {
	case e.Kind == "power" && e.Failed:
		call.fail(e.Text)
		t.endCall(e.Time)
	case e.Kind == "bmc-answer" && !e.Failed && strings.HasPrefix(e.Text, "BMC reports power "):
		t.endCall(e.Time)
		if t.phase != none && t.within().Name == powerOn {
			t.enter(boot, e.Time)
		}
	}
	return true
}

// configured follows a session of CFS. One that is not of the phase of configuration
// began before, and may go on whatever happens to the node.
func (t *telling) configured(e *journal.Entry) {
	if t.run == none || !slices.Contains(t.at(t.run).Attributes, Attribute{"drover.cfs.session", e.Session}) {
		below := t.at(here)
		if t.within().Name == configuration {
			below = t.within()
		}
		t.run = t.open(below, "CFS session", e.Time)
		t.at(t.run).set("drover.cfs.session", e.Session)
	}
	run := t.at(t.run)
	note(run, e)
	run.until(e.Time)
	// That the session ended with failures may be about other nodes.
	if ended := strings.HasPrefix(e.Text, "configuration session "); e.Failed && !run.Failed && (!ended || len(run.Events) <= 2) {
		run.fail(e.Text)
	}
}

// note tells of an entry in the span.
func note(s *Span, e *journal.Entry) {
	event := Event{Name: e.Kind, Time: e.Time, Attributes: []Attribute{{"message", public(e.Text)}, {"drover.source", e.Source}}}
	if e.Failed {
		event.Attributes = append(event.Attributes, Attribute{"drover.failed", true})
	}
	s.Events = append(s.Events, event)
}

var (
	bootToken = regexp.MustCompile(`\btoken [^\s,)]+`)
	userInURL = regexp.MustCompile(`://[^/\s]*@`)
)

// public leaves out what lets somebody in: a collector has other readers than the
// journal. By the token of its boot a node is known.
func public(text string) string {
	return userInURL.ReplaceAllString(bootToken.ReplaceAllString(text, "token ..."), "://...@")
}
