package job

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Wait is what a running step waits for, as waits.json has it.
type Wait struct {
	What  string    `json:"what"` // such as "layer 0 base"
	Why   string    `json:"why"`
	Tries int       `json:"tries"` // so far
	Of    int       `json:"of"`    // tries at most
	Since time.Time `json:"since"` // of the first
	Next  time.Time `json:"next"`  // try
}

// Waits are what the job's running step waits for now; none if it goes on.
func (d Dir) Waits() ([]Wait, error) {
	list, err := ReadWork[[]Wait](d, "waits.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// Records reports whether the file is one of those in a job's directory that
// tell how far its steps are.
func Records(path string) bool {
	name := filepath.Base(path)
	return name == "steps.json" || name == "waits.json"
}

// OfRecord is the job to which such a file belongs.
func OfRecord(path string) (id string) {
	dir := filepath.Dir(path)
	if filepath.Base(dir) == WorkDir {
		dir = filepath.Dir(dir)
	}
	return filepath.Base(dir)
}

// Waits keeps waits.json for what runs side by side in a step.
type Waits struct {
	Dir Dir
	mu  sync.Mutex
	now map[string]Wait
}

// Set tells that the step waits for one thing, or how that stands now.
func (w *Waits) Set(one Wait) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		w.now = map[string]Wait{}
	}
	w.now[one.What] = one
	return w.write()
}

// Over tells that it does not wait for it any more.
func (w *Waits) Over(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.now[what]; !ok {
		return nil
	}
	delete(w.now, what)
	return w.write()
}

func (w *Waits) write() error {
	if len(w.now) == 0 {
		return os.Remove(w.Dir.Path("waits.json"))
	}
	list := slices.SortedFunc(maps.Values(w.now), func(a, b Wait) int { return strings.Compare(a.What, b.What) })
	return w.Dir.Write("waits.json", list)
}
