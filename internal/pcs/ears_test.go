package pcs

import (
	"fmt"
	"testing"
	"time"
)

// heardOf is a BMC that has a subscription, and the time.
func heardOf(t *testing.T) (*ears, time.Time) {
	t.Helper()
	e, now := &ears{}, time.Unix(1e9, 0)
	if path, due := e.due("b", "10.0.0.1", now); path != "" || !due {
		t.Fatalf("a BMC that nobody knew: subscription %q, due %v", path, due)
	}
	e.subscribed("b", "/1", now)
	return e, now
}

func TestABMCTellsOnceAnEventArrived(t *testing.T) {
	e, now := heardOf(t)
	if e.tells("b") {
		t.Error("it tells before an event came")
	}
	e.hear("b", now, false)
	if !e.tells("b") || e.telling() != 1 {
		t.Error("it does not tell though a test arrived")
	}
	e.silent("b", now)
	if e.tells("b") {
		t.Error("it tells though it has no subscription")
	}
	e.hear("b", now, false) // arrives before the answer to who subscribed
	if e.tells("b") {
		t.Error("it tells though no subscription is known")
	}
	if e.subscribed("b", "/2", now); !e.tells("b") {
		t.Error("it does not tell though a test arrived before")
	}
}

func TestAnotherAddressIsAnotherBMC(t *testing.T) {
	e, now := heardOf(t)
	e.hear("b", now, false)
	if path, due := e.due("b", "10.0.0.2", now); path != "" || !due || e.tells("b") {
		t.Errorf("subscription %q, due %v, tells %v", path, due, e.tells("b"))
	}
}

func TestANewSubscriptionHasToProveItself(t *testing.T) {
	e, now := heardOf(t)
	e.hear("b", now, true)
	e.renew("b")
	e.subscribed("b", "/2", now)
	if e.tells("b") {
		t.Error("believed by an event of the subscription before")
	}
}

func TestThatASubscriptionWasGoneExcusesAMiss(t *testing.T) {
	e, now := heardOf(t)
	for range mostMisses + 1 {
		e.hear("b", now, true)
		if !e.tells("b") {
			t.Fatal("believed no more")
		}
		now = now.Add(time.Minute)
		e.changed("b", now)
		now = now.Add(time.Minute)
		if lost := e.unheard(now); len(lost) != 1 {
			t.Fatal("nothing was missed")
		}
		e.renew("b")
		e.subscribed("b", "/1", now)
	}
}

func TestMissesAreForgivenAfterADay(t *testing.T) {
	e, now := heardOf(t)
	for range mostMisses + 1 {
		e.hear("b", now, true)
		now = now.Add(forgiveAfter)
		e.changed("b", now)
		now = now.Add(time.Minute)
		e.unheard(now)
	}
	if e.hear("b", now, true); !e.tells("b") {
		t.Error("believed no more")
	}
}

func TestEventsDuringALookCallForAnother(t *testing.T) {
	e, now := heardOf(t)
	if _, may := e.begin("b"); may {
		t.Error("a look without an event")
	}
	if again := e.hear("b", now, true); !again {
		t.Error("no other look is to come")
	}
	since, may := e.begin("b")
	if !may || since != now {
		t.Fatalf("begin: since %v, %v", since, may)
	}
	if again := e.hear("b", now.Add(1), true); again {
		t.Error("a second look besides is to come, though one is already")
	}
	if _, may := e.begin("b"); may {
		t.Error("two looks at a time")
	}
	if !e.end("b") {
		t.Error("an event that came meanwhile calls for no look")
	}
	if since, may = e.beginAgain("b"); !may || since != now.Add(1+late/2) {
		t.Errorf("the other look: since %v, %v", since, may)
	}
	if e.end("b") || !e.postpone("b") || e.postpone("b") {
		t.Error("the other look is to come once")
	}
}

func TestABMCThatDoesNotSayPlainlyIsLookedAtSoonAgain(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newRecorder(nil, nil, func() time.Time { return now })
	c := &Component{Xname: "x1c0s0b0n0"}
	for word, soon := range map[string]bool{"On": false, "Off": false, "PoweringOff": true, "PoweringOn": true, "": true} {
		now = now.Add(time.Hour)
		r.saw(observe(c, now, word, nil))
		if r.answers(c.Xname) == soon {
			t.Errorf("%q: answers is %v", word, !soon)
		}
		now = now.Add(time.Minute)
		if got := r.claim(c.Xname, now.Add(-time.Hour), now.Add(-time.Second)); got != soon {
			t.Errorf("%q: to be looked at soon is %v", word, got)
		}
	}
}

func TestAMissedChangeIsHeldAgainstABMC(t *testing.T) {
	e, now := heardOf(t)
	e.hear("b", now, false)
	for miss := 1; miss <= mostMisses; miss++ {
		e.changed("b", now)
		if lost := e.unheard(now.Add(late)); len(lost) != 0 || !e.tells("b") {
			t.Fatalf("miss %d: given up while the event may still arrive", miss)
		}
		now = now.Add(late + 1)
		if lost := e.unheard(now); len(lost) != 1 || e.tells("b") {
			t.Fatalf("miss %d: believed still", miss)
		}
		if path, due := e.due("b", "10.0.0.1", now); path != "/1" || !due {
			t.Errorf("miss %d: its subscription is not looked at", miss)
		}
		e.subscribed("b", "/1", now)
		if e.hear("b", now, false); e.tells("b") {
			t.Errorf("miss %d: believed by a test", miss)
		}
		now = now.Add(time.Hour)
		if e.hear("b", now, true); e.tells("b") != (miss < mostMisses) {
			t.Errorf("miss %d, then an event of power: believed is %v", miss, e.tells("b"))
		}
		now = now.Add(late + 1)
	}
}

func TestAnEventMayComeBeforeAndAfterTheLookThatFindsItsChange(t *testing.T) {
	e, now := heardOf(t)
	e.hear("b", now, true)
	e.changed("b", now.Add(late)) // the event was before
	if lost := e.unheard(now.Add(time.Hour)); len(lost) != 0 {
		t.Error("an event before the look does not count")
	}
	now = now.Add(time.Hour)
	e.changed("b", now)
	e.hear("b", now.Add(late), true)
	if lost := e.unheard(now.Add(time.Hour)); len(lost) != 0 || !e.tells("b") {
		t.Error("an event after the look does not count")
	}
}

func TestSubscriptionsAreTriedMoreAndMoreRarely(t *testing.T) {
	e, now := heardOf(t)
	for _, want := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour} {
		e.silent("b", now)
		if _, due := e.due("b", "10.0.0.1", now.Add(want-1)); due {
			t.Errorf("due before %v", want)
		}
		if _, due := e.due("b", "10.0.0.1", now.Add(want)); !due {
			t.Errorf("not due after %v", want)
		}
	}
}

func TestLooksAreSpread(t *testing.T) {
	const d, bmcs, parts = time.Hour, 10_000, 10
	var in [parts]int
	for i := range bmcs {
		s := spread(fmt.Sprintf("x%dc0s%db0", 1000+i/64, i%64), d)
		if s < d/2 || s >= d {
			t.Fatalf("%v is not within a half and all of %v", s, d)
		}
		in[(s-d/2)*parts/(d/2)]++
	}
	for part, n := range in {
		if n < bmcs/parts*8/10 || n > bmcs/parts*12/10 {
			t.Errorf("part %d of %d has %d of %d BMCs", part, parts, n, bmcs)
		}
	}
}
