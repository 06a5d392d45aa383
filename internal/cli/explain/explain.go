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
	headline string
	details  []string
	advice   []string
}

func (a *account) say(format string, args ...any) {
	a.details = append(a.details, fmt.Sprintf(format, args...))
}

func (a *account) advise(format string, args ...any) {
	a.advice = append(a.advice, fmt.Sprintf(format, args...))
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
	switch f.Component.Status.Status {
	case "on_hold":
		f.onHold(a)
	case "power_off_pending":
		a.headline = "is about to be powered off."
		f.tries(a, "a graceful power-off", f.Component.EventStats.PowerOffGraceful)
	case "power_off_gracefully_called":
		a.headline = "was asked to shut down and is still on."
		f.deadline(a, f.Options.MaxPowerOffWaitTime, "max_power_off_wait_time", "then the power is cut")
		f.waitsForBMC(a)
	case "power_off_forcefully_called":
		a.headline = "had its power cut and still reports on."
		f.tries(a, "a forced power-off", f.Component.EventStats.PowerOffForceful)
		f.deadline(a, f.Options.MaxPowerOffWaitTime, "max_power_off_wait_time", "then the power is cut again")
		f.waitsForBMC(a)
	case "power_on_pending":
		a.headline = "is off and about to be powered on."
		f.tries(a, "power-on", f.Component.EventStats.PowerOn)
	case "power_on_called":
		f.booting(a)
	case "configuring":
		f.configuring(a)
	case "stable":
		f.rest(a)
	case "failed":
		f.failed(a)
	default:
		a.headline = "is " + strings.ReplaceAll(f.Component.Status.Status, "_", " ") + "."
	}
	if e, ok := f.lastFailure(); ok && f.Component.Status.Status != "failed" && f.Component.Status.Status != "stable" {
		a.say("The last thing that went wrong, %s ago, by %s: %s", span(f.Now.Sub(e.Time)), e.Source, e.Text)
	}
	return a
}

func (f *Facts) unknownNode(a *account) {
	if why := f.Unknown["bos"]; why != "" {
		a.headline = "cannot be explained: the boot service said: " + why
		return
	}
	a.headline = "is not known to the boot service."
	a.say("It learns of nodes from the Hardware State Manager (option discovery_frequency).")
	a.advise("Is it there?      drover hsm state components describe %s", f.Node)
	a.advise("If not, find it:  drover discover ADDRESS-OF-ITS-BMC --username U --password P")
}

func (f *Facts) onHold(a *account) {
	if f.Component.Enabled {
		a.headline = "is enabled and waits for the next look at its power and configuration."
		return
	}
	a.headline = "is on hold: a service stopped listing it."
	if f.Component.Error != "" {
		a.say("%s", f.Component.Error)
	}
	a.advise("When the service lists it again:  drover bos components update %s --enabled true", f.Node)
}

func (f *Facts) booting(a *account) {
	wait, option := f.Options.MaxBootWaitTime, "max_boot_wait_time"
	next := "then it is powered off and tried again"
	switch {
	case f.Power != nil && f.Power.PowerState == "off":
		a.headline = "was told to power on and is still off."
		wait, option, next = f.Options.MaxPowerOnWaitTime, "max_power_on_wait_time", "then power-on is called again"
		f.waitsForBMC(a)
	default:
		f.bootStage(a)
	}
	f.tries(a, "power-on", f.Component.EventStats.PowerOn)
	f.deadline(a, wait, option, next)
}

// bootStage says how far a node that is on has come, by the traces it leaves.
func (f *Facts) bootStage(a *account) {
	script, asked := f.seen("boot-script")
	artifact, fetched := f.seen("artifact")
	state, up := f.seen("state")
	runs := f.Component.ActualState.BootArtifacts
	switch {
	case runs.Kernel != "":
		a.headline = "reported a boot that is not the one wanted."
		a.say("It runs %s with parameters %s", runs.Kernel, runs.KernelParameters)
	case up && strings.Contains(state.Text, "Ready"):
		a.headline = "is up, and its report to the boot service is missing."
		a.say("The Hardware State Manager knew it ready %s ago.", span(f.Now.Sub(state.Time)))
		a.advise("Does the BOS state reporter run on it, and does it reach the gateway?")
	case fetched && artifact.Failed:
		a.headline = "could not fetch what it should boot."
		a.say("%s ago: %s", span(f.Now.Sub(artifact.Time)), artifact.Text)
	case fetched && f.panicked() != "":
		a.headline = "stopped while it started its operating system."
		a.say("On its console: %s", f.panicked())
		a.advise("All of it:  drover console %s", f.Node)
	case fetched:
		a.headline = "is starting its operating system."
		a.say("It fetched its last file %s ago; its report is missing.", span(f.Now.Sub(artifact.Time)))
		a.advise("If it stays so, look at its console: is the state reporter in the image, does the network come up?")
		a.advise("  drover console %s", f.Node)
	case asked && script.Failed:
		a.headline = "asked for its boot script and got none."
		a.say("%s ago: %s", span(f.Now.Sub(script.Time)), script.Text)
		a.advise("What would it boot?  drover bss bootparameters list --name %s", f.Node)
	case asked:
		a.headline = "has its boot script and has fetched nothing yet."
		a.say("It got the script %s ago.", span(f.Now.Sub(script.Time)))
	default:
		a.headline = "is on and has not asked for its boot script."
		a.advise("Firmware takes minutes. If it stays so: does it boot from the network, and is its MAC address known?")
		a.advise("  drover hsm inventory ethernetInterfaces list --component-id %s", f.Node)
	}
}

func (f *Facts) configuring(a *account) {
	a.headline = "is up and being configured."
	c := f.Config
	switch {
	case c == nil:
	case c.DesiredConfig != f.Component.DesiredState.Configuration:
		a.say("Configuration %s is wanted; the configuration service still has %s.",
			quoted(f.Component.DesiredState.Configuration), quoted(c.DesiredConfig))
	case !c.Enabled:
		a.headline = "is up and waits to be configured."
		a.say("Its configuration is disabled until its own reporter enables it.")
		a.advise("If its reporter does not run:  drover cfs v3 components update %s --enabled true", f.Node)
	default:
		a.say("There is no time limit; each failed session counts against the limit of the configuration service.")
		a.advise("Sessions:  drover cfs v3 sessions list --status running")
	}
}

func (f *Facts) failed(a *account) {
	if f.repaired() {
		a.headline = "runs what it should: it was configured after its boot session had failed."
		if n := len(f.Config.State); n > 0 {
			a.say("By CFS session %s.", f.Config.State[n-1].SessionName)
		}
		return
	}
	a.headline = "failed."
	if f.Component.Error != "" {
		a.say("%s", f.Component.Error)
	}
	if words := f.panicked(); words != "" {
		a.say("On its console: %s", words)
	}
	if e, ok := f.lastFailure(); ok && !strings.Contains(f.Component.Error, e.Text) {
		a.say("%s ago, by %s: %s", span(f.Now.Sub(e.Time)), e.Source, e.Text)
	}
	if f.Config != nil && f.Config.ConfigurationStatus == "failed" {
		f.whyFailed(a)
	}
	if f.Power != nil && f.Power.ManagementState == "unavailable" {
		a.advise("Its BMC does not answer: check its network and power first.")
	}
	again := "reboot"
	if f.Component.DesiredState.BootArtifacts.Kernel == "" {
		again = "shutdown"
	}
	a.advise("When the cause is gone, try again:  drover bos sessions create --template-name T --operation %s --limit %s", again, f.Node)
}

// whyFailed names where the playbooks that failed can be looked at.
func (f *Facts) whyFailed(a *account) {
	for _, l := range f.Config.State {
		if l.Status == "failed" {
			a.advise("Why playbook %s failed:  drover cfs v3 sessions describe %s", l.Playbook, l.SessionName)
		}
	}
}

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

// situation is one line per service.
func (f *Facts) situation() []string {
	var lines []string
	row := func(name, text string) { lines = append(lines, fmt.Sprintf("  %-14s %s", name, text)) }
	if c := f.Component; c != nil {
		text := strings.ReplaceAll(c.Status.Status, "_", " ")
		if c.Session != "" {
			text += ", session " + c.Session
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
	if c := f.Config; c != nil {
		row("configuration", f.configuration())
	}
	services := make([]string, 0, len(f.Unknown))
	for s := range f.Unknown {
		services = append(services, s)
	}
	slices.Sort(services)
	for _, s := range services {
		row(s, "no answer: "+f.Unknown[s])
	}
	return lines
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
	}
	return text
}
