package explain

import (
	"strings"
	"time"
)

// words say the wait; "" if there is none.
func (w *Waiting) words() string {
	switch {
	case w == nil || w.Reason == "":
		return ""
	case w.Until.IsZero():
		return "waits: " + w.Reason
	}
	return "waits until " + w.Until.UTC().Format(time.TimeOnly) + ": " + w.Reason
}

// pending says that the node's configuration is, and what it waits for.
func (f *Facts) pending() string {
	if words := f.Config.Waiting.words(); words != "" {
		return "its configuration is pending and " + words + "."
	}
	return "its configuration is pending."
}

// run tells of the session that is to configure the node, and whether sessions
// are started at all.
func (f *Facts) run(a *account) {
	if r := f.Run; r != nil {
		what := "is configuring it"
		if r.Pending {
			what = "is to configure it"
		}
		a.say("CFS session %s %s.", r.Name, what)
		if words := r.Waiting.words(); words != "" {
			a.say("That session %s", words)
		}
	}
	const option = "--cfs-hold-sessions"
	if f.SessionsHeld && f.Config != nil && f.Config.ConfigurationStatus == "pending" && !strings.Contains(a.headline, option) {
		a.say("CFS accepts sessions and starts none (%s).", option)
	}
}

// forcedOff is the journal's kind of the entries on power that was cut.
const forcedOff = "forced-off"

// wasCut tells whether the forced power-off that BOS waits for has reached the
// BMC.
func (f *Facts) wasCut() bool {
	e, told := f.lastOf(forcedOff)
	since, known := f.since()
	return told && (!known || !e.Time.Before(since.Truncate(time.Second)))
}

// asides tell what was done to the node, or not, since it last came to rest,
// whatever became of it since.
func (f *Facts) asides(a *account) {
	if e, ok := f.lastOf(forcedOff); ok && !a.told(e.Text) {
		why := e.Text
		if _, words, found := strings.Cut(e.Text, "forced off: "); found {
			why = words
		}
		a.say("Its power was cut %s ago: %s", span(f.Now.Sub(e.Time)), why)
	}
	list := f.attempt()
	for i := len(list) - 1; i >= 0; i-- {
		if _, why, found := strings.Cut(list[i].Text, "left out of the session: "); found {
			session := list[i].Session
			if list[i].Kind == firstKind {
				session += " of BOS v1"
			}
			a.say("Session %s left it out %s ago: %s", session, span(f.Now.Sub(list[i].Time)), why)
			return
		}
	}
}
