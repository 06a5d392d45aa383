package explain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The first line never says what a line below it contradicts.
func TestHeadlineContradictsNoFact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := facts(rapid.SampledFrom([]string{"stable", "failed"}).Draw(t, "status"))
		f.Component.Enabled = false
		f.Component.Error = rapid.SampledFrom([]string{"", "cfs configuration failed", "BMC says no"}).Draw(t, "error")
		if rapid.Bool().Draw(t, "should be off") {
			f.Component.DesiredState = State{}
		}
		f.Component.ActualState.BootArtifacts.Kernel = rapid.SampledFrom([]string{"", "s3://boot-images/1/kernel", "s3://old"}).Draw(t, "runs")
		f.Power.PowerState = rapid.SampledFrom([]string{"on", "off", "undefined"}).Draw(t, "power")
		f.Power.Error = rapid.SampledFrom([]string{"", "no route"}).Draw(t, "power error")
		if rapid.Bool().Draw(t, "PCS silent") {
			f.Power = nil
		}
		f.Config.ConfigurationStatus = rapid.SampledFrom([]string{"pending", "configured", "failed", "unconfigured"}).Draw(t, "configuration")
		f.Config.DesiredConfig = rapid.SampledFrom([]string{"", "site", "other"}).Draw(t, "desired in CFS")
		f.Config.Enabled = rapid.Bool().Draw(t, "enabled in CFS")
		if rapid.Bool().Draw(t, "CFS silent") {
			f.Config = nil
		}
		headline := Explain(f)[0]
		kernel := f.Component.DesiredState.BootArtifacts.Kernel
		runs := kernel != "" && f.Component.ActualState.BootArtifacts.Kernel == kernel && f.powered("on")
		switch says := func(s string) bool { return strings.Contains(headline, s) }; {
		case says("runs what it should") && (!runs || f.Config == nil || f.Config.ConfigurationStatus != "configured"):
			t.Fatalf("%s, but %+v %+v %+v", headline, f.Component, f.Power, f.Config)
		case says("as wanted") && (kernel != "" || !f.powered("off")):
			t.Fatalf("%s, but %+v %+v", headline, f.Component, f.Power)
		case says("is off") && !f.powered("off"), says("is on,") && !f.powered("on"):
			t.Fatalf("%s, but power %+v", headline, f.Power)
		}
	})
}
