package job

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
)

// told is a shelf that has jobs of another machine.
type told struct {
	dir            string
	ended, removed []string
	away           error
}

func (o *told) Ended(id string) { o.ended = append(o.ended, id) }

func (o *told) Removed(id string) { o.removed = append(o.removed, id) }

func (o *told) Dir(_ context.Context, id string) (Dir, error) {
	if o.away != nil {
		return "", o.away
	}
	if _, err := os.Stat(filepath.Join(o.dir, id)); err != nil {
		return "", fault.New(fault.NotFound, "no job %s", id)
	}
	return Dir(filepath.Join(o.dir, id)), nil
}

func spool(t *testing.T, ids ...string) *Spool {
	t.Helper()
	s, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := Create(filepath.Join(s.Path(), id), Spec{ID: id}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestTheShelfIsToldOfJobsThatHaveEnded(t *testing.T) {
	s, shelf := spool(t, "runs", "ended"), &told{}
	s.Keep(shelf)
	d, _ := s.Dir("ended")
	if err := d.SetResult(Result{Phase: Succeeded}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"runs", "ended", "gone", "../ended"} {
		s.Tell(id)
	}
	if !slices.Equal(shelf.ended, []string{"ended"}) {
		t.Errorf("it was told of %v", shelf.ended)
	}
}

func TestNothingIsLeftOfAJobThatIsRemoved(t *testing.T) {
	s, shelf := spool(t, "goes", "stays"), &told{}
	s.Keep(shelf)
	for _, id := range []string{"goes", "elsewhere", "../stays"} {
		if err := s.Remove(id); err != nil {
			t.Error(err)
		}
	}
	if s.Has("goes") || !s.Has("stays") || !slices.Equal(shelf.removed, []string{"goes", "elsewhere"}) {
		t.Errorf("here: %t and %t; the shelf was told of %v", s.Has("goes"), s.Has("stays"), shelf.removed)
	}
}

func TestWhatAJobLeftIsFoundHereOrOnTheShelf(t *testing.T) {
	s, there := spool(t, "here"), spool(t, "elsewhere")
	s.Keep(&told{dir: there.Path()})
	for id, in := range map[string]string{"here": s.Path(), "elsewhere": there.Path(), "nowhere": s.Path()} {
		if d, err := s.Left(t.Context(), id); err != nil || string(d) != filepath.Join(in, id) {
			t.Errorf("%s: %s, %v; want it in %s", id, d, err, in)
		}
	}
	if d, err := s.Left(t.Context(), "../here"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of what is no id: %s, %v", d, err)
	}
	s.Keep(&told{away: errors.New("the store is away")})
	if d, err := s.Left(t.Context(), "elsewhere"); err == nil {
		t.Errorf("while the store is away: %s", d)
	}
	if d, err := spool(t).Left(t.Context(), "any"); err != nil || filepath.Base(string(d)) != "any" {
		t.Errorf("without a shelf: %s, %v", d, err)
	}
}

// What is kept is read as the job's own directory is.
func TestWhatIsKeptOfAJobHasItsLogs(t *testing.T) {
	for _, want := range []string{"result.json", "steps.json", filepath.Base(filepath.Dir(Dir("x").Log("y")))} {
		if !slices.Contains(LeftBehind, want) {
			t.Errorf("%s is not among %v", want, LeftBehind)
		}
	}
}
