package operators

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
)

// What an earlier call ends with comes late at times; the outcome of the present
// one is still there.
func TestOutcomeOfAnEarlierCallDoesNotReplaceThatOfThePresentOne(t *testing.T) {
	woken := 0
	k := &outcomes{wake: func(...string) { woken++ }}
	c := bos.Component{ID: "x1"}
	c.Engine.Call.ID, c.Engine.Left.ID = "present", "left"
	at := func(call string, kind bos.Answer) map[string]machine.Outcome {
		return map[string]machine.Outcome{"x1": {CallID: call, Kind: kind}}
	}
	k.put(at("present", bos.AnswerAccepted))
	k.put(at("earlier", bos.AnswerAccepted))
	k.put(at("left", bos.AnswerRefused))
	got := k.of(&c)
	if got == nil || got.CallID != "present" || woken != 3 {
		t.Fatalf("%+v, woken %d times", got, woken)
	}
	k.put(at("present", bos.AnswerLater))
	k.recorded("x1", got) // a newer one has come meanwhile
	if got = k.of(&c); got == nil || got.Kind != bos.AnswerLater {
		t.Fatalf("%+v", got)
	}
	k.recorded("x1", got)
	if got = k.of(&c); got == nil || got.CallID != "left" {
		t.Fatalf("%+v", got)
	}
	k.recorded("x1", got)
	if got = k.of(&c); got != nil {
		t.Errorf("%+v", got)
	}
	k.forget([]string{"x1"})
	if len(k.by) != 0 {
		t.Error("a node that is no longer moving is remembered")
	}
}

func TestTheLogSaysWhichCallsCameToNothing(t *testing.T) {
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	p := &powerOperator{words: "power on"}
	tellFailed(log, p, map[string]machine.Outcome{"x1c0s0b0n0": {Kind: bos.AnswerAccepted}, "x1c0s0b0n1": {Kind: bos.AnswerWaiting}})
	tellFailed(log, p, map[string]machine.Outcome{"x1c0s0b0n0": {Kind: bos.AnswerAccepted},
		"x1c0s1b0n1": {Kind: bos.AnswerRefused, Words: "no"}, "x1c0s1b0n0": {Kind: bos.AnswerLater, Words: "BSS is down"}})
	const want = `level=WARN msg="power calls came to nothing" action="power on" count=2 nodes=x1c0s1b0n[0-1] first=x1c0s1b0n0 why="BSS is down"` + "\n"
	if said.String() != want {
		t.Errorf("said\n%s\nwant\n%s", &said, want)
	}
}
