package explain

import (
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/journal"
)

// rest tells how a node is that the boot service is done with. What it was
// done with may have changed since: a node may lose its power by itself, and
// be configured anew.
func (f *Facts) rest(a *account) {
	c := f.Component
	wanted := c.DesiredState.BootArtifacts.Kernel
	switch {
	case c.Session == "" && wanted == "" && !f.wasMoved() && f.failsToConfigure():
		f.configured(a, neverBooted, c.DesiredState.Configuration)
	case c.Session == "" && wanted == "" && !f.wasMoved():
		a.is(Idle, neverBooted+".")
		a.advise("Start:  drover boot %s", f.Node)
	case wanted == "" && f.powered("off"):
		a.is(Good, "is off, as wanted.")
	case wanted == "" && f.powered("on"):
		a.is(Wrong, "is on, and should be off.")
		a.say("Somebody turned it on after the boot service had turned it off.")
		f.again(a)
	case wanted == "":
		a.is(Unknown, "should be off; whether it is, the power service cannot tell.")
	case f.powered("off"):
		a.is(Wrong, "is off, and should run.")
		a.say("It lost its power, or somebody turned it off: the boot service did not, and watches it no more.")
		f.again(a)
	case c.ActualState.BootArtifacts.Kernel == "":
		a.is(Unknown, "should run; what it runs is not known.")
		a.say("Nobody has reported that for as long as component_actual_state_ttl says.")
	case c.ActualState.BootArtifacts != c.DesiredState.BootArtifacts:
		a.is(Wrong, "runs something else than it should.")
		f.again(a)
	case !f.powered("on"):
		a.is(Unknown, "ran what it should when last heard of; the power service cannot tell whether it is on.")
	default:
		if ago, is := f.startedAgain(); is {
			a.is(Unknown, "started again "+span(ago)+" ago, and has not reported since what it runs.")
			a.say("Not by the boot service: it got a boot script, and nothing was heard of it after that.")
			return
		}
		f.configured(a, "booted what it should", c.DesiredState.Configuration)
	}
}

// startedAgain tells how long ago the node got a boot script after its last
// report, if it did: what it reported is gone.
func (f *Facts) startedAgain() (ago time.Duration, is bool) {
	reported, known := parsed(f.Component.ActualState.LastUpdated)
	if !known {
		return 0, false
	}
	for _, e := range slices.Backward(f.Journal) {
		if e.Kind == "boot-script" && !e.Failed {
			return f.Now.Sub(e.Time), e.Time.After(reported.Add(time.Second)) // reports are told to the second
		}
	}
	return 0, false
}

// wasMoved tells whether the boot service ever took the node anywhere, as far as
// the journal goes.
func (f *Facts) wasMoved() bool {
	return slices.ContainsFunc(f.Journal, func(e journal.Entry) bool { return e.Kind == "status" })
}

func (f *Facts) powered(state string) bool {
	return f.Power != nil && f.Power.Error == "" && strings.EqualFold(f.Power.PowerState, state)
}

// again advises a session that brings the node where it should be.
func (f *Facts) again(a *account) {
	operation := "boot"
	if f.Component.DesiredState.BootArtifacts.Kernel == "" {
		operation = "off"
	}
	a.advise("To bring it where it should be:  drover %s %s", operation, f.Node)
}

// neverBooted is said of a node that the boot service took nowhere.
const neverBooted = "was never booted by the boot service"

// failsToConfigure tells whether the configuration service failed on the node,
// which it may without any boot.
func (f *Facts) failsToConfigure() bool {
	c := f.Config
	return c != nil && c.DesiredConfig != "" && (c.ConfigurationStatus == "failed" || c.ConfigurationStatus == "pending" && c.Enabled && c.ErrorCount > 0)
}

// configured: the node runs what it should, as far as its boot goes, of which
// booted tells. Want is the configuration that the boot service wants, empty if
// it does not say.
func (f *Facts) configured(a *account, booted, want string) {
	c := f.Config
	switch {
	case want == "" && (c == nil || c.DesiredConfig == ""):
		a.is(Good, "runs what it should.")
	case c == nil:
		a.is(Unknown, booted+"; whether it is configured, the configuration service does not say.")
	case c.ConfigurationStatus == "failed":
		a.is(Failed, booted+"; its configuration failed.")
		f.whyFailed(a)
	case c.ConfigurationStatus == "pending" && !c.Enabled:
		a.is(Pending, booted+"; its configuration is pending and disabled.")
		a.advise("To have it configured:  drover cfs v3 components update %s --enabled true", f.Node)
	case c.ConfigurationStatus == "pending":
		a.is(Pending, booted+"; "+f.pending())
		f.run(a)
		if c.ErrorCount > 0 {
			f.whyFailed(a)
		}
	case c.ConfigurationStatus != "configured" && c.Waiting != nil:
		a.is(Wrong, booted+"; it is "+c.ConfigurationStatus+": "+c.Waiting.Reason+".")
	case c.ConfigurationStatus != "configured":
		a.is(Wrong, booted+"; it is "+c.ConfigurationStatus+".")
	case want != "" && c.DesiredConfig != want:
		a.is(Wrong, "booted what it should, and has another configuration than its boot session wanted.")
	default:
		a.is(Good, "runs what it should.")
	}
}

// repaired tells whether the configuration that the boot failed by has
// succeeded since.
func (f *Facts) repaired() bool {
	return strings.HasPrefix(f.Component.Error, "cfs configuration failed") && f.Config != nil &&
		f.Config.ConfigurationStatus == "configured" && f.powered("on") &&
		f.Component.DesiredState.BootArtifacts.Kernel != "" && f.Component.ActualState.BootArtifacts == f.Component.DesiredState.BootArtifacts
}
