package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

// account is what is said of a status.
type account struct {
	verdict  Verdict
	headline string
	why      string // the reason of whoever the node failed for
	details  []string
	advice   []string
}

func (a *account) say(format string, args ...any) {
	a.details = append(a.details, fmt.Sprintf(format, args...))
}

func (a *account) advise(format string, args ...any) {
	a.advice = append(a.advice, fmt.Sprintf(format, args...))
}

// is sets the verdict and the words for it.
func (a *account) is(v Verdict, headline string) { a.verdict, a.headline = v, headline }

// told tells whether the text is among the details.
func (a *account) told(text string) bool {
	return slices.ContainsFunc(a.details, func(d string) bool { return strings.Contains(d, text) })
}

// Line is what Explain says of one node among several, without its name: all
// that is known of it in a sentence, and why it failed.
func Line(f *Facts) string {
	a := f.account()
	if a.verdict == Failed && a.why != "" {
		return a.headline + " " + a.why
	}
	return a.headline
}

// gaveUp is why version 2 of the boot service gave the node up.
func (f *Facts) gaveUp() string {
	words := f.Component.Error
	if words != "" && len(f.Tasks) > 0 {
		words += ": " + f.Tasks[0].Words()
	}
	return words
}

// Explain is the answer, as lines of text.
func Explain(f *Facts) []string {
	a := f.account()
	lines := []string{f.Node + " " + a.headline}
	for _, d := range a.details {
		lines = append(lines, "  "+d)
	}
	lines = append(lines, "")
	lines = append(lines, f.situation()...)
	if story := f.story(); len(story) > 0 {
		lines = append(append(lines, "", "What happened"), story...)
	}
	if console := f.console(); len(console) > 0 {
		lines = append(append(lines, "", "Last on its console"), console...)
	}
	if len(a.advice) > 0 {
		lines = append(lines, "", "What to do")
		for _, s := range a.advice {
			lines = append(lines, "  "+s)
		}
	}
	return lines
}

func (f *Facts) account() *account {
	a := &account{}
	if f.Component == nil {
		f.unknownNode(a)
		return a
	}
	switch status := f.Component.Status.Status; {
	case f.byFirst(a):
	case status == "stable":
		f.rest(a)
	case status == "failed":
		f.failed(a)
		a.why = f.gaveUp()
	case !f.Component.Enabled && status != "on_hold":
		f.leftAlone(a, status)
	default:
		a.verdict = Moving
		f.moving(a, status)
	}
	f.asides(a)
	a.headline = f.held(a.headline)
	return a
}

// leftAlone tells of a node that was disabled in the boot service on its way.
func (f *Facts) leftAlone(a *account, status string) {
	a.is(Wrong, "is left alone where it was, "+strings.ReplaceAll(status, "_", " ")+": it is disabled in the boot service.")
	if f.Component.Error != "" {
		a.say("The boot service says: %s", f.Component.Error)
	}
	a.advise("To have the boot service go on:  drover bos components update %s --enabled true", f.Node)
}

func (f *Facts) unknownNode(a *account) {
	if why := f.Unknown["bos"]; why != "" {
		a.is(Unknown, "cannot be explained: the boot service said: "+why)
		return
	}
	a.is(Unknown, "is not known to the boot service.")
	a.say("It learns of nodes from the Hardware State Manager (option discovery_frequency).")
	a.advise("Is it there?      drover hsm state components describe %s", f.Node)
	a.advise("If not, find it:  drover discover ADDRESS-OF-ITS-BMC --username U --password P")
}

func (f *Facts) failed(a *account) {
	if f.repaired() {
		a.is(Good, "runs what it should: it was configured after its boot session had failed.")
		if n := len(f.Config.State); n > 0 {
			a.say("By CFS session %s.", f.Config.State[n-1].SessionName)
		}
		return
	}
	a.is(Failed, "failed.")
	last, ok := f.lastFailure()
	switch why := f.Component.Error; {
	case why != "" && ok && strings.HasSuffix(last.Text, "-> failed: "+why):
		a.say("%s ago: %s", span(f.Now.Sub(last.Time)), why)
		ok = false
	case why != "":
		a.say("%s", why)
	}
	if words := f.panicked(); words != "" {
		a.say("On its console: %s", words)
	}
	if ok && !strings.Contains(f.Component.Error, last.Text) {
		a.say("%s ago, by %s: %s", span(f.Now.Sub(last.Time)), last.Source, last.Text)
	}
	if f.Config != nil && f.Config.ConfigurationStatus == "failed" {
		f.whyFailed(a)
	}
	if f.Power != nil && f.Power.ManagementState == "unavailable" {
		a.advise("Its BMC does not answer: check its network and power first.")
	}
	again := "reboot"
	if f.Component.DesiredState.BootArtifacts.Kernel == "" {
		again = "off"
	}
	a.advise("When the cause is gone, try again:  drover %s %s", again, f.Node)
}

// whyFailed names the tasks that failed, and where the log is.
func (f *Facts) whyFailed(a *account) {
	for i := range f.Tasks {
		a.say("%s", upperFirst(f.Tasks[i].Words()))
	}
	for _, l := range f.Config.State {
		if l.Status == "failed" {
			a.advise("All that playbook %s said:  drover logs %s", l.Playbook, l.SessionName)
		}
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// tries says which attempt this is.
func (f *Facts) tries(a *account, action string, attempts int) {
	if limit := f.limit(); limit > 0 && attempts > 0 {
		a.say("So far %s was tried %s of at most %d.", action, times(attempts), limit)
	}
}

// deadline says until when is waited and what comes then.
func (f *Facts) deadline(a *account, seconds int, option, next string) {
	since, ok := f.since()
	if !ok || seconds == 0 {
		return
	}
	until := since.Add(time.Duration(seconds) * time.Second)
	a.say("That was %s ago. It may take until %s (option %s, %d s); %s.",
		span(f.Now.Sub(since)), until.Format(time.TimeOnly), option, seconds, next)
}

func (f *Facts) waitsForBMC(a *account) {
	if e, ok := f.lastOf("bmc-answer"); ok {
		a.say("Its BMC answered %s ago: %s", span(f.Now.Sub(e.Time)), e.Text)
	}
	if f.Power != nil && f.Power.ManagementState == "unavailable" {
		a.say("Its BMC does not answer now.")
		a.advise("Check the BMC's network and power.")
	}
}

func (f *Facts) lastOf(kind string) (journal.Entry, bool) {
	list := f.attempt()
	i := len(list) - 1
	for ; i >= 0; i-- {
		if list[i].Kind == kind {
			return list[i], true
		}
	}
	return journal.Entry{}, false
}

// Said is what one service says of a node.
type Said struct{ Of, Text string }

// situation is one line per service.
func (f *Facts) situation() (lines []string) {
	for _, s := range Situation(f) {
		lines = append(lines, fmt.Sprintf("  %-14s %s", s.Of, s.Text))
	}
	return lines
}

// Situation is what each service says of the node, and which gave no answer.
func Situation(f *Facts) (said []Said) {
	row := func(of, text string) { said = append(said, Said{of, text}) }
	if c := f.Component; c != nil {
		text := strings.ReplaceAll(c.Status.Status, "_", " ")
		if c.Session != "" {
			text += ", session " + c.Session
		}
		if c.V1Session != "" {
			text += ", in session " + c.V1Session + " of BOS v1"
		}
		row("boot", text)
		if k := c.DesiredState.BootArtifacts.Kernel; k != "" {
			row("kernel", k)
		}
	}
	if p := f.Power; p != nil {
		text := p.PowerState + ", BMC " + p.ManagementState
		if p.Error != "" {
			text = p.Error
		}
		row("power", text)
	}
	if t := f.Task; t != nil && t.Description != "" {
		row("PCS task", t.Operation+": "+t.Description)
	}
	if c := f.Config; c != nil {
		row("configuration", f.configuration())
	}
	if c := f.Component; c != nil && c.StagedState.Session != "" {
		row("staged", "session "+c.StagedState.Session)
	}
	if holds := f.holds(); len(holds) > 0 {
		row("hardware", strings.Join(holds, ", "))
	}
	services := make([]string, 0, len(f.Unknown))
	for s := range f.Unknown {
		services = append(services, s)
	}
	slices.Sort(services)
	for _, s := range services {
		row(s, "no answer: "+f.Unknown[s])
	}
	return said
}

func (f *Facts) configuration() string {
	c := f.Config
	if c.DesiredConfig == "" {
		return "none wanted"
	}
	text := c.DesiredConfig + " " + c.ConfigurationStatus
	done := 0
	for _, l := range c.State {
		if l.Status == "applied" || l.Status == "skipped" {
			done++
		}
	}
	if len(c.State) > 0 {
		text += fmt.Sprintf(", %d of %d layers that ran are applied", done, len(c.State))
	}
	if c.ErrorCount > 0 {
		text += ", failed " + times(c.ErrorCount)
	}
	if !c.Enabled {
		text += ", disabled"
	} else if words := c.Waiting.words(); words != "" {
		text += ", " + words
	}
	return text
}
