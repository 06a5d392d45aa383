package vcs_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/vcs"
)

// site is what several servers share, in memory.
type site struct {
	mu       sync.Mutex
	records  map[string]vcs.Record
	packs    map[string][]byte
	stores   int // calls that wrote
	puts     int
	away     error                          // of the object store
	put      func(write func() error) error // what becomes of a change of the index; nil: write
	stored   func()                         // after each pack
	disliked string                         // a key that is not found
}

func newSite() *site { return &site{records: map[string]vcs.Record{}, packs: map[string][]byte{}} }

func (s *site) config(dir string) vcs.Config {
	return vcs.Config{Dir: dir, Mirror: vcs.Mirror{Index: siteIndex{s}, Packs: sitePacks{s}}}
}

// server is one more server of the site, with a directory of its own.
func (s *site) server(t *testing.T) server {
	t.Helper()
	return start(t, s.config(filepath.Join(t.TempDir(), "vcs")))
}

func (s *site) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *site) record(name string) vcs.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[name]
}

type siteIndex struct{ *site }

func (s siteIndex) All(context.Context) ([]vcs.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.records)), nil
}

func (s siteIndex) Put(_ context.Context, r vcs.Record) error {
	write := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		old := s.records[r.Name]
		if !r.Follows(old) {
			return fault.New(fault.Conflict, "generation %d is there", old.Generation)
		}
		s.puts++
		s.records[r.Name] = r
		return nil
	}
	s.mu.Lock()
	put := s.put
	s.mu.Unlock()
	if put != nil {
		return put(write)
	}
	return write()
}

type sitePacks struct{ *site }

func (s sitePacks) Store(_ context.Context, key string, pack io.Reader, size int64) error {
	text, err := io.ReadAll(pack)
	if err != nil || int64(len(text)) != size {
		return errors.New("short")
	}
	s.mu.Lock()
	away, stored := s.away, s.stored
	if away == nil {
		s.stores++
		s.packs[key] = text
	}
	s.mu.Unlock()
	if stored != nil {
		stored()
	}
	return away
}

func (s sitePacks) Load(_ context.Context, key string, w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, is := s.packs[key]
	if !is || key == s.disliked {
		return fault.New(fault.NotFound, "no pack %s", key)
	}
	_, err := w.Write(text)
	return err
}

func (s sitePacks) Keys(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.packs)), nil
}

func (s sitePacks) Delete(_ context.Context, key string) error {
	s.set(func() { delete(s.packs, key) })
	return nil
}
