package explain

import (
	"strings"
	"time"
)

// moving tells of a node that the boot service works on. Its status is as old
// as the boot service's last look: what is said of power and configuration is
// what the services say now.
func (f *Facts) moving(a *account, status string) {
	c := f.Component
	switch status {
	case "on_hold":
		f.onHold(a)
	case "power_off_pending":
		a.headline = f.byPower("is on and about to be powered off.", "is off; the boot service was about to power it off and will see that.",
			"is about to be powered off; the power service cannot tell whether it is on.")
		f.tries(a, "a graceful power-off", c.EventStats.PowerOffGraceful)
	case "power_off_gracefully_called":
		a.headline = f.byPower("was asked to shut down and is still on.", "was asked to shut down, and is off.",
			"was asked to shut down; the power service cannot tell whether it is on.")
		f.deadline(a, f.Options.MaxPowerOffWaitTime, "max_power_off_wait_time", "then the power is cut")
		f.waitsForBMC(a)
	case "power_off_forcefully_called":
		if f.wasCut() {
			a.headline = f.byPower("had its power cut and is still on.", "had its power cut, and is off.",
				"had its power cut; the power service cannot tell whether it is on.")
		} else {
			a.headline = f.byPower("is to have its power cut and is still on.", "was to have its power cut, and is off.",
				"is to have its power cut; the power service cannot tell whether it is on.")
		}
		f.tries(a, "a forced power-off", c.EventStats.PowerOffForceful)
		f.deadline(a, f.Options.MaxPowerOffWaitTime, "max_power_off_wait_time", "then the power is cut again")
		f.waitsForBMC(a)
	case "power_on_pending":
		a.headline = f.byPower("is on; the boot service was about to power it on and will see that.", "is off and about to be powered on.",
			"is about to be powered on; the power service cannot tell whether it is off.")
		f.tries(a, "power-on", c.EventStats.PowerOn)
	case "power_on_called":
		f.booting(a)
	case "configuring":
		f.configuring(a)
	default:
		a.headline = "is " + strings.ReplaceAll(status, "_", " ") + "."
	}
	if c.Error != "" && !a.told(c.Error) {
		a.say("The boot service says: %s", c.Error)
	}
	if e, ok := f.lastFailure(); ok && e.Kind != forcedOff && !a.told(e.Text) {
		a.say("The last thing that went wrong, %s ago, by %s: %s", span(f.Now.Sub(e.Time)), e.Source, e.Text)
	}
}

// byPower picks what is true of a node that is on, off, or of which the power
// service cannot tell.
func (f *Facts) byPower(on, off, unknown string) string {
	switch {
	case f.powered("on"):
		return on
	case f.powered("off"):
		return off
	}
	return unknown
}

// holds is what keeps services from driving the node.
func (f *Facts) holds() (out []string) {
	if f.Hardware != nil && f.Hardware.Enabled != nil && !*f.Hardware.Enabled {
		out = append(out, "disabled in HSM")
	}
	if f.Lock != nil && f.Lock.Locked {
		out = append(out, "locked in HSM")
	}
	if f.Lock != nil && f.Lock.Reserved {
		text := "reserved in HSM"
		if f.Lock.ExpirationTime != nil {
			text += " until " + f.Lock.ExpirationTime.UTC().Format(time.TimeOnly)
		}
		out = append(out, text)
	}
	return out
}

// held adds to a headline what holds the node and what is staged for it.
func (f *Facts) held(headline string) string {
	marks := f.holds()
	if s := f.Component.StagedState.Session; s != "" {
		marks = append(marks, "session "+s+" is staged for it")
	}
	if len(marks) == 0 {
		return headline
	}
	return strings.TrimSuffix(headline, ".") + "; " + strings.Join(marks, "; ") + "."
}

func (f *Facts) onHold(a *account) {
	if f.Component.Enabled {
		a.headline = "is enabled and waits for the next look at its power and configuration."
		if f.Power != nil && f.Power.PowerState == "undefined" {
			a.headline = "waits until its BMC tells whether it is on."
			f.waitsForBMC(a)
		}
		return
	}
	a.headline = "is on hold."
	if f.Component.Error != "" {
		a.headline = "is on hold: a service stopped listing it."
		a.say("%s", f.Component.Error)
	}
	a.advise("When the service lists it again:  drover bos components update %s --enabled true", f.Node)
}

func (f *Facts) booting(a *account) {
	wait, option := f.Options.MaxBootWaitTime, "max_boot_wait_time"
	next := "then it is powered off and tried again"
	switch {
	case f.powered("off"):
		a.headline = "was told to power on and is still off."
		wait, option, next = f.Options.MaxPowerOnWaitTime, "max_power_on_wait_time", "then power-on is called again"
		f.waitsForBMC(a)
	case f.powered("on"):
		f.bootStage(a)
	default:
		a.headline = "was told to power on; the power service cannot tell whether it is on."
		f.waitsForBMC(a)
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
		switch {
		case strings.Contains(artifact.Text, ": 404 "):
			a.advise("The store does not have it: correct the session template, or upload the image.")
		case strings.Contains(artifact.Text, ": 412 "):
			a.advise("The store has another file under this name than rd.live.etag in the kernel parameters means: correct the session template.")
		}
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
	c, want := f.Config, f.Component.DesiredState.Configuration
	up := f.byPower("is up", "was up, and is off", "booted what it should")
	switch {
	case f.powered("off"):
		a.headline = up + "; the boot service will see that."
	case c == nil:
		a.headline = up + "; whether it is being configured, the configuration service does not say."
	case c.DesiredConfig != want:
		a.headline = up + "; the configuration service has to be told its configuration."
		a.say("Configuration %s is wanted; the configuration service still has %s.", quoted(want), quoted(c.DesiredConfig))
	case c.ConfigurationStatus == "failed":
		a.headline = up + "; its configuration failed."
		f.whyFailed(a)
	case c.ConfigurationStatus != "pending":
		a.headline = up + " and " + c.ConfigurationStatus + "; the boot service will see that."
	case !c.Enabled:
		a.headline = up + " and waits to be configured."
		a.say("Its configuration is disabled until its own reporter enables it.")
		a.advise("If its reporter does not run:  drover cfs v3 components update %s --enabled true", f.Node)
	case c.Waiting != nil, f.SessionsHeld:
		a.headline = up + "; " + f.pending()
	default:
		a.headline = up + " and being configured."
		a.say("There is no time limit; each failed session counts against the limit of the configuration service.")
		a.advise("What Ansible does:  drover logs %s -f", f.Node)
	}
	f.run(a)
}
