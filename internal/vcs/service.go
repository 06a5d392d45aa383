package vcs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
)

// Config is what a Service works with.
type Config struct {
	// Dir holds the repositories as ORG/NAME.git.
	Dir string
	// BaseURL is what CloneURL begins with: the URL by which clients reach the server.
	BaseURL string
	// MaxPush bounds the data of one push, in bytes; 0: 512 MiB.
	MaxPush int64
	// Backends is how many git processes serve clients at once; further
	// clients wait. 0: twice the processors, at least 4.
	Backends int
	// Patience is how long a client waits for its turn before it is told to
	// come again; 0: 30 s.
	Patience time.Duration
	// Silence is how long a client may send or take nothing; 0: one minute.
	Silence time.Duration
	// Mirror has the repositories be copies of those that several servers share; the
	// zero value: they are this server's alone.
	Mirror Mirror
}

// Service keeps the repositories.
type Service struct {
	cfg   Config
	turns chan struct{} // one in it for each backend that runs

	settling sync.Mutex // held by who writes a HEAD

	mu     sync.Mutex
	pushes map[name]int         // that run
	busy   map[name]*sync.Mutex // held by who changes a copy
	behind map[name]lag         // copies that may not be what the index says

	tending *events.Loop // of copies
}

// Directories that are not repositories: half made, and half removed.
const (
	newDir  = ".new-"
	goneDir = ".gone-"
	pushDir = ".push-" // has what a push brought
	// asideDir has what is no repository any more and is for an administrator to look at.
	asideDir = ".aside-"
)

// NewService returns the service of the repositories below cfg.Dir, and
// removes what an earlier one left half done there.
func NewService(cfg Config) (*Service, error) {
	cfg.MaxPush = cmp.Or(cfg.MaxPush, 512<<20)
	cfg.Backends = cmp.Or(cfg.Backends, max(4, 2*runtime.NumCPU()))
	cfg.Patience = cmp.Or(cfg.Patience, 30*time.Second)
	cfg.Silence = cmp.Or(cfg.Silence, time.Minute)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "directory of repositories: %w", err)
	}
	for _, left := range []string{newDir, goneDir, pushDir} {
		paths, err := filepath.Glob(filepath.Join(cfg.Dir, left+"*"))
		for _, path := range paths {
			err = errors.Join(err, os.RemoveAll(path))
		}
		if err != nil {
			return nil, fmt.Errorf("clean the directory of repositories: %w", err)
		}
	}
	if err := tidy(cfg.Dir); err != nil {
		return nil, fmt.Errorf("clean the repositories: %w", err)
	}
	s := &Service{cfg: cfg, turns: make(chan struct{}, cfg.Backends), pushes: map[name]int{}, busy: map[name]*sync.Mutex{}, behind: map[name]lag{}}
	s.tending = &events.Loop{Name: "repositories", Run: s.tend}
	return s, nil
}

// tidy removes what pushes that were killed left in the repositories: objects
// that nothing names, and locks, for which git would refuse all further pushes.
// Git that outlived its server cannot finish a push to which it comes too late.
func tidy(dir string) error {
	var all []string
	for _, left := range []string{"objects/tmp_objdir-incoming-*", "objects/incoming-*", "*.lock"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*", "*.git", left))
		if err != nil {
			return err
		}
		all = append(all, paths...)
	}
	refs, err := filepath.Glob(filepath.Join(dir, "*", "*.git", "refs"))
	for _, tree := range refs {
		err = errors.Join(err, filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".lock") { // no reference's name ends so
				all = append(all, path)
			}
			return err
		}))
	}
	for _, path := range all {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// List returns the repositories in the order of their names.
func (s *Service) List(ctx context.Context) ([]Repository, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	list := []Repository{}
	for _, n := range names {
		r, err := s.describe(ctx, n)
		if fault.Is(err, fault.NotFound) || s.mirrored() && fault.Is(err, fault.Unavailable) {
			continue // deleted meanwhile, or not brought up to date
		}
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Repository) int {
		return cmp.Or(strings.Compare(a.Org, b.Org), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}

// names are those of the repositories that have a directory.
func (s *Service) names() (out []name, err error) {
	paths, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*", "*.git"))
	for _, path := range paths {
		if n, err := parseName(filepath.Base(filepath.Dir(path)), filepath.Base(path)); err == nil { // others are not ours
			out = append(out, n)
		}
	}
	return out, err
}

// Get returns one repository.
func (s *Service) Get(ctx context.Context, org, repo string) (Repository, error) {
	n, err := parseName(org, repo)
	if err != nil {
		return Repository{}, err
	}
	return s.describe(ctx, n)
}

// Create makes an empty repository.
func (s *Service) Create(ctx context.Context, org, repo string) (Repository, error) {
	n, err := parseName(org, repo)
	if err != nil {
		return Repository{}, err
	}
	tmp, err := os.MkdirTemp(s.cfg.Dir, newDir)
	if err != nil {
		return Repository{}, fmt.Errorf("create repository %s: %w", n, err)
	}
	defer os.RemoveAll(tmp)
	if err := initialize(ctx, tmp); err != nil {
		return Repository{}, fmt.Errorf("create repository %s: %w", n, err)
	}
	if s.mirrored() {
		err = s.createMirrored(ctx, tmp, n)
	} else {
		err = s.place(tmp, n)
	}
	if err != nil {
		return Repository{}, err
	}
	return s.describe(ctx, n)
}

// initialize makes an empty repository of the directory.
func initialize(ctx context.Context, dir string) error {
	_, err := git(ctx, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", dir)
	return err
}

// place puts a repository that is whole under its name.
func (s *Service) place(tmp string, n name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exists(n) == nil {
		return conflict(n)
	}
	if err := os.MkdirAll(filepath.Join(s.cfg.Dir, n.org), 0o700); err != nil {
		return fmt.Errorf("create repository %s: %w", n, err)
	}
	if err := os.Rename(tmp, s.dir(n)); err != nil {
		return fmt.Errorf("create repository %s: %w", n, err)
	}
	return nil
}

func conflict(n name) error { return fault.New(fault.Conflict, "there is a repository %s already", n) }

// Delete removes a repository with all that was pushed to it. One that is
// being pushed to stays.
func (s *Service) Delete(ctx context.Context, org, repo string) error {
	n, err := parseName(org, repo)
	if err != nil {
		return err
	}
	gone := ""
	if s.mirrored() {
		gone, err = s.deleteMirrored(ctx, n)
	} else {
		gone, err = s.displace(n, false)
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(gone); err != nil { // the next start tries again
		return fmt.Errorf("repository %s is deleted, its files are not: %w", n, err)
	}
	return nil
}

// displace takes the repository out of its name's place; force: also if it is being
// pushed to.
func (s *Service) displace(n name, force bool) (gone string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(n); err != nil && (!force || !fault.Is(err, fault.Conflict)) {
		return "", err
	}
	gone, err = os.MkdirTemp(s.cfg.Dir, goneDir)
	if err == nil {
		err = os.Rename(s.dir(n), filepath.Join(gone, "repository"))
	}
	if err != nil {
		return "", fmt.Errorf("delete repository %s: %w", n, err)
	}
	os.Remove(filepath.Join(s.cfg.Dir, n.org)) //nolint:errcheck // stays while others are in it
	return gone, nil
}

// free is an error if the repository is not there, or is being pushed to.
func (s *Service) free(n name) error {
	if err := s.exists(n); err != nil {
		return err
	}
	if s.pushes[n] > 0 {
		return fault.New(fault.Conflict, "repository %s is being pushed to: try again when that is done", n)
	}
	return nil
}

func (s *Service) dir(n name) string { return filepath.Join(s.cfg.Dir, n.path()) }

// exists is a fault.NotFound if there is no such repository.
func (s *Service) exists(n name) error {
	_, err := os.Stat(filepath.Join(s.dir(n), "HEAD"))
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no repository %s on this server: `drover vcs create %s` makes it", n, n)
	}
	return err
}

func (s *Service) describe(ctx context.Context, n name) (Repository, error) {
	r := Repository{Org: n.org, Name: n.repo, CloneURL: strings.TrimRight(s.cfg.BaseURL, "/") + Prefix + n.path()}
	if err := s.usable(n); err != nil {
		return r, err
	}
	var err error
	r.DefaultBranch, err = s.settleHead(ctx, n)
	return r, err
}

// heads is where branches are.
const heads = "refs/heads/"

// settleHead has HEAD name a branch that is there, if any is: a first push may
// have brought another than main, or a later one removed it. It returns that
// branch.
func (s *Service) settleHead(ctx context.Context, n name) (branch string, err error) {
	if branch, err = s.head(ctx, n); branch != "" || err != nil {
		return branch, err
	}
	// Git locks HEAD while it writes it, and leaves the lock if it is killed: one
	// writes at a time, to the end, also for a client that leaves meanwhile.
	s.settling.Lock()
	defer s.settling.Unlock()
	ctx = context.WithoutCancel(ctx)
	if branch, err = s.head(ctx, n); branch != "" || err != nil {
		return branch, err // somebody else did it meanwhile
	}
	list, err := git(ctx, "-C", s.dir(n), "for-each-ref", "--format=%(refname:lstrip=2)", heads)
	if err != nil {
		return "", fmt.Errorf("repository %s: %w", n, err)
	}
	if branch = usualBranch(strings.Fields(list)); branch == "" {
		return "", nil
	}
	// A push may have the lock as well; it is done soon.
	if _, err := git(ctx, "-C", s.dir(n), "-c", "core.filesRefLockTimeout=10000", "symbolic-ref", "HEAD", heads+branch); err != nil {
		return "", fmt.Errorf("repository %s: %w", n, err)
	}
	return branch, nil
}

// head is the branch that HEAD names, empty if that is not there.
func (s *Service) head(ctx context.Context, n name) (branch string, err error) {
	head, err := git(ctx, "-C", s.dir(n), "symbolic-ref", "HEAD") // in full: git writes the short name otherwise beside a tag of the same
	if err != nil {
		return "", fmt.Errorf("repository %s: %w", n, err)
	}
	if _, err := git(ctx, "-C", s.dir(n), "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil {
		return "", ctx.Err()
	}
	return strings.TrimPrefix(head, heads), nil
}

// usualBranch is the one that is most likely meant to be checked out; empty if
// there is none.
func usualBranch(branches []string) string {
	for _, usual := range []string{"main", "master"} {
		if slices.Contains(branches, usual) {
			return usual
		}
	}
	if len(branches) == 0 {
		return ""
	}
	return branches[0]
}

// git runs git on what this server keeps and returns its output.
func git(ctx context.Context, args ...string) (string, error) { return gitWith(ctx, nil, args...) }

// gitWith is git with an input.
func gitWith(ctx context.Context, in io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stdin = in
	cmd.Env = isolated("safe.directory", "*") // whoever owns the data directory, it is this server's
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fault.New(fault.Unavailable, "git is not installed where the server runs: install it (Debian: package git)")
		}
		return "", fmt.Errorf("git: %w: %s", err, strings.TrimSpace(words.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
