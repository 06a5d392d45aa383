package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

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
		drawServices(t, f)
		headline := Explain(f)[0]
		kernel := f.Component.DesiredState.BootArtifacts.Kernel
		runs := kernel != "" && f.Component.ActualState.BootArtifacts.Kernel == kernel && f.powered("on")
		says := func(s string) bool { return strings.Contains(headline, s) }
		if good := says("runs what it should") || says("as wanted"); good != (Judge(f).Verdict == Good) {
			t.Fatalf("%s: the verdict is %s", headline, Judge(f).Verdict)
		}
		switch {
		case says("is pending.") && f.Config.Waiting != nil, says("waits:") && f.Config.Waiting == nil:
			t.Fatalf("%s, but %+v", headline, f.Config)
		case says("runs what it should") && (!runs || f.Config == nil || f.Config.ConfigurationStatus != "configured"):
			t.Fatalf("%s, but %+v %+v %+v", headline, f.Component, f.Power, f.Config)
		case says("as wanted") && (kernel != "" || !f.powered("off")):
			t.Fatalf("%s, but %+v %+v", headline, f.Component, f.Power)
		case says("is off") && !f.powered("off"), says("is on,") && !f.powered("on"):
			t.Fatalf("%s, but power %+v", headline, f.Power)
		}
	})
}

// While the boot service works on a node, the first line says of its power and
// configuration only what the lines below it say.
func TestHeadlineOfAMovingNodeContradictsNoFact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := facts(rapid.SampledFrom([]string{"on_hold", "power_off_pending", "power_off_gracefully_called", "power_off_forcefully_called",
			"power_on_pending", "power_on_called", "configuring"}).Draw(t, "status"))
		f.Component.Enabled = rapid.Bool().Draw(t, "enabled")
		f.Component.Error = rapid.SampledFrom([]string{"", "the BMC is busy"}).Draw(t, "error")
		drawServices(t, f)
		for _, e := range []string{"boot-script", "artifact"} {
			if rapid.Bool().Draw(t, e) {
				f.Journal = append(f.Journal, entry(time.Minute, "x", e, "served"))
			}
		}
		headline, _, _ := strings.Cut(strings.TrimPrefix(Explain(f)[0], f.Node+" "), ";")
		says := func(words ...string) bool {
			return slices.ContainsFunc(words, func(w string) bool {
				return strings.Contains(" "+strings.NewReplacer("is on hold", "holds", "whether it is on", "what it is").Replace(headline), " "+w)
			})
		}
		if alone := says("left alone"); alone != (!f.Component.Enabled && f.Component.Status.Status != "on_hold") {
			t.Fatalf("%s, but enabled is %v", headline, f.Component.Enabled)
		} else if v := Judge(f).Verdict; v != Moving && !(alone && v == Wrong) {
			t.Fatalf("%s: the verdict is %s", headline, v)
		}
		switch {
		case says("is on ", "is on.", "still on", "is up", "starting", "has its boot script") && !f.powered("on"):
			t.Fatalf("%s, but power %+v", headline, f.Power)
		case says("is off", "still off", "was off") && !f.powered("off"):
			t.Fatalf("%s, but power %+v", headline, f.Power)
		case says("and configured") && f.Config.ConfigurationStatus != "configured", says("being configured") && f.Config != nil &&
			(f.Config.ConfigurationStatus != "pending" || !f.Config.Enabled || f.Config.DesiredConfig != "site" || f.Config.Waiting != nil || f.SessionsHeld):
			t.Fatalf("%s, but configuration %+v", headline, f.Config)
		}
		if f.Component.Error != "" && !strings.Contains(strings.Join(Explain(f), "\n"), f.Component.Error) {
			t.Fatalf("its error is not told:\n%s", strings.Join(Explain(f), "\n"))
		}
	})
}

// Lock, reservation, being disabled and a staged session are part of the first
// line exactly if they are known.
func TestHeadlineTellsWhatHoldsANode(t *testing.T) {
	until := now.Add(time.Minute)
	rapid.Check(t, func(t *rapid.T) {
		f := facts(rapid.SampledFrom([]string{"stable", "failed", "power_off_pending", "configuring", "on_hold"}).Draw(t, "status"))
		enabled := rapid.Bool().Draw(t, "enabled in HSM")
		f.Hardware = &Hardware{Enabled: &enabled}
		f.Lock = &Lock{Locked: rapid.Bool().Draw(t, "locked"), Reserved: rapid.Bool().Draw(t, "reserved"), ExpirationTime: &until}
		f.Component.StagedState.Session = rapid.SampledFrom([]string{"", "s9"}).Draw(t, "staged")
		headline := Explain(f)[0]
		for words, holds := range map[string]bool{"disabled in HSM": !enabled, "locked in HSM": f.Lock.Locked,
			"reserved in HSM until 03:01:00": f.Lock.Reserved, "session s9 is staged": f.Component.StagedState.Session != ""} {
			if strings.Contains(headline, words) != holds {
				t.Fatalf("%q in %q: want %v", words, headline, holds)
			}
		}
	})
}

// Every verdict is that of some node, and each has its words.
func TestVerdicts(t *testing.T) {
	shut := func(f *Facts) { f.Component.DesiredState = State{} }
	pending := func(f *Facts) { f.Config.ConfigurationStatus = "pending" }
	for want, list := range map[Verdict][]*Facts{
		Good:    {facts("stable", running), facts("stable", shut, power("off", "available"))},
		Idle:    {facts("stable", shut, func(f *Facts) { f.Component.Session = "" })},
		Moving:  {facts("on_hold"), facts("configuring"), facts("power_on_called")},
		Pending: {facts("stable", running, pending), facts("stable", running, pending, backedOff)},
		Wrong:   {facts("stable", running, power("off", "available")), facts("stable", shut)},
		Failed:  {facts("failed"), facts("stable", running, func(f *Facts) { f.Config.ConfigurationStatus = "failed" })},
		Unknown: {{Node: "x"}, {Node: "x", Unknown: map[string]string{"bos": "500"}}, facts("stable", running, func(f *Facts) { f.Power = nil })},
	} {
		for _, f := range list {
			h := Judge(f)
			if h.Verdict != want || h.Node+" "+h.Words != Explain(f)[0] {
				t.Errorf("%+v, want %s; explain says %s", h, want, Explain(f)[0])
			}
		}
	}
}

func TestHealthTellsSinceWhen(t *testing.T) {
	f := facts("stable", running, with(entry(time.Hour, "bos", "status", "stable -> on_hold"), entry(time.Minute, "bos", "status", "configuring -> stable"),
		entry(time.Second, "bss", "boot-script", "served")))
	if got := Judge(f).Since; !got.Equal(now.Add(-time.Minute)) {
		t.Errorf("since %s", got)
	}
	if f = facts("stable", running); !Judge(f).Since.IsZero() {
		t.Error("without a journal nobody knows since when")
	}
}

// drawServices has the services say anything of the node.
func drawServices(t *rapid.T, f *Facts) {
	f.Component.ActualState.BootArtifacts.Kernel = rapid.SampledFrom([]string{"", "s3://boot-images/1/kernel", "s3://old"}).Draw(t, "runs")
	f.Power.PowerState = rapid.SampledFrom([]string{"on", "off", "undefined"}).Draw(t, "power")
	f.Power.Error = rapid.SampledFrom([]string{"", "no route"}).Draw(t, "power error")
	if rapid.Bool().Draw(t, "PCS silent") {
		f.Power = nil
	}
	f.Config.ConfigurationStatus = rapid.SampledFrom([]string{"pending", "configured", "failed", "unconfigured"}).Draw(t, "configuration")
	f.Config.DesiredConfig = rapid.SampledFrom([]string{"", "site", "other"}).Draw(t, "desired in CFS")
	f.Config.Enabled = rapid.Bool().Draw(t, "enabled in CFS")
	if rapid.Bool().Draw(t, "waits") {
		f.Config.Waiting = &Waiting{Reason: "the batcher is disabled"}
	}
	f.SessionsHeld = rapid.Bool().Draw(t, "sessions held")
	if rapid.Bool().Draw(t, "CFS silent") {
		f.Config = nil
	}
}
