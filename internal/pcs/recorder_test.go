package pcs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/drover-hpc/drover/internal/hsm"
)

// book is the table of power states, as far as the recorder's batches go.
type book struct {
	r     *recorder
	rows  map[string]PowerState
	full  bool // nothing can be written
	count int  // of observations that came to be written
	// during is called while a batch is being written.
	during func()
}

func newBook() *book {
	b := &book{rows: map[string]PowerState{}}
	b.r = newRecorder(nil, nil, time.Now)
	b.r.unwritten.Every, b.r.unwritten.Write = time.Hour, b.write
	return b
}

func (b *book) write(_ context.Context, seen []observation) error {
	if b.full {
		return errors.New("no space")
	}
	for i := range seen {
		b.rows[seen[i].component.Xname] = seen[i].power
		b.count++
	}
	if b.during != nil {
		b.during()
	}
	b.r.isWritten(seen)
	return nil
}

// Over any order of looks, writes and writes that fail: what is seen last is
// what is written in the end.
func TestWhatIsSeenLastIsWritten(t *testing.T) {
	components := []*Component{{Xname: "x0c0s0b0n0"}, {Xname: "x0c0s0b0n1"}}
	words := []string{"On", "Off", ""}
	rapid.Check(t, func(t *rapid.T) {
		b := newBook()
		last := map[string]PowerState{}
		saw := func(label string) {
			c := rapid.SampledFrom(components).Draw(t, label)
			o := observe(c, time.Now(), rapid.SampledFrom(words).Draw(t, label+" word"), nil)
			b.r.saw(o)
			last[c.Xname] = o.power
		}
		b.during = func() {
			if rapid.Bool().Draw(t, "looked at while being written") {
				saw("meanwhile")
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"look", "look", "write", "fail"}).Draw(t, "step") {
			case "look":
				saw("look")
			case "write":
				b.full = false
				b.r.unwritten.Flush(t.Context()) //nolint:errcheck // looked at in the end
			case "fail":
				b.full = true
				b.r.unwritten.Flush(t.Context()) //nolint:errcheck // it fails
			}
		}
		b.full, b.during = false, nil
		if err := b.r.unwritten.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(b.rows) != fmt.Sprint(last) {
			t.Errorf("written %v, seen last %v", b.rows, last)
		}
	})
}

func TestARoundOfPollsThatFindsNothingNewWritesAndReadsNothing(t *testing.T) {
	b := newBook()
	poll := func() {
		for i := range 1000 {
			b.r.saw(observe(&Component{Xname: fmt.Sprintf("x0c0s0b0n%d", i), ResetTypes: []string{"On"}}, time.Now(), "On", nil))
		}
		if err := b.r.unwritten.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	first := b.count
	for range 3 {
		poll()
	}
	if first != 1000 || b.count != first {
		t.Errorf("%d observations to be written in the first round, %d in three more, want 1000 and none", first, b.count-first)
	}
}

// stock counts how often it is asked for all that it has.
type stock struct {
	names    []string
	all, ids int
}

func (s *stock) ComponentEndpoints(_ context.Context, ids []string) ([]hsm.ComponentEndpoint, error) {
	if ids == nil {
		s.all++
		ids = s.names
	} else {
		s.ids += len(ids)
	}
	out := make([]hsm.ComponentEndpoint, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	return out, nil
}

func TestTheInventoryIsReadAgainByNameUnlessMostOfItChanged(t *testing.T) {
	s := &stock{}
	for i := range 1000 {
		s.names = append(s.names, fmt.Sprintf("x0c0s%db0n0", i))
	}
	c := newCatalog(s)
	for _, changed := range []struct{ names, all, ids int }{{1000, 1, 0}, {1, 0, 1}, {300, 0, 300}, {501, 1, 0}} {
		s.all, s.ids = 0, 0
		if err := c.refresh(t.Context(), s.names[:changed.names]); err != nil {
			t.Fatal(err)
		}
		if s.all != changed.all || s.ids != changed.ids || len(c.byName) != 1000 {
			t.Errorf("%d of 1000 changed: asked for all %d times and for %d by name, %d known", changed.names, s.all, s.ids, len(c.byName))
		}
	}
}
