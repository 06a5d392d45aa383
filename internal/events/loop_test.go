package events

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// runs records what a loop was woken with.
type runs struct {
	mu    sync.Mutex
	wakes []Wake
}

func (r *runs) record(_ context.Context, w Wake) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wakes = append(r.wakes, w)
	return nil
}

func (r *runs) take() []Wake {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.wakes
	r.wakes = nil
	return w
}

func TestLoopRunsOnceForManyHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		release := make(chan struct{})
		var r runs
		l := &Loop{Name: "t", Hub: hub, Tables: []string{"a", "b"}, Run: func(ctx context.Context, w Wake) error {
			if slices.Contains(w.Keys, "slow") {
				<-release
			}
			return r.record(ctx, w)
		}}
		l.Start(t.Context())
		defer l.Stop()
		<-l.Started()
		if w := r.take(); len(w) != 1 || !w[0].All {
			t.Fatalf("first run %v, want one for everything", w)
		}
		hub.Changed("a", []string{"slow"})
		synctest.Wait()
		for range 3 {
			hub.Changed("a", []string{"k2", "k1"})
			hub.Changed("b", []string{"k3"})
			hub.Changed("elsewhere", []string{"no"})
		}
		close(release)
		synctest.Wait()
		w := r.take()
		if len(w) != 2 || !slices.Equal(w[1].Keys, []string{"k1", "k2", "k3"}) || w[1].All {
			t.Errorf("runs %v, want slow and then k1, k2, k3 once", w)
		}
	})
}

// A hint that is taken together with a key that is due has been seen: no run follows for nothing.
// Who asks a table for the keys of such a run would be given all of it, had it no keys at all.
func TestEachRunHasSomethingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		release := make(chan struct{})
		var r runs
		l := &Loop{Name: "t", Hub: hub, Tables: []string{"a"}, Run: func(ctx context.Context, w Wake) error {
			if slices.Contains(w.Keys, "slow") {
				<-release
			}
			return r.record(ctx, w)
		}}
		l.Start(t.Context())
		defer l.Stop()
		<-l.Started()
		r.take()
		for range 50 { // it is by chance which of the two is heard first
			hub.Changed("a", []string{"slow"})
			synctest.Wait()
			hub.Changed("a", []string{"hinted"})
			l.At("due", time.Now())
			release <- struct{}{}
			time.Sleep(time.Second)
			synctest.Wait()
			if w := r.take(); len(w) != 2 || !slices.Equal(w[1].Keys, []string{"due", "hinted"}) {
				t.Fatalf("runs %v, want one for slow and one for what came meanwhile", w)
			}
		}
		hub.Changed("a", nil)
		synctest.Wait()
		if w := r.take(); len(w) != 1 || w[0].All || w[0].Keys == nil || len(w[0].Keys) > 0 {
			t.Errorf("for a hint without keys: runs %#v, want one without keys, which are not nil", w)
		}
	})
}

func TestLoopTimersAndResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r runs
		l := &Loop{Name: "t", Hub: NewHub(), Resync: func() time.Duration { return 10 * time.Second }, Run: r.record}
		l.Start(t.Context())
		defer l.Stop()
		<-l.Started()
		r.take()
		l.At("late", time.Now().Add(4*time.Second))
		l.At("soon", time.Now().Add(2*time.Second))
		step := func(d time.Duration) []Wake {
			time.Sleep(d) // virtual time
			synctest.Wait()
			return r.take()
		}
		if w := step(2 * time.Second); len(w) != 1 || !slices.Equal(w[0].Keys, []string{"soon"}) {
			t.Errorf("after 2 s %v, want soon", w)
		}
		if w := step(2 * time.Second); len(w) != 1 || !slices.Equal(w[0].Keys, []string{"late"}) {
			t.Errorf("after 4 s %v, want late", w)
		}
		if w := step(6 * time.Second); len(w) != 1 || !w[0].All {
			t.Errorf("after 10 s %v, want everything", w)
		}
		if w := step(10 * time.Second); len(w) != 1 || !w[0].All {
			t.Errorf("after 20 s %v, want everything again", w)
		}
	})
}

func TestLoopRepeatsAFailedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		var r runs
		failures := 2
		l := &Loop{Name: "t", Hub: hub, Tables: []string{"a"}, Run: func(ctx context.Context, w Wake) error {
			if slices.Contains(w.Keys, "k") && failures > 0 {
				failures--
				hub.Changed("a", []string{"other"}) // arrives while failing
				return errors.New("not now")
			}
			return r.record(ctx, w)
		}}
		l.Start(t.Context())
		defer l.Stop()
		<-l.Started()
		r.take()
		start := time.Now()
		hub.Changed("a", []string{"k"})
		time.Sleep(time.Minute)
		synctest.Wait()
		w := r.take()
		if len(w) == 0 || !slices.Equal(w[0].Keys, []string{"k", "other"}) {
			t.Errorf("runs %v, want k and other together after the failures", w)
		}
		if time.Since(start) < 2*retryPause {
			t.Error("failed runs were repeated without a pause")
		}
	})
}

// A service that is down for an hour, or a wrong URL, is not told every second.
func TestLoopThatGoesOnFailingIsRepeatedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		l := &Loop{Name: "t", Run: func(context.Context, Wake) error {
			runs++
			return errors.New("not now")
		}}
		l.Start(t.Context())
		defer l.Stop()
		time.Sleep(time.Hour) // virtual time
		synctest.Wait()
		if least := int(time.Hour / maxRetryPause); runs < least || runs > least+4 {
			t.Errorf("%d runs in an hour", runs)
		}
	})
}

func TestHubTellsToLookAtEverythingRatherThanGrow(t *testing.T) {
	hub := NewHub()
	sub := hub.Subscribe("a")
	keys := make([]string, 1000)
	for i := 0; i <= maxPending/len(keys); i++ {
		for j := range keys {
			keys[j] = time.Duration(i*len(keys) + j).String()
		}
		hub.Changed("a", keys)
	}
	if got, all := sub.Take(); !all || len(got) != 0 {
		t.Errorf("%d keys, all %v; want none and all", len(got), all)
	}
	hub.Changed("a", []string{"k"})
	if got, all := sub.Take(); all || len(got) != 1 {
		t.Errorf("after the overflow %v, all %v; want just k", got, all)
	}
	sub.Close()
	hub.Changed("a", []string{"k"})
	if got, _ := sub.Take(); len(got) != 0 {
		t.Errorf("a closed subscription received %v", got)
	}
}
