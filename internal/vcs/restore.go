package vcs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/fault"
)

// Start brings this server's copies up to date with the mirror, and keeps them in order
// from then on. It does nothing without a mirror. A repository that could not be
// brought up to date hinders no other: it is refused, and tried again.
func (s *Service) Start(ctx context.Context) error {
	if !s.mirrored() {
		return nil
	}
	records, err := s.records(ctx)
	if err != nil {
		return err
	}
	own, err := s.names()
	if err != nil {
		return err
	}
	for _, n := range own {
		if _, is := records[n]; !is {
			records[n] = nil
		}
	}
	var at errgroup.Group
	at.SetLimit(fetchers)
	for n, r := range records {
		at.Go(func() error {
			if err := s.align(ctx, n, r); err != nil {
				slog.Error("a repository is not brought up to date", "repository", n.String(), "error", err)
				s.fallBehind(n, lag{why: err})
			}
			return nil
		})
	}
	at.Wait() //nolint:errcheck // none is returned
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.sweep(ctx); err != nil {
		slog.Warn("packs that no repository needs may be left in the object store", "error", err)
	}
	s.tending.Start(context.WithoutCancel(ctx))
	return nil
}

// Stop ends what goes on by itself.
func (s *Service) Stop() { s.tending.Stop() }

// fetchers is how many repositories are brought up to date at once.
const fetchers = 4

// records are those of the index.
func (s *Service) records(ctx context.Context) (map[name]*Record, error) {
	all, err := s.cfg.Mirror.Index.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("index of repositories: %w", err)
	}
	out := map[name]*Record{}
	for _, r := range all {
		org, repo, _ := strings.Cut(r.Name, "/")
		n, err := parseName(org, repo)
		if err != nil {
			return nil, fmt.Errorf("index of repositories: %w", err)
		}
		out[n] = &r
	}
	return out, nil
}

// sweep removes the packs of pushes that came to nothing. Whoever leads does it
// before the first push.
func (s *Service) sweep(ctx context.Context) error {
	keys, err := s.cfg.Mirror.Packs.Keys(ctx)
	if err != nil {
		return err
	}
	records, err := s.records(ctx)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, r := range records {
		for _, p := range r.Packs {
			needed[p.Key] = true
		}
	}
	var left []Pack
	for _, key := range keys {
		if !needed[key] {
			left = append(left, Pack{Key: key})
		}
	}
	s.forget(ctx, left)
	return nil
}

// bringUp does for one repository what Start did for all.
func (s *Service) bringUp(ctx context.Context, n name) error {
	defer s.keep(n)()
	records, err := s.records(ctx)
	if err == nil {
		err = s.align(ctx, n, records[n])
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.behind, n)
	s.mu.Unlock()
	return nil
}

// align has this server have of the repository what the index says. What is not in the
// index, or changed while this server was alone, goes there, unless another server has gone
// on meanwhile: then it is put aside.
func (s *Service) align(ctx context.Context, n name, r *Record) error {
	at := bare(s.dir(n))
	if err := s.exists(n); err != nil {
		if r == nil || r.Deleted || !fault.Is(err, fault.NotFound) {
			return ignoreMissing(err)
		}
		return s.rebuild(ctx, n, *r)
	}
	mine, err := at.record()
	own := errors.Is(err, fs.ErrNotExist) // it never was in the index, as far as is known
	if err != nil && !own {
		return err
	}
	if r == nil || r.Deleted && own {
		return s.publishOwn(ctx, n, Record{Name: n.String(), ID: newID()})
	}
	if !own && (r.Deleted || r.ID != mine.ID) {
		return s.replace(ctx, n, *r, false)
	}
	refs, err := at.refs(ctx)
	switch {
	case err != nil:
		return err
	case own && len(changes(refs, r.Refs)) == 0:
		return s.advance(ctx, at, mine, *r)
	case own:
		return s.replace(ctx, n, *r, true)
	case r.Generation < mine.Generation: // the index is of a backup
		return s.publishOwn(ctx, n, *r)
	case !foreign(refs, mine.Refs, r.Refs):
		return s.advance(ctx, at, mine, *r)
	case r.Generation == mine.Generation:
		return s.publishOwn(ctx, n, *r)
	}
	return s.replace(ctx, n, *r, true)
}

func ignoreMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// foreign tells whether references are neither what they were nor what they are to be.
func foreign(refs, were, will map[string]string) bool {
	for _, c := range changes(refs, were) {
		if c.from != will[c.ref] {
			return true
		}
	}
	return false
}

// advance leads a copy from one generation to a later one of the same repository.
func (s *Service) advance(ctx context.Context, at bare, from, to Record) error {
	if from.Generation == to.Generation {
		return at.become(to) // references may be half written
	}
	had := from.Packs
	if at.whole(ctx, to.Refs) != nil {
		if err := s.fetch(ctx, at, to, func(p Pack) bool { return !slices.Contains(had, p) }); err != nil {
			return err
		}
		if at.whole(ctx, to.Refs) != nil {
			if err := s.fetchAll(ctx, at, to); err != nil {
				return err
			}
		}
	}
	return at.become(to)
}

// fetch adds the packs that are wanted.
func (s *Service) fetch(ctx context.Context, at bare, r Record, wanted func(Pack) bool) error {
	for _, p := range r.Packs {
		if !wanted(p) {
			continue
		}
		if err := s.fetchOne(ctx, at, p); err != nil {
			return fmt.Errorf("pack %s of repository %s: %w", p.Key, r.Name, err)
		}
	}
	return nil
}

// fetchAll adds all packs and makes sure that nothing is missing.
func (s *Service) fetchAll(ctx context.Context, at bare, r Record) error {
	if err := s.fetch(ctx, at, r, func(Pack) bool { return true }); err != nil {
		return err
	}
	if err := at.whole(ctx, r.Refs); err != nil {
		return fmt.Errorf("objects of repository %s are missing in the object store: %w", r.Name, err)
	}
	return nil
}

func (s *Service) fetchOne(ctx context.Context, at bare, p Pack) error {
	file, err := os.CreateTemp(s.cfg.Dir, pushDir)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := s.cfg.Mirror.Packs.Load(ctx, p.Key, file); err != nil {
		return err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return err
	}
	return at.receive(ctx, file)
}

// rebuild makes a copy that is not there.
func (s *Service) rebuild(ctx context.Context, n name, r Record) error {
	tmp, err := os.MkdirTemp(s.cfg.Dir, newDir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := initialize(ctx, tmp); err != nil {
		return err
	}
	if err := s.fetchAll(ctx, bare(tmp), r); err != nil {
		return err
	}
	if err := bare(tmp).become(r); err != nil {
		return err
	}
	if err := s.place(tmp, n); err != nil {
		return err
	}
	slog.Info("a repository is fetched from the object store", "repository", r.Name, "packs", len(r.Packs))
	return nil
}

// replace removes what this server has under the name, or puts it aside, and makes what
// the index says.
func (s *Service) replace(ctx context.Context, n name, r Record, aside bool) error {
	if aside {
		place, err := os.MkdirTemp(s.cfg.Dir, asideDir+n.org+"-"+n.repo+"-")
		if err != nil {
			return err
		}
		place = filepath.Join(place, n.repo+".git")
		if err := os.Rename(s.dir(n), place); err != nil {
			return err
		}
		slog.Warn("a repository of this server is put aside: the servers share another one of its name", "repository", n.String(), "directory", place)
	} else {
		gone, err := s.displace(n, true)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(gone); err != nil {
			return err
		}
	}
	if r.Deleted {
		return nil
	}
	return s.rebuild(ctx, n, r)
}

// publishOwn makes what this server has the repository's next generation, as the first of
// a record or after it.
func (s *Service) publishOwn(ctx context.Context, n name, after Record) error {
	if _, err := s.settleHead(ctx, n); err != nil {
		return err
	}
	at := bare(s.dir(n))
	head, err := git(ctx, "-C", string(at), "symbolic-ref", "HEAD")
	if err != nil {
		return err
	}
	refs, err := at.refs(ctx)
	if err != nil {
		return err
	}
	next := Record{Name: after.Name, ID: after.ID, Generation: after.Generation + 1, Head: head, Refs: refs}
	dir, err := os.MkdirTemp(s.cfg.Dir, pushDir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if next.Packs, err = s.packAll(ctx, at, next, dir); err != nil {
		return err
	}
	if err := s.cfg.Mirror.Index.Put(ctx, next); err != nil {
		return err
	}
	slog.Info("a repository of this server is one of all servers", "repository", next.Name)
	return at.become(next)
}
