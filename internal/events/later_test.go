package events

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLateKeyHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		var l *Loop
		var bad, good []time.Duration
		begin := time.Now()
		broken := true
		l = &Loop{Name: "t", Hub: hub, Tables: []string{"a"}, Run: func(_ context.Context, w Wake) error {
			if slices.Contains(w.Keys, "bad") && broken {
				bad = append(bad, time.Since(begin))
				l.Later("bad", errors.New("not now"))
			}
			if slices.Contains(w.Keys, "good") {
				good = append(good, time.Since(begin))
			}
			return nil
		}}
		l.Start(t.Context())
		defer l.Stop()
		<-l.Started()
		hub.Changed("a", []string{"bad"})
		for range 30 {
			time.Sleep(10 * time.Second) // virtual time
			hub.Changed("a", []string{"good"})
			synctest.Wait()
		}
		if len(good) != 30 || good[29] != 300*time.Second {
			t.Errorf("the good key was looked at %v, want each time that it was hinted", good)
		}
		// 1, 2, 4, 8, 16, 32, 60, 60, 60, 60 s and a little less.
		if n := len(bad); n < 10 || n > 14 {
			t.Errorf("the late key was looked at %d times in five minutes: %v", n, bad)
		}
		for i := 1; i < len(bad); i++ {
			wait, most := bad[i]-bad[i-1], min(laterMost, laterFirst<<(i-1))
			if wait > most || wait < most*4/5 {
				t.Errorf("look %d came after %v, want %v or up to a fifth less", i, wait, most)
			}
		}
		broken = false
		hub.Changed("a", []string{"bad"})
		synctest.Wait()
		broken = true
		bad = nil
		hub.Changed("a", []string{"bad"})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(bad) < 2 || bad[1]-bad[0] > time.Second {
			t.Errorf("looks %v: a series that has ended begins anew with a second", bad)
		}
	})
}

func TestNowBeforeStartIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r runs
		l := &Loop{Name: "t", Run: r.record}
		l.Now("early")
		l.Start(t.Context())
		defer l.Stop()
		synctest.Wait()
		l.Now("b", "a")
		l.At("never", time.Time{})
		synctest.Wait()
		w := r.take()
		if len(w) != 3 || !w[0].All || !slices.Equal(w[1].Keys, []string{"early"}) || !slices.Equal(w[2].Keys, []string{"a", "b"}) {
			t.Errorf("runs %v, want everything, early, a and b", w)
		}
	})
}

func TestSameTimerStandsOnce(t *testing.T) {
	var l timers
	at := time.Now()
	for range 3 {
		l.set("k", at.Add(time.Second))
	}
	l.set("k", at)
	if l.first() != time.Unix(0, at.UnixNano()) || len(l.heap) != 2 {
		t.Fatalf("%d timers, the first at %v", len(l.heap), l.first())
	}
	if got := l.due(at.Add(time.Minute)); !slices.Equal(got, []string{"k", "k"}) || len(l.is) != 0 {
		t.Errorf("due %v, %d left", got, len(l.is))
	}
}
