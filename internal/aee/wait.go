package aee

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
	list, err := readJSON[[]Wait](d.path("waits.json"))
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

// waits keeps waits.json for what runs side by side in a step.
type waits struct {
	dir Dir
	mu  sync.Mutex
	now map[string]Wait
}

func (w *waits) set(one Wait) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		w.now = map[string]Wait{}
	}
	w.now[one.What] = one
	return w.write()
}

func (w *waits) over(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.now[what]; !ok {
		return nil
	}
	delete(w.now, what)
	return w.write()
}

func (w *waits) write() error {
	if len(w.now) == 0 {
		return os.Remove(w.dir.path("waits.json"))
	}
	list := slices.SortedFunc(maps.Values(w.now), func(a, b Wait) int { return strings.Compare(a.What, b.What) })
	return writeJSON(w.dir.path("waits.json"), list)
}
