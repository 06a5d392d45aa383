package progress

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/xname"
)

// Session is what the boot service says of a session.
type Session struct {
	Name         string `json:"name"`
	Tenant       string `json:"tenant"` // empty: the site's
	Operation    string `json:"operation"`
	TemplateName string `json:"template_name"`
	Limit        string `json:"limit"`
	Stage        bool   `json:"stage"`
	// IncludeDisabled: nodes that HSM has disabled are in it.
	IncludeDisabled bool `json:"include_disabled"`
	// Components are the nodes that it was set up with, comma-separated.
	Components string `json:"components"`
	Status     struct {
		Status    string  `json:"status"`
		StartTime string  `json:"start_time"`
		EndTime   *string `json:"end_time"`
		Error     *string `json:"error"`
	} `json:"status"`
}

// Component is what the boot service says of a node.
type Component struct {
	ID     string `json:"id"`
	Error  string `json:"error"`
	Status struct {
		Status string `json:"status"`
	} `json:"status"`
	Session string `json:"session"`
	// V1Session is the session of version 1 that has the node, empty if none.
	V1Session string `json:"v1_session"`
}

// Extended is the session's status with percentages, which is kept when the
// nodes have gone on to other sessions.
type Extended struct {
	Managed    int     `json:"managed_components_count"`
	Successful float64 `json:"percent_successful"`
	Failed     float64 `json:"percent_failed"`
	Staged     float64 `json:"percent_staged"`
	Errors     map[string]struct {
		Count int    `json:"count"`
		List  string `json:"list"`
	} `json:"error_summary"`
	// ForcedOff and LeftOut are empty where the service does not tell.
	ForcedOff    []Told `json:"forced_off"`
	LeftOut      []Told `json:"left_out"`
	LeftOutCount int    `json:"left_out_count"`
}

// Told is what befell one node, or name.
type Told struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Snapshot is a session at one moment.
type Snapshot struct {
	Session    Session
	Extended   Extended
	Components []Component
	// Work is what configures its nodes now.
	Work []Work
	// First: it is one of version 1.
	First bool
}

const (
	stable = "stable"
	failed = "failed"
)

// Failed is the kind of failure of nodes that did not get where they should be.
const Failed = failed

// Failure is something that went wrong and the nodes that it befell.
type Failure struct {
	// Kind is failed, forced off, left out or waiting.
	Kind  string
	Error string
	Nodes []string
	// Count may be more than the nodes known by name.
	Count int
}

func (f Failure) String() string {
	names := xname.Fold(f.Nodes)
	if len(f.Nodes) < f.Count {
		names += fmt.Sprintf(" and %d more", f.Count-len(f.Nodes))
	}
	return f.Kind + " " + names + ": " + f.Error
}

// Late is nodes that are in a phase yet.
type Late struct {
	Phase string
	Nodes []string
}

// fewLate is up to how many nodes are late; where there are more, it is too early to say.
const fewLate = 10

// Tally is a snapshot counted.
type Tally struct {
	Session Session
	// Nodes, Succeeded and Failed count the session's nodes; Staged those
	// whose change was only stored for later.
	Nodes, Succeeded, Failed, Staged int
	// ForcedOff counts the nodes whose power was cut.
	ForcedOff int
	// LeftOut counts what was asked for and is not dealt with.
	LeftOut int
	// Taken counts the nodes that a session that is over no longer had at its
	// end: another session took them, or somebody by hand.
	Taken int
	// Waiting are the nodes of a staged session to which it has not been
	// applied.
	Waiting []string
	// Status counts nodes by their status.
	Status   map[string]int
	Failures []Failure
	// Late are the last nodes that are not where they should be, when most are.
	Late []Late
	// Work is what configures its nodes now: some of it, if there is much.
	Work []Work

	phases []phase
}

// Count counts. Of a complete session whose nodes belong to other sessions by
// now, the status that was kept counts.
func Count(s *Snapshot) *Tally {
	t := &Tally{Session: s.Session, Work: s.Work, Nodes: len(s.Components), Status: map[string]int{}, phases: phases}
	if s.First {
		t.phases = firstPhases
	}
	byError := map[string][]string{}
	for _, c := range s.Components {
		t.Status[c.Status.Status]++
		if c.Status.Status == failed {
			text := cmp.Or(strings.TrimSpace(c.Error), "no error is recorded")
			byError[text] = append(byError[text], c.ID)
		}
	}
	t.Succeeded, t.Failed = t.Status[stable], t.Status[failed]
	t.Staged = share(s.Extended.Staged, s.Extended.Managed)
	for text, nodes := range byError {
		slices.Sort(nodes)
		t.Failures = append(t.Failures, Failure{failed, text, nodes, len(nodes)})
	}
	if t.Complete() && s.Extended.Managed > len(s.Components)+t.Staged {
		t.fromExtended(s.Extended)
	}
	if members := s.Session.Components; t.Complete() && members != "" {
		t.Taken = max(0, len(strings.Split(members, ","))-t.Nodes-t.Staged)
	}
	t.Late = t.late(s.Components)
	t.add("waiting", held(s))
	t.Waiting = waiting(s)
	t.ForcedOff, t.LeftOut = len(s.Extended.ForcedOff), s.Extended.LeftOutCount
	t.add("forced off", s.Extended.ForcedOff)
	t.add("left out", s.Extended.LeftOut)
	slices.SortFunc(t.Failures, func(a, b Failure) int { return strings.Compare(a.Nodes[0], b.Nodes[0]) })
	return t
}

// late are the nodes that are under way when at least half are finished and few are not.
func (t *Tally) late(components []Component) (out []Late) {
	done := t.Succeeded + t.Failed
	if under := t.Nodes - done; under > fewLate || done < under || t.Complete() {
		return nil
	}
	for i := range t.phases {
		in := Late{Phase: t.phases[i].name}
		for _, c := range components {
			if status := c.Status.Status; status != stable && status != failed && slices.Contains(t.phases[i].statuses, status) {
				in.Nodes = append(in.Nodes, c.ID)
			}
		}
		if len(in.Nodes) > 0 {
			out = append(out, in)
		}
	}
	return out
}

// held are the nodes that a session of version 1 has, for which this one waits.
func held(s *Snapshot) (out []Told) {
	for i := range s.Components {
		c := &s.Components[i]
		if c.V1Session != "" && c.Status.Status != stable && c.Status.Status != failed {
			out = append(out, Told{c.ID, "session " + c.V1Session + " of BOS v1 has it until that session ends"})
		}
	}
	return out
}

// waiting are the members of a staged session that do not belong to it yet.
func waiting(s *Snapshot) (out []string) {
	if !s.Session.Stage || s.Session.Status.Status != "running" || s.Session.Components == "" {
		return nil
	}
	joined := map[string]bool{}
	for _, c := range s.Components {
		joined[c.ID] = true
	}
	for _, n := range strings.Split(s.Session.Components, ",") {
		if !joined[n] {
			out = append(out, n)
		}
	}
	return out
}

func (t *Tally) fromExtended(e Extended) {
	t.Nodes = e.Managed - t.Staged
	t.Succeeded, t.Failed = share(e.Successful, e.Managed), share(e.Failed, e.Managed)
	t.Status = map[string]int{stable: t.Succeeded, failed: t.Failed}
	t.Failures = nil
	for _, text := range slices.Sorted(maps.Keys(e.Errors)) {
		nodes := strings.Split(strings.TrimSuffix(e.Errors[text].List, "..."), ",")
		t.Failures = append(t.Failures, Failure{failed, text, nodes, e.Errors[text].Count})
	}
}

// add names what befell nodes, by the reason for it.
func (t *Tally) add(kind string, list []Told) {
	byReason := map[string][]string{}
	for _, one := range list {
		byReason[one.Reason] = append(byReason[one.Reason], one.Name)
	}
	for reason, nodes := range byReason {
		slices.Sort(nodes)
		t.Failures = append(t.Failures, Failure{kind, reason, nodes, len(nodes)})
	}
}

func share(percent float64, of int) int { return int(percent*float64(of)/100 + 0.5) }

// Complete tells whether the session is over.
func (t *Tally) Complete() bool { return t.Session.Status.Status == "complete" }

// Over tells whether nothing more happens by itself: the session is complete,
// or staged, and none of the nodes that it was applied to is under way.
func (t *Tally) Over() bool {
	staged := t.Session.Stage && t.Session.Status.Status == "running" && t.Session.Components != ""
	return t.Complete() || staged && t.Succeeded+t.Failed == t.Nodes
}

// Problem is the error of the session as a whole, empty if none.
func (t *Tally) Problem() string {
	if t.Session.Status.Error == nil {
		return ""
	}
	return *t.Session.Status.Error
}

// Cancelled tells whether somebody has cancelled the session, which then has that
// as its error.
func (t *Tally) Cancelled() bool { return strings.HasPrefix(t.Problem(), "cancelled") }

// OK tells whether the session is over and each node got where it should be, or
// waits for applystaged.
func (t *Tally) OK() bool {
	return t.Over() && t.Problem() == "" && t.Succeeded == t.Nodes && t.Taken == 0
}

// Elapsed is the time since the session's start, up to its end.
func (t *Tally) Elapsed(now time.Time) time.Duration {
	start, ok := stamp(t.Session.Status.StartTime)
	if !ok {
		return 0
	}
	if t.Session.Status.EndTime != nil {
		if end, ok := stamp(*t.Session.Status.EndTime); ok {
			now = end
		}
	}
	return max(now.Sub(start), 0).Truncate(time.Second)
}

// stamp reads a time; without a zone it is UTC.
func stamp(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Clock writes a duration as hours, minutes and seconds.
func Clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// Outcome is the end line: what became of the session, in one sentence.
func (t *Tally) Outcome(now time.Time) string {
	head := fmt.Sprintf("session %s complete in %s: ", t.Session.Name, Clock(t.Elapsed(now)))
	switch {
	case t.Complete():
	case t.Over() && len(t.Waiting) > 0:
		head = fmt.Sprintf("session %s waits for applystaged: ", t.Session.Name)
	case t.Over():
		head = fmt.Sprintf("session %s was applied to all its nodes: ", t.Session.Name)
	default:
		head = fmt.Sprintf("session %s is %s after %s: ", t.Session.Name, t.Session.Status.Status, Clock(t.Elapsed(now)))
	}
	var parts []string
	switch {
	case t.Cancelled():
		parts = append(parts, "it was "+t.Problem())
	case t.Problem() != "":
		parts = append(parts, "it failed: "+t.Problem())
	case t.Nodes == 0 && t.Staged == 0 && len(t.Waiting) == 0 && t.Taken == 0:
		parts = append(parts, "it had no nodes")
	}
	switch {
	case len(t.Waiting) > 0:
		parts = append(parts, fmt.Sprintf("staged for %s, %s", Nodes(len(t.Waiting)), xname.Fold(t.Waiting)))
	case t.Staged > 0 && t.Complete():
		parts = append(parts, fmt.Sprintf("staged for %s", Nodes(t.Staged)))
	}
	if t.Nodes > 0 {
		switch other := t.Nodes - t.Succeeded - t.Failed; {
		case t.Succeeded == t.Nodes && t.Nodes > 1:
			parts = append(parts, "all "+Nodes(t.Nodes)+" succeeded")
		default:
			parts = append(parts, fmt.Sprintf("%d of %s succeeded", t.Succeeded, Nodes(t.Nodes)))
			if t.Failed > 0 {
				parts = append(parts, fmt.Sprintf("%d failed", t.Failed))
			}
			if other > 0 {
				parts = append(parts, fmt.Sprintf("%d did not finish", other))
			}
		}
	}
	if t.Taken > 0 {
		parts = append(parts, Nodes(t.Taken)+" taken over before the end, by another session or by hand")
	}
	if t.ForcedOff > 0 {
		parts = append(parts, fmt.Sprintf("%d forced off", t.ForcedOff))
	}
	if t.LeftOut > 0 {
		later := len(t.Waiting)
		if t.Complete() {
			later = t.Staged
		}
		parts = append(parts, fmt.Sprintf("%d asked for, %d left out", t.Nodes+later+t.LeftOut, t.LeftOut))
	}
	return head + strings.Join(parts, ", ")
}

// Nodes is that many of them, in words.
func Nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}
