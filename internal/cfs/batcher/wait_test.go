package batcher

import (
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/events"
)

// hint is a look at what a hint names, now.
func (f *fixture) hint(keys ...string) {
	f.t.Helper()
	if err := f.batcher.run(f.t.Context(), events.Wake{Keys: keys}); err != nil {
		f.t.Fatal(err)
	}
}

// wantSessionOf wants one session, of the component.
func (f *fixture) wantSessionOf(id string) {
	f.t.Helper()
	if got := f.sessions(); len(got) != 1 || !strings.HasSuffix(got[0], ": "+id) {
		f.t.Errorf("sessions %q, want one of %s", got, id)
	}
}

// A back-off belongs to those who failed: a node that failed nothing has its
// try, also of a configuration that others failed with.
func TestBackoffDelaysNoNodeThatFailedNothing(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	f.add("good")
	f.look(time.Second)
	f.look(time.Second)
	f.wantSessionOf("good")
}

func TestChangeOfTheComponentEndsItsBackoff(t *testing.T) {
	for name, patch := range map[string]string{
		"its errors are forgotten": `{"id":"bad","error_count":0}`,
		"its state is cleared":     `{"id":"bad","state":[]}`,
		"it is to be configured":   `{"id":"bad","desired_config":"c"}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.add("bad")
			f.fail("bad")
			f.patch(patch)
			f.hint("bad")
			f.look(time.Second)
			f.wantSessionOf("bad")
		})
	}
}

// Nobody has to change anything for a back-off to end in time.
func TestBackoffEndsInTime(t *testing.T) {
	f := newFixture(t)
	f.add("bad")
	f.fail("bad")
	until := f.batcher.backoffs["c"].until
	f.now = until.Add(-time.Second)
	f.look(0)
	f.wantSessions()
	f.now = until
	f.hint("c") // the batcher asked to be woken then
	f.look(time.Second)
	f.wantSessionOf("bad")
}
