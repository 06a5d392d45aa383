package pcs

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/xname"
)

var (
	anyOperation = rapid.SampledFrom(operations)
	anyType      = rapid.SampledFrom([]xname.Type{xname.Node, xname.ComputeModule, xname.RouterModule, xname.HSNBoard, xname.Chassis, xname.NodeBMC})
	anyOffer     = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"On", "Off", "ForceOff", "GracefulShutdown", "GracefulRestart",
		"ForceRestart", "ForceOn", "PowerCycle", "PushPowerButton", "Nmi"}), func(s string) string { return s })
	anyWord = rapid.SampledFrom([]string{"On", "Off", "PoweringOn", "PoweringOff", "Paused", ""})
)

func TestRoutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := anyOperation.Draw(t, "operation")
		c := &Component{Type: anyType.Draw(t, "type"), ResetTypes: anyOffer.Draw(t, "offer")}
		steps := route(op, c)
		if got := slices.Contains(supported(c.ResetTypes), op); got != (steps != nil) && op != SoftRestart {
			t.Fatalf("supported %v, but route %v", got, steps)
		}
		for i, s := range steps {
			if i > 0 && s.tier <= steps[i-1].tier {
				t.Fatalf("tiers out of order: %v", steps)
			}
			if len(c.ResetTypes) > 0 && !slices.Contains(c.ResetTypes, s.resetType) {
				t.Fatalf("%s is not offered by %v", s.resetType, c.ResetTypes)
			}
			if s.resetType == "ForceOn" && slices.Contains(c.ResetTypes, "On") {
				t.Fatalf("ForceOn is sent to what offers On: %v", c.ResetTypes)
			}
			if slices.Contains([]string{"PowerCycle", "PushPowerButton", "Nmi"}, s.resetType) {
				t.Fatalf("%s must never be sent", s.resetType)
			}
		}
		if n := len(steps); n > 0 {
			want := PowerOn
			if op == Off || op == SoftOff || op == ForceOff {
				want = PowerOff
			}
			if got := steps[n-1].action.wants(); got != want {
				t.Fatalf("%s ends %s: %v", op, got, steps)
			}
		}
	})
}

// What is inside goes off before what holds it and comes on after it.
func TestHierarchy(t *testing.T) {
	inside := []xname.Type{xname.Node, xname.ComputeModule, xname.Chassis}
	for i := range inside[:2] {
		for _, off := range []action{actShutdown, actForceOff} {
			for _, outerOff := range []action{actShutdown, actForceOff} {
				if tierOf(off, inside[i]) >= tierOf(outerOff, inside[i+1]) {
					t.Errorf("%s of %s comes after %s of %s", off, inside[i], outerOff, inside[i+1])
				}
			}
		}
		if tierOf(actOn, inside[i]) <= tierOf(actOn, inside[i+1]) {
			t.Errorf("%s comes on before %s", inside[i], inside[i+1])
		}
	}
}

// A component that changes at its own pace and whose server crashes at any
// time still gets each request of its route at most once, and ends as wanted.
func TestStepsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]Operation{On, Off, SoftOff, ForceOff, Init}).Draw(t, "operation")
		word := rapid.SampledFrom([]string{"On", "Off", "PoweringOn", "PoweringOff"}).Draw(t, "power")
		c := &Component{Type: xname.Node, ResetTypes: []string{"On", "ForceOff", "GracefulShutdown"}}
		steps := route(op, c)
		sends := map[action]int{}
		settle := func() {
			word = map[string]string{"PoweringOn": "On", "PoweringOff": "Off"}[word]
		}
		for i := 0; i < len(steps); {
			s, sent, unsure := steps[i], false, false
			for !s.reached(word) {
				if !sent && s.next(word, unsure) == moveSend {
					sends[s.action]++
					word = map[action]string{actOn: "PoweringOn", actShutdown: "PoweringOff", actForceOff: "Off"}[s.action]
					sent = true
				}
				if rapid.Bool().Draw(t, "crash") {
					sent, unsure = false, true // the answer was not saved
				}
				if (word == "PoweringOn" || word == "PoweringOff") && rapid.Bool().Draw(t, "settles") {
					settle()
				}
			}
			for wants := s.action.wants(); i < len(steps) && steps[i].action.wants() == wants; {
				i++
			}
		}
		for a, n := range sends {
			if n > 1 {
				t.Fatalf("%s was sent %d times", a, n)
			}
		}
		if last := steps[len(steps)-1]; !last.reached(word) {
			t.Fatalf("%s ended with power %s", op, word)
		}
	})
}

func TestFirstLook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op, word := anyOperation.Draw(t, "operation"), anyWord.Draw(t, "word")
		status, _ := firstLook(op, word)
		want := TaskStatus("")
		switch {
		case op == On && word == "On", op != On && !op.needsOn() && op != Init && word == "Off":
			want = TaskSucceeded
		case op.needsOn() && word != "On":
			want = TaskFailed
		}
		if status != want {
			t.Fatalf("%s of a component that is %q: %q, want %q", op, word, status, want)
		}
	})
}

func TestPowerWords(t *testing.T) {
	for word, want := range map[string]PowerState{"On": PowerOn, "Off": PowerOff, "PoweringOn": PowerOff,
		"PoweringOff": PowerOn, "Paused": PowerOn, "": PowerUndefined, "Whatever": PowerUndefined} {
		if got := fromRedfish(word); got != want {
			t.Errorf("%q is %s, want %s", word, got, want)
		}
	}
}
