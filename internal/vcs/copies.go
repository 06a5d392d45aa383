package vcs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
)

// mirrored tells whether the repositories are copies.
func (s *Service) mirrored() bool { return s.cfg.Mirror.Index != nil }

// keep has the caller be the only one that changes the copy, until it calls the
// result.
func (s *Service) keep(n name) (done func()) {
	s.mu.Lock()
	lock := s.busy[n]
	if lock == nil {
		lock = &sync.Mutex{}
		s.busy[n] = lock
	}
	s.mu.Unlock()
	lock.Lock()
	return lock.Unlock
}

// lag is why a copy may not be what the index says.
type lag struct {
	why error
	// shown: it is what the index said before, which a clone may get.
	shown bool
}

// fallBehind has the copy be brought up to date.
func (s *Service) fallBehind(n name, l lag) {
	s.mu.Lock()
	s.behind[n] = l
	s.mu.Unlock()
	s.tending.Now(n.String())
}

// isBehind tells whether the copy is to be brought up to date.
func (s *Service) isBehind(n name) (l lag, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, is = s.behind[n]
	return l, is
}

// usable is a fault.NotFound if there is no such repository, and a fault.Unavailable
// if there is one that could not be brought up to date.
func (s *Service) usable(n name) error {
	if l, is := s.isBehind(n); is && !l.shown {
		return fault.New(fault.Unavailable, "repository %s is not brought up to date yet on this server: try again: %w", n, l.why)
	}
	return s.exists(n)
}

// newKey is one that no pack has.
func (r Record) newKey() string { return r.ID + "/" + strings.ToLower(rand.Text()) + ".pack" }

// createMirrored puts an empty repository, which lies in tmp, under its name, at all servers.
func (s *Service) createMirrored(ctx context.Context, tmp string, n name) error {
	ctx = context.WithoutCancel(ctx)
	defer s.keep(n)()
	if err := s.usable(n); !fault.Is(err, fault.NotFound) {
		if err == nil {
			err = conflict(n)
		}
		return err
	}
	first := Record{Name: n.String(), ID: newID(), Generation: 1, Head: heads + "main", Refs: map[string]string{}}
	if err := bare(tmp).become(first); err != nil {
		return err
	}
	if err := s.put(ctx, n, first); err != nil {
		return err
	}
	err := s.place(tmp, n)
	if err != nil {
		s.fallBehind(n, lag{why: err})
	}
	return err
}

func newID() string { return strings.ToLower(rand.Text()) }

// deleteMirrored deletes the repository at all servers, and returns where its directory
// is now.
func (s *Service) deleteMirrored(ctx context.Context, n name) (gone string, err error) {
	ctx = context.WithoutCancel(ctx)
	defer s.keep(n)()
	if err := s.usable(n); err != nil {
		return "", err
	}
	s.mu.Lock()
	err = s.free(n)
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	was, err := bare(s.dir(n)).record()
	if err != nil {
		return "", fmt.Errorf("delete repository %s: %w", n, err)
	}
	end := Record{Name: was.Name, ID: was.ID, Generation: was.Generation + 1, Deleted: true}
	if err := s.put(ctx, n, end); err != nil {
		return "", err
	}
	gone, err = s.displace(n, true) // a push that began meanwhile finds that it is gone
	s.forget(ctx, was.Packs)
	return gone, err
}

// forget removes packs that no record names.
func (s *Service) forget(ctx context.Context, packs []Pack) {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	for _, p := range packs {
		if err := s.cfg.Mirror.Packs.Delete(ctx, p.Key); err != nil {
			slog.Warn("a pack that no repository needs stays until a server begins to lead", "key", p.Key, "error", err)
			return
		}
	}
}

// tend brings copies up to date that fell behind, and puts packs together that are
// many.
func (s *Service) tend(ctx context.Context, w events.Wake) error {
	for _, key := range w.Keys {
		org, repo, _ := strings.Cut(key, "/")
		n := name{org, repo}
		var err error
		if _, is := s.isBehind(n); is {
			err = s.bringUp(ctx, n)
		} else if s.exists(n) == nil {
			err = s.tidyUp(ctx, n)
		}
		if err != nil && ctx.Err() == nil {
			s.tending.Later(key, err)
		}
	}
	return nil
}

// tidyUp has git put its files together, and one pack take the place of many.
func (s *Service) tidyUp(ctx context.Context, n name) error {
	at := bare(s.dir(n))
	if err := s.collect(ctx, n); err != nil {
		return err
	}
	r, err := at.record()
	if err != nil || !r.fat() {
		return ignoreGone(err)
	}
	dir, err := os.MkdirTemp(s.cfg.Dir, pushDir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := s.packAll(ctx, at, r, dir)
	if err != nil {
		return err
	}
	defer s.keep(n)()
	now, err := at.record()
	if err != nil || now.ID != r.ID || len(now.Packs) < len(r.Packs) {
		return ignoreGone(err)
	}
	next := now
	next.Generation++
	next.Packs = append(all, now.Packs[len(r.Packs):]...)
	if err := s.put(ctx, n, next); err != nil {
		return err
	}
	if err := at.become(next); err != nil {
		s.fallBehind(n, lag{err, true})
		return err
	}
	s.forget(ctx, r.Packs)
	return nil
}

// packAll stores all that the record's references lead to, which is in the copy.
func (s *Service) packAll(ctx context.Context, at bare, r Record, dir string) ([]Pack, error) {
	file, err := at.pack(ctx, r.Refs, nil, dir)
	if err != nil || file == "" {
		return nil, err
	}
	p, err := s.store(ctx, r, file)
	return []Pack{p}, err
}

// collect is git's own tidying.
func (s *Service) collect(ctx context.Context, n name) error {
	defer s.keep(n)()
	_, err := git(ctx, "-C", s.dir(n), "-c", "gc.autoDetach=false", "-c", "gc.packRefs=false", "gc", "--auto", "--quiet")
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
