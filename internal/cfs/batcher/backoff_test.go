package batcher

import (
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
)

func TestBackoff(t *testing.T) {
	var b backoff
	now := time.Unix(0, 0)
	limit := 3 * time.Minute
	for range 19 {
		if b.fail(now, limit); !b.until.IsZero() {
			t.Fatal("twenty may fail before there is a back-off")
		}
	}
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute} {
		b.fail(now, limit)
		if got := b.until.Sub(now); got != want {
			t.Errorf("back-off %d: %s, want %s", i, got, want)
		}
		b.fail(now, limit) // it is not over yet
		if got := b.until.Sub(now); got != want {
			t.Errorf("back-off %d was prolonged to %s", i, got)
		}
		now = b.until
	}
	b = backoff{}
	for range 20 {
		b.fail(now, 0)
	}
	if b.until.After(now) {
		t.Error("a limit of 0 disables it")
	}
}

func TestSuccessEndsTheBackoff(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.look(time.Hour)
	f.look(time.Second)
	name, _, _ := strings.Cut(f.sessions()[0], ": ")
	for _, p := range []string{"a", "b"} {
		f.report("bad", p, "applied", name)
	}
	f.play(name)
	f.look(time.Second)
	if len(f.batcher.backoffs) != 0 {
		t.Error("the back-off outlived a success")
	}
}

// fail has sessions of the component fail, without end, until none is made.
func (f *fixture) fail(id string) {
	f.t.Helper()
	f.patch(`{"id":"` + id + `","retry_policy":-1}`)
	for range 30 {
		f.look(time.Second)
		f.look(time.Second)
		open := f.sessions()
		if len(open) == 0 {
			return
		}
		name, _, _ := strings.Cut(open[0], ": ")
		f.report(id, "a", "failed", name)
		f.end(name, cfs.SucceededFalse)
	}
	f.t.Fatal("sessions of a configuration that always fails are made without a pause")
}

func TestBackoffOfOneConfigurationDelaysNoOther(t *testing.T) {
	f := newFixture(t)
	f.configure("d", "z")
	f.add("bad", "good")
	f.patch(`{"id":"good","enabled":false}`)
	f.fail("bad")
	f.patch(`{"id":"good","desired_config":"d","enabled":true}`)
	f.look(time.Second)
	f.look(time.Second)
	if got := f.sessions(); len(got) != 1 || !strings.HasSuffix(got[0], ": good") {
		t.Errorf("sessions %q, want one of good", got)
	}
}

func TestChangeOfTheConfigurationEndsItsBackoff(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.configure("c", "repaired")
	if err := f.batcher.run(t.Context(), events.Wake{Keys: []string{"c"}}); err != nil { // the hint of the change
		t.Fatal(err)
	}
	f.look(time.Second)
	if got := f.sessions(); len(got) != 1 {
		t.Errorf("sessions %q, want one of bad", got)
	}
}
