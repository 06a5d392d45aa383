package shelf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// Objects is the store that all servers of a site use.
type Objects interface {
	Store(ctx context.Context, key string, archive io.Reader, size int64) error
	// Load writes the object to w; one that is not there is a fault.NotFound.
	Load(ctx context.Context, key string, w io.Writer) error
	// Keys are those that there are, the one written last first.
	Keys(ctx context.Context) ([]string, error)
	Delete(ctx context.Context, key string) error
}

// Config says what is kept, and where.
type Config struct {
	// Dir has the directories of this machine's jobs.
	Dir string
	// Cache is for those fetched from the store; it is emptied at the start.
	Cache string
	// Files are what is kept of a job's directory: names of files, and of
	// directories with all files in them. What is not there is left out.
	Files   []string
	Objects Objects
	// Keep is how many jobs stay in the store, and Fetched in the cache. 0: 1,000 and 64.
	Keep, Fetched int
}

// Shelf is open between Start and Stop.
type Shelf struct {
	cfg  Config
	loop *events.Loop
	mu   sync.Mutex // held while the cache changes

	goneMu sync.Mutex
	gone   map[string]bool // of which the store may still have something
}

const (
	// marker is in the directory of a job that the store has.
	marker = "shelved"
	// tidyEvery is the time between two looks at what the store need not have any more.
	tidyEvery = time.Hour
	suffix    = ".tar.gz"
)

// New returns a shelf that is not open yet.
func New(cfg Config) *Shelf {
	if cfg.Keep == 0 {
		cfg.Keep = 1000
	}
	if cfg.Fetched == 0 {
		cfg.Fetched = 64
	}
	s := &Shelf{cfg: cfg, gone: map[string]bool{}}
	s.loop = &events.Loop{Name: "job-shelf", Run: s.run, Resync: func() time.Duration { return tidyEvery }}
	return s
}

// Start puts what has ended into the store, now and whenever Ended says so.
func (s *Shelf) Start(ctx context.Context) error {
	err := os.RemoveAll(s.cfg.Cache)
	if err == nil {
		err = os.MkdirAll(s.cfg.Cache, 0o700)
	}
	if err != nil {
		return fmt.Errorf("cache of what jobs left: %w", err)
	}
	s.loop.Start(ctx)
	return nil
}

// Stop waits for what is under way. What is not in the store by then is put there
// after the next start.
func (s *Shelf) Stop() { s.loop.Stop() }

// Ended says that the job has a result.
func (s *Shelf) Ended(id string) { s.loop.Now(id) }

// Removed says that nothing is to be left of the job. What the store cannot be told of
// before the server ends goes from there with the old ones.
func (s *Shelf) Removed(id string) {
	s.goneMu.Lock()
	s.gone[id] = true
	s.goneMu.Unlock()
	s.loop.Now(id)
}

// Dir is the job's directory on this machine, or a copy of what is kept of it. A job
// that neither has is a fault.NotFound.
func (s *Shelf) Dir(ctx context.Context, id string) (job.Dir, error) {
	if !job.ValidID(id) {
		return "", fault.New(fault.NotFound, "no job has the id '%s'", id)
	}
	for _, path := range []string{filepath.Join(s.cfg.Dir, id), filepath.Join(s.cfg.Cache, id)} {
		if _, err := os.Stat(path); err == nil {
			return job.Dir(path), nil
		}
	}
	return s.fetch(ctx, id)
}

func (s *Shelf) fetch(ctx context.Context, id string) (job.Dir, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := filepath.Join(s.cfg.Cache, id)
	if _, err := os.Stat(to); err == nil { // somebody else wanted it too
		return job.Dir(to), nil
	}
	packed, err := os.CreateTemp(s.cfg.Cache, ".fetch-")
	if err != nil {
		return "", err
	}
	defer os.Remove(packed.Name())
	defer packed.Close()
	if err := s.cfg.Objects.Load(ctx, id+suffix, packed); err != nil {
		return "", fmt.Errorf("what job %s left: %w", id, err)
	}
	s.makeRoom()
	if err := unpack(packed, to); err != nil {
		return "", fmt.Errorf("what job %s left: %w", id, err)
	}
	return job.Dir(to), nil
}

// makeRoom removes those fetched first. Whoever reads them meanwhile fetches them
// again.
func (s *Shelf) makeRoom() {
	entries, err := os.ReadDir(s.cfg.Cache)
	if err != nil {
		return
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() })
	when := func(e fs.DirEntry) time.Time {
		info, err := e.Info()
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return when(a).Compare(when(b)) })
	for _, e := range entries[:max(0, len(entries)-s.cfg.Fetched+1)] {
		os.RemoveAll(filepath.Join(s.cfg.Cache, e.Name())) //nolint:errcheck // then it takes room a while longer
	}
}

func (s *Shelf) run(ctx context.Context, w events.Wake) error {
	if err := s.remove(ctx); err != nil {
		return err
	}
	ids := w.Keys
	if w.All {
		results, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*", "result.json"))
		if err != nil {
			return err
		}
		for _, path := range results {
			ids = append(ids, filepath.Base(filepath.Dir(path)))
		}
	}
	for _, id := range ids {
		if err := s.store(ctx, id); err != nil {
			return fmt.Errorf("keep what job %s left: %w", id, err)
		}
	}
	if w.All {
		return s.tidy(ctx)
	}
	return nil
}

// store puts a job into the store that has ended and is not there yet.
func (s *Shelf) store(ctx context.Context, id string) error {
	d := job.Dir(filepath.Join(s.cfg.Dir, id))
	if _, err := os.Stat(d.Path(marker)); err == nil {
		return nil
	}
	if _, err := d.Result(); errors.Is(err, fs.ErrNotExist) {
		return nil // it runs, or its directory has gone
	}
	packed, err := os.CreateTemp(s.cfg.Cache, ".keep-")
	if err != nil {
		return err
	}
	defer os.Remove(packed.Name())
	defer packed.Close()
	if err := pack(d, s.cfg.Files, packed); err != nil {
		return err
	}
	size, err := packed.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = packed.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	if err := s.cfg.Objects.Store(ctx, id+suffix, packed, size); err != nil {
		return err
	}
	err = os.WriteFile(d.Path(marker), nil, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed meanwhile, as the oldest
	}
	return err
}

// remove takes out of the store and the cache what nothing is to be left of.
func (s *Shelf) remove(ctx context.Context) error {
	s.goneMu.Lock()
	ids := slices.Collect(maps.Keys(s.gone))
	s.goneMu.Unlock()
	for _, id := range ids {
		err := s.cfg.Objects.Delete(ctx, id+suffix)
		if err == nil || fault.Is(err, fault.NotFound) {
			err = s.uncache(id)
		}
		if err != nil {
			return fmt.Errorf("remove what job %s left: %w", id, err)
		}
		s.goneMu.Lock()
		delete(s.gone, id)
		s.goneMu.Unlock()
	}
	return nil
}

func (s *Shelf) uncache(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return os.RemoveAll(filepath.Join(s.cfg.Cache, id))
}

// tidy leaves as many in the store as are to stay.
func (s *Shelf) tidy(ctx context.Context) error {
	keys, err := s.cfg.Objects.Keys(ctx)
	if err != nil {
		return fmt.Errorf("list what jobs left: %w", err)
	}
	for _, key := range keys[min(len(keys), s.cfg.Keep):] {
		if err := s.cfg.Objects.Delete(ctx, key); err != nil {
			slog.Warn("what an old job left stays in the object store", "key", key, "error", err)
		}
	}
	return nil
}
