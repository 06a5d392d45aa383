package operators

import (
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
