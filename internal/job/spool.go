package job

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Spool is the directory in which an executor's jobs have theirs, and those who
// are told when one changes.
type Spool struct {
	Followers Followers
	dir       string
	changed   chan string
	shelf     Shelf // nil: what jobs leave is here alone
}

// OpenSpool makes the directory if there is none. Its path becomes absolute, so
// that it means the same to every process.
func OpenSpool(dir string) (*Spool, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(abs, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("create directory of jobs: %w", err)
	}
	return &Spool{dir: abs, changed: make(chan string, 4096)}, nil
}

// Path is the directory's.
func (s *Spool) Path() string { return s.dir }

// Dir is the job's directory, which is not there before it starts and after its
// traces are gone; ok: it may be a job's id.
func (s *Spool) Dir(id string) (d Dir, ok bool) {
	return Dir(filepath.Join(s.dir, id)), ValidID(id)
}

// Has tells whether there are traces of the job.
func (s *Spool) Has(id string) bool {
	d, ok := s.Dir(id)
	_, err := os.Stat(string(d))
	return ok && err == nil
}

// Changed delivers the IDs of jobs whose state changed. Hints only: the job's
// state is the truth.
func (s *Spool) Changed() <-chan string { return s.changed }

// Tell hints that the job changed, and has the shelf take what an ended one left.
// When nobody reads, hints are dropped: whoever comes asks for its state.
func (s *Spool) Tell(id string) {
	s.Followers.Wake(id)
	s.shelve(id)
	select {
	case s.changed <- id:
	default:
	}
}

// Unfinished are the jobs without a result, the oldest first. What is half made
// is removed.
func (s *Spool) Unfinished() (ids []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read directory of jobs: %w", err)
	}
	when := map[string]time.Time{}
	for _, entry := range entries {
		id := entry.Name()
		if !entry.IsDir() {
			continue
		}
		d, ok := s.Dir(id)
		if !ok {
			os.RemoveAll(string(d))
			continue
		}
		info, err := entry.Info()
		if _, rerr := d.Result(); err != nil || rerr == nil {
			continue
		}
		ids, when[id] = append(ids, id), info.ModTime()
	}
	slices.SortFunc(ids, func(a, b string) int { return when[a].Compare(when[b]) })
	return ids, nil
}

// Prune removes those jobs that finished first, so that keep stay.
func (s *Spool) Prune(keep int, log *slog.Logger) {
	results, err := filepath.Glob(filepath.Join(s.dir, "*", "result.json"))
	if err != nil || len(results) <= keep {
		return
	}
	when := make(map[string]time.Time, len(results))
	for _, path := range results {
		if info, err := os.Stat(path); err == nil {
			when[path] = info.ModTime()
		}
	}
	slices.SortFunc(results, func(a, b string) int { return when[a].Compare(when[b]) })
	for _, path := range results[:len(results)-keep] {
		dir := filepath.Dir(path)
		err = errors.Join(err, os.RemoveAll(dir))
		s.Tell(filepath.Base(dir))
	}
	if err != nil {
		log.Error("cannot remove an old job", "error", err)
	}
}
