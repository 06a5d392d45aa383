package admission

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestThoseBeyondTheQueueAreSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Running: 2, Waiting: 3, Patience: time.Minute}, time.Now)
		entered := make(chan int, 5)
		for i := range 5 {
			go func() {
				if ok, _ := g.Enter(t.Context()); !ok {
					t.Errorf("no. %d was sent away", i)
				}
				entered <- i
			}()
			synctest.Wait()
		}
		if ok, back := g.Enter(t.Context()); ok || back < time.Second {
			t.Errorf("admitted %v, back in %v", ok, back)
		}
		if g.SentAway() != 1 || g.Waiting() != 3 {
			t.Errorf("%d sent away, %d wait", g.SentAway(), g.Waiting())
		}
		for want := range 5 {
			if len(entered) == 0 { // two are inside; one goes, the next comes
				g.Leave()
				synctest.Wait()
			}
			if got := <-entered; got != want {
				t.Errorf("no. %d entered before no. %d", got, want)
			}
		}
		g.Leave()
		if ok, _ := g.Enter(t.Context()); !ok {
			t.Error("sent away with one inside")
		}
	})
}

func TestWhoWaitsTooLongIsSentAwayAndLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Limits{Running: 1, Waiting: 1, Patience: 5 * time.Second}, time.Now)
		g.Enter(t.Context())
		began := time.Now()
		if ok, _ := g.Enter(t.Context()); ok || time.Since(began) != 5*time.Second {
			t.Errorf("admitted %v after %v", ok, time.Since(began))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if ok, _ := g.Enter(gone); ok {
			t.Error("who is gone was admitted")
		}
		g.Leave()
		for range 2 { // both places are free again
			if ok, _ := g.Enter(t.Context()); !ok {
				t.Error("sent away with nobody inside")
			}
			g.Leave()
		}
	})
}

func TestReturnsAreSpreadAtThePaceOfAnswers(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewReturns(func() time.Time { return now })
	if got := r.Next(); got != time.Second {
		t.Errorf("the first comes back in %v", got)
	}
	for range 200 {
		r.Answered()
	}
	now = now.Add(time.Second)
	in := map[time.Duration]int{}
	for range 2000 { // at 200 a second
		in[r.Next()]++
	}
	for s := 2; s < 10; s++ {
		if n := in[time.Duration(s)*time.Second]; n < 195 || n > 205 {
			t.Errorf("%d come back in second %d, expected 200: %v", n, s, in)
		}
	}
	for range 100_000 {
		if got := r.Next(); got < time.Second || got > 2*time.Minute {
			t.Fatalf("back in %v", got)
		}
	}
	now = now.Add(time.Hour)
	if got := r.Next(); got != time.Second {
		t.Errorf("after a calm the first comes back in %v", got)
	}
}

func TestConnectionsBeyondTheMostWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := NewConnections(4)
	server := &http.Server{ConnState: c.Note, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.Crowded() {
			w.Header().Set("Connection", "close")
		}
	})}
	go server.Serve(c.Listen(l)) //nolint:errcheck // until the test ends
	defer server.Close()
	ask := func() bool {
		client := &http.Client{Transport: &http.Transport{}}
		t.Cleanup(client.CloseIdleConnections)
		resp, err := client.Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return !resp.Close
	}
	for i := range 12 { // those past the third are not kept
		if kept := ask(); kept != (i < 3) {
			t.Errorf("connection %d is kept: %v", i, kept)
		}
	}
}
