package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/journal"
)

// byV1 are lines of a session of v1 about the node, a minute and less ago.
func byV1(id, operation string, texts ...string) (out []journal.Entry) {
	for i, text := range append([]string{"session " + id + " of BOS v1 takes the node: " + operation + " of boot set compute"}, texts...) {
		e := entry(time.Minute-time.Duration(i)*time.Second, "bos", "v1", text)
		e.Session, e.Failed = id, strings.Contains(text, ": failed")
		out = append(out, e)
	}
	return out
}

// untouched: version 2 never moved the node, version 1 did as the lines say.
func untouched(list ...journal.Entry) func(*Facts) {
	return func(f *Facts) {
		f.Component.Session, f.Component.DesiredState, f.Component.Enabled = "", State{}, false
		f.Config.ConfigurationStatus = "configured"
		f.Journal = list
	}
}

func owned(id string) func(*Facts) { return func(f *Facts) { f.Component.V1Session = id } }

// applied: the node's configuration was applied so long ago.
func applied(before time.Duration) func(*Facts) {
	return func(f *Facts) {
		f.Config.State = []Layer{{Playbook: "site.yml", Status: "applied", LastUpdated: ago(before)}}
	}
}

func TestNodesOfSessionsOfVersion1AreToldOf(t *testing.T) {
	off := power("off", "available")
	booted := []string{"phase boot: in progress", "phase boot: succeeded", "phase configure: in progress", "phase configure: succeeded", "session ended"}
	failedToBoot := []string{"phase boot: in progress", "phase boot: failed: no power", "phase configure: excluded: failed in phase boot"}
	out := entry(time.Second, "bos", "v1", "left out of the session: HSM does not know the node")
	out.Session = "z"
	for name, c := range map[string]struct {
		facts   *Facts
		verdict Verdict
		want    []string
	}{
		"begun":               {facts("stable", untouched(byV1("a", "boot")...), owned("a")), Moving, []string{"is in session a of BOS v1: boot, phase boot not started."}},
		"boots":               {facts("stable", untouched(byV1("a", "boot", booted[:1]...)...), owned("a")), Moving, []string{"is in session a of BOS v1: boot, phase boot in progress.", "What happened", "drover watch a"}},
		"booted":              {facts("stable", untouched(byV1("a", "boot", booted[:3]...)...), owned("a")), Moving, []string{"phase configure in progress."}},
		"the journal is gone": {facts("stable", untouched(), owned("a")), Moving, []string{"is in session a of BOS v1: it is on its way.", "stable, in session a of BOS v1"}},
		"failed under way": {facts("stable", untouched(byV1("a", "boot", failedToBoot...)...), owned("a")), Failed,
			[]string{"failed in phase boot of session a of BOS v1 (boot).", "No power", "has the node until it ends", "session create --template-uuid T --operation boot"}},
		"failed":       {facts("stable", untouched(byV1("a", "boot", append(failedToBoot, "session ended")...)...)), Failed, []string{"failed in phase boot of session a of BOS v1.", "No power", "(boot) let it go 56s ago: session ended."}},
		"failed in v2": {facts("failed", untouched(byV1("a", "boot", booted...)...)), Good, []string{"was booted by session a of BOS v1, and is as it should be."}},
		"good":         {facts("stable", untouched(byV1("a", "boot", booted...)...)), Good, []string{"was booted by session a of BOS v1, and is as it should be.", "let it go 55s ago: session ended."}},
		"pending again": {facts("stable", untouched(byV1("a", "boot", booted...)...), func(f *Facts) { f.Config.ConfigurationStatus = "pending" }), Pending,
			[]string{"was booted by session a of BOS v1; its configuration is pending"}},
		"went off":      {facts("stable", untouched(byV1("a", "boot", booted...)...), off), Wrong, []string{"is off; it was booted by session a of BOS v1."}},
		"started again": {facts("stable", untouched(append(byV1("a", "boot", booted...), entry(time.Second, "bss", "boot-script", "served"))...)), Unknown, []string{"started again 1s ago"}},
		"off":           {facts("stable", untouched(byV1("a", "shutdown", "phase shutdown: succeeded", "session ended")...), off), Good, []string{"is off, as session a of BOS v1 had it shut down."}},
		"off again": {facts("stable", untouched(append(byV1("a", "shutdown", "phase shutdown: succeeded", "session ended"), entry(time.Second, "bss", "boot-script", "served"))...), off), Good,
			[]string{"is off; it was started again after session a of BOS v1 had shut it down."}},
		"on again":        {facts("stable", untouched(byV1("a", "shutdown", "phase shutdown: succeeded", "session ended")...)), Wrong, []string{"is on; session a of BOS v1 had shut it down."}},
		"deleted midway":  {facts("stable", untouched(byV1("a", "boot", "phase boot: in progress", "the session was deleted")...)), Wrong, []string{"was left in phase boot (in progress) by session a of BOS v1.", "ago: the session was deleted."}},
		"never got there": {facts("stable", untouched(byV1("a", "boot", "the session was deleted")...)), Wrong, []string{"was left in phase boot (not started) by session a of BOS v1."}},
		"repaired": {facts("stable", untouched(byV1("a", "boot", "phase boot: succeeded", "phase configure: failed: CFS says no", "session ended")...), applied(10*time.Second)), Good,
			[]string{"is as it should be: it was configured after session a of BOS v1 had failed."}},
		"configured before it failed": {facts("stable", untouched(byV1("a", "configure", "phase configure: failed: the session template names no configuration", "session ended")...), applied(time.Hour)), Failed,
			[]string{"failed in phase configure of session a of BOS v1.", "The session template names no configuration"}},
		"left out since": {facts("stable", untouched(append(byV1("a", "boot", booted...), out)...)), Good, []string{"was booted by session a of BOS v1", "Session z of BOS v1 left it out 1s ago: HSM does not know the node"}},
		"left out only":  {facts("stable", untouched(out)), Idle, []string{"was never booted by the boot service.", "Session z of BOS v1 left it out"}},
		"excluded as it is on": {facts("stable", untouched(append(byV1("a", "boot", booted...), byV1("b", "boot", "phase boot: excluded: the node is on", "session ended")...)...)), Good,
			[]string{"was booted by session a of BOS v1"}},
		"version 2 since": {facts("stable", running, with(append(byV1("a", "boot", booted...), entry(time.Second, "bos", "status", "configuring -> stable"))...)), Good, []string{"runs what it should."}},
		"configured since": {facts("stable", running, with(byV1("a", "configure", "phase configure: succeeded", "session ended")...)), Good,
			[]string{"runs what it should.", "Session a of BOS v1 configured it, and ended 58s ago."}},
		"version 2 begins": {facts("on_hold", with(byV1("a", "reboot", "phase shutdown: succeeded")...), owned("a")), Moving,
			[]string{"waits for session a of BOS v1, which has the node until it ends: reboot, phase boot not started.", "drover watch a"}},
		"version 2 waits": {facts("power_off_pending", with(byV1("a", "boot", booted[:1]...)...), owned("a")), Moving,
			[]string{"is on and about to be powered off.", "Session a of BOS v1 has the node until it ends: boot, phase boot in progress."}},
	} {
		text := strings.Join(Explain(c.facts), "\n")
		if got := Judge(c.facts).Verdict; got != c.verdict {
			t.Errorf("%s: %s, expected %s:\n%s", name, got, c.verdict, text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
	}
}

func TestTheConsoleOfANodeThatVersion1BootsIsAskedFor(t *testing.T) {
	for want, last := range map[bool]string{true: "phase boot: failed: not Ready", false: "phase boot: succeeded"} {
		f := facts("stable", untouched(byV1("a", "boot", last)...), owned("a"))
		if f.AsksForConsole() != want {
			t.Errorf("%s: the console is asked for: %v", last, !want)
		}
		f.Console = []string{"Kernel panic - not syncing: no root"}
		if told := strings.Contains(strings.Join(Explain(f), "\n"), "On its console: Kernel panic - not syncing: no root"); told != want {
			t.Errorf("%s: the panic is told: %v", last, told)
		}
	}
}

// Among several nodes, too, the reason is that of the session the node failed in.
func TestLineOfANodeHasTheReasonOfTheSessionItFailedIn(t *testing.T) {
	inV1 := byV1("a", "boot", "phase boot: in progress", "phase boot: failed: no power", "session ended")
	older := func(f *Facts) { f.Component.Error = "an older one" }
	for want, f := range map[string]*Facts{
		"failed in phase boot of session a of BOS v1. No power": facts("failed", untouched(inV1...), older),
		"failed. an older one": facts("failed", older),
	} {
		if got := Line(f); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// What is said first of a node that v1 has, or had, is what the lines below it
// and the services say.
func TestHeadlineOfANodeOfVersion1ContradictsNoFact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		operation := rapid.SampledFrom([]string{"boot", "reboot", "shutdown", "configure"}).Draw(t, "operation")
		ways := map[string][]string{"boot": {"boot", "configure"}, "reboot": {"shutdown", "boot", "configure"}, "shutdown": {"shutdown"}, "configure": {"configure"}}
		var texts []string
		last := ""
		for _, p := range ways[operation] {
			last = rapid.SampledFrom([]string{"", "in progress", "succeeded", "failed"}).Draw(t, p)
			if last != "" {
				texts = append(texts, "phase "+p+": "+last)
			}
			if last != "succeeded" {
				break
			}
		}
		f := facts(rapid.SampledFrom([]string{"stable", "failed"}).Draw(t, "status"))
		if rapid.Bool().Draw(t, "v2 booted it before") {
			f.Component.Error = "an older one"
		} else {
			f.Component.DesiredState, f.Component.Session = State{}, ""
		}
		drawServices(t, f)
		has := rapid.Bool().Draw(t, "has it")
		if has {
			f.Component.V1Session = "a"
		} else {
			texts = append(texts, "session ended")
		}
		f.Journal = byV1("a", operation, texts...)
		headline, verdict := Explain(f)[0], Judge(f).Verdict
		says := func(s string) bool { return strings.Contains(headline, s) }
		switch {
		case says("never booted"):
			t.Fatalf("%s, but %q", headline, texts)
		case has && last == "failed" != (verdict == Failed), has && !says("session a of BOS v1"), has && verdict != Failed && verdict != Moving:
			t.Fatalf("%s (%s), but %q", headline, verdict, texts)
		case says("is in session") != (has && last != "failed"):
			t.Fatalf("%s, but the session has it: %v", headline, has)
		case says(f.Node+" is off") && !f.powered("off"), says("is on;") && !f.powered("on"), says("started again"):
			t.Fatalf("%s, but power %+v", headline, f.Power)
		case says("was booted by") && !slices.Contains(texts, "phase boot: succeeded"):
			t.Fatalf("%s, but %q", headline, texts)
		case says("and is as it should be") && (!f.powered("on") || last != "succeeded" && operation == "configure" ||
			f.Config != nil && f.Config.DesiredConfig != "" && f.Config.ConfigurationStatus != "configured"):
			t.Fatalf("%s, but %+v %+v %q", headline, f.Power, f.Config, texts)
		case !has && verdict == Good && last == "in progress":
			t.Fatalf("%s, but %q", headline, texts)
		}
	})
}
