package shelf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// held is a store in memory, which can be away.
type held struct {
	mu      sync.Mutex
	keys    []string // the last one first
	objects map[string][]byte
	away    bool
	deleted int
	changed chan struct{} // receives after each Store and Delete
}

func newHeld() *held {
	return &held{objects: map[string][]byte{}, changed: make(chan struct{}, 1000)}
}

func (h *held) Store(_ context.Context, key string, archive io.Reader, size int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.changed <- struct{}{} }()
	if h.away {
		return errors.New("the store is away")
	}
	text, err := io.ReadAll(archive)
	if err != nil || int64(len(text)) != size {
		return fmt.Errorf("%d bytes, want %d: %w", len(text), size, err)
	}
	h.objects[key] = text
	h.keys = slices.Insert(h.keys, 0, key)
	return nil
}

func (h *held) Load(_ context.Context, key string, w io.Writer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, is := h.objects[key]
	if !is {
		return fault.New(fault.NotFound, "no object %s", key)
	}
	_, err := io.Copy(w, bytes.NewReader(text))
	return err
}

func (h *held) Keys(context.Context) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.keys), nil
}

func (h *held) Delete(_ context.Context, key string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.changed <- struct{}{} }()
	delete(h.objects, key)
	h.deleted++
	h.keys = slices.DeleteFunc(h.keys, func(k string) bool { return k == key })
	return nil
}

func (h *held) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		h.mu.Lock()
		done := is()
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-h.changed:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

// machine is one on which jobs end.
func machine(t *testing.T, store *held, keep int) (*Shelf, string) {
	t.Helper()
	dir := t.TempDir()
	s := New(Config{Dir: filepath.Join(dir, "jobs"), Cache: filepath.Join(dir, "cache"), Files: []string{"result.json", "log", "results"}, Objects: store, Keep: keep, Fetched: 2})
	if err := os.Mkdir(s.cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return s, s.cfg.Dir
}

func started(t *testing.T, s *Shelf) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
}

// runs makes a job with a log and a secret; ends gives it a result.
func runs(t *testing.T, dir, id string) job.Dir {
	t.Helper()
	if err := job.Create(filepath.Join(dir, id), job.Spec{ID: id}, map[string]any{"settings.json": "a secret"}); err != nil {
		t.Fatal(err)
	}
	d := job.Dir(filepath.Join(dir, id))
	if err := os.WriteFile(d.Log("ansible"), []byte("log of "+id), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func ends(t *testing.T, d job.Dir) {
	t.Helper()
	if err := d.SetResult(job.Result{Phase: job.Succeeded}); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherMachineReadsWhatAJobLeft(t *testing.T) {
	store := newHeld()
	one, jobs := machine(t, store, 0)
	ends(t, runs(t, jobs, "before"))
	runs(t, jobs, "still-runs")
	started(t, one)
	ends(t, runs(t, jobs, "later"))
	one.Ended("later")
	store.until(t, "both are stored", func() bool { return len(store.keys) == 2 })

	two, _ := machine(t, store, 0)
	started(t, two)
	for _, id := range []string{"before", "later"} {
		d, err := two.Dir(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(d.Log("ansible"))
		if r, rerr := d.Result(); err != nil || string(text) != "log of "+id || rerr != nil || r.Phase != job.Succeeded {
			t.Errorf("%s: %q, %v, %v, %v", id, text, err, r, rerr)
		}
		if _, err := os.Stat(d.Path("settings.json")); err == nil {
			t.Errorf("%s: what a job was given, with its tokens, is in the store", id)
		}
	}
	for _, id := range []string{"still-runs", "../jobs", "none"} {
		if d, err := two.Dir(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %s, %v", id, d, err)
		}
	}
	if d, err := one.Dir(t.Context(), "still-runs"); err != nil || string(d) != filepath.Join(jobs, "still-runs") {
		t.Errorf("on its own machine: %s, %v", d, err)
	}
}

func TestNothingIsLeftOfAJobThatWasRemoved(t *testing.T) {
	store := newHeld()
	one, jobs := machine(t, store, 0)
	ends(t, runs(t, jobs, "goes"))
	ends(t, runs(t, jobs, "stays"))
	started(t, one)
	store.until(t, "both are stored", func() bool { return len(store.keys) == 2 })
	two, _ := machine(t, store, 0)
	started(t, two)
	for _, id := range []string{"goes", "stays"} {
		if _, err := two.Dir(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	two.Removed("goes")
	store.until(t, "it is removed", func() bool { return store.deleted == 1 })
	two.Stop()
	if d, err := two.Dir(t.Context(), "goes"); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is still read: %s, %v", d, err)
	}
	if _, err := two.Dir(t.Context(), "stays"); err != nil {
		t.Error(err)
	}
}

func TestAStoreThatIsAwayIsTriedAgain(t *testing.T) {
	store := newHeld()
	store.away = true
	s, jobs := machine(t, store, 0)
	ends(t, runs(t, jobs, "one"))
	started(t, s)
	<-store.changed // it was tried
	store.mu.Lock()
	store.away = false
	store.mu.Unlock()
	store.until(t, "it is stored", func() bool { return len(store.keys) == 1 })
}

func TestOldOnesGo(t *testing.T) {
	store := newHeld()
	s, jobs := machine(t, store, 2)
	for _, id := range []string{"a", "b", "c", "d"} {
		ends(t, runs(t, jobs, id))
	}
	started(t, s)
	store.until(t, "two are left", func() bool { return store.deleted == 2 && len(store.objects) == 2 })
	two, _ := machine(t, store, 2)
	started(t, two)
	keys, _ := store.Keys(t.Context()) //nolint:errcheck // it never fails
	for _, key := range append(keys, "later.tar.gz") {
		id := key[:len(key)-len(suffix)]
		if id == "later" {
			ends(t, runs(t, jobs, id))
			s.Ended(id)
			store.until(t, "it is stored", func() bool { return store.objects[key] != nil })
		}
		if _, err := two.Dir(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if cached, err := filepath.Glob(filepath.Join(two.cfg.Cache, "*")); err != nil || len(cached) != 2 {
		t.Errorf("in the cache: %v, %v; want two", cached, err)
	}
}
