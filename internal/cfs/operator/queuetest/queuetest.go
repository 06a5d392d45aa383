// Package queuetest is the suite that every queue of session events passes.
package queuetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// Subject is an empty queue of a kind.
type Subject struct {
	// Hub receives the hints of the queue's Table.
	Hub *events.Hub
	// Put appends as the service does.
	Put func(ctx context.Context, payload []byte) error
	// Open returns the queue as a server that starts has it; it is called again
	// after close.
	Open func(t *testing.T, now func() time.Time) (q operator.Queue, close func())
}

// Run runs the suite on new subjects.
func Run(t *testing.T, make func(t *testing.T) *Subject) {
	for name, test := range map[string]func(*run){
		"events of a session stay in order":                    (*run).order,
		"a message stays until it is done":                     (*run).staysUntilDone,
		"what is done does not come back":                      (*run).doneIsOver,
		"one that is given back comes later and others do not": (*run).givenBack,
		"a payload comes as it was put":                        (*run).anyPayload,
		"Done of what is not there does nothing":               (*run).doneTwice,
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{t: t, Subject: make(t), at: time.Now()}
			test(r)
		})
	}
}

// run is one test.
type run struct {
	*Subject
	t  *testing.T
	mu sync.Mutex
	at time.Time
	q  operator.Queue
}

func (r *run) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *run) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func (r *run) open() (close func()) {
	r.t.Helper()
	r.q, close = r.Open(r.t, r.now)
	return close
}

func event(session string, n int) string {
	return fmt.Sprintf(`{"type":"CREATE","data":{"name":%q},"n":%d}`, session, n)
}

func (r *run) put(payloads ...string) {
	r.t.Helper()
	for _, p := range payloads {
		if err := r.Put(r.t.Context(), []byte(p)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// due waits until n messages are due and looks only after hints, as the
// operator does.
func (r *run) due(n int) []store.Message {
	r.t.Helper()
	hints := r.Hub.Subscribe(r.q.Table())
	defer hints.Close()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		list, err := r.q.Due(r.t.Context(), 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(list) >= n {
			return list
		}
		select {
		case <-hints.Ready():
		case <-deadline.C:
			r.t.Fatalf("%d messages are due, expected %d", len(list), n)
		}
	}
}

func (r *run) done(list ...store.Message) {
	r.t.Helper()
	var ids []int64
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	if err := r.q.Done(r.t.Context(), ids...); err != nil {
		r.t.Fatal(err)
	}
}

func texts(list []store.Message) (out []string) {
	for _, m := range list {
		out = append(out, string(m.Payload))
	}
	return out
}

func (r *run) order() {
	var put []string
	for n := range 40 {
		put = append(put, event(fmt.Sprintf("s%d", n%4), n))
	}
	defer r.open()()
	r.put(put...)
	got := texts(r.due(len(put)))
	for s := range 4 {
		name := fmt.Sprintf(`"s%d"`, s)
		of := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(p string) bool { return !strings.Contains(p, name) })
		}
		if !slices.Equal(of(got), of(put)) {
			r.t.Errorf("session %s:\n got %q\nwant %q", name, of(got), of(put))
		}
	}
}

func (r *run) staysUntilDone() {
	closes := r.open()
	r.put(event("a", 1), event("a", 2))
	first := texts(r.due(2))
	if again := texts(r.due(2)); !slices.Equal(first, again) {
		r.t.Errorf("%q, then %q", first, again)
	}
	closes()
	defer r.open()()
	if again := texts(r.due(2)); !slices.Equal(first, again) {
		r.t.Errorf("%q, after a restart %q", first, again)
	}
}

func (r *run) doneIsOver() {
	closes := r.open()
	r.put(event("a", 1), event("a", 2), event("a", 3))
	r.done(r.due(3)[:2]...)
	if got := texts(r.due(1)); !slices.Equal(got, []string{event("a", 3)}) {
		r.t.Errorf("after Done: %q", got)
	}
	closes()
	defer r.open()()
	r.put(event("a", 4))
	if got := texts(r.due(2)); !slices.Equal(got, []string{event("a", 3), event("a", 4)}) {
		r.t.Errorf("after a restart: %q", got)
	}
}

func (r *run) givenBack() {
	closes := r.open()
	r.put(event("a", 1), event("a", 2), event("a", 3))
	first := r.due(3)[0]
	if err := r.q.Retry(r.t.Context(), first.ID, time.Hour); err != nil {
		r.t.Fatal(err)
	}
	others := r.due(2)
	if got := texts(others); !slices.Equal(got, []string{event("a", 2), event("a", 3)}) {
		r.t.Errorf("due beside the one given back: %q", got)
	}
	r.done(others...)
	r.later(time.Hour)
	got := r.due(1)
	if len(got) != 1 || string(got[0].Payload) != event("a", 1) || got[0].Attempts != 1 {
		r.t.Errorf("later: %q, attempts %d", texts(got), got[0].Attempts)
	}
	closes() // without it being done: it must not be lost, whatever comes with it
	defer r.open()()
	r.later(time.Hour)
	if got := texts(r.due(1)); got[0] != event("a", 1) {
		r.t.Errorf("after a restart: %q", got)
	}
}

func (r *run) anyPayload() {
	defer r.open()()
	put := []string{"not JSON", `{"type":`, event("a", 1)}
	r.put(put...)
	got := texts(r.due(len(put)))
	slices.Sort(got)
	slices.Sort(put)
	if !slices.Equal(got, put) {
		r.t.Errorf("got %q, want %q", got, put)
	}
}

func (r *run) doneTwice() {
	defer r.open()()
	r.put(event("a", 1), event("a", 2))
	list := r.due(2)
	r.done()
	r.done(list[0], list[0], store.Message{ID: 1 << 40})
	r.done(list[0])
	if got := texts(r.due(1)); !slices.Equal(got, []string{event("a", 2)}) {
		r.t.Errorf("%q", got)
	}
}
