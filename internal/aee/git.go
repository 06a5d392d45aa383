package aee

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/vcs"
)

// newMirror begins the names of mirrors that are not whole yet.
const newMirror = ".new-"

// mirrors is the cache of bare repositories, one per clone URL, that all jobs
// share. A commit that is there costs no network.
type mirrors struct {
	dir     string
	env     []string
	retries int
	delay   time.Duration
	out     io.Writer
	// what is checked out; waits are told while it waits.
	what  string
	waits *job.Waits
	// files are those that may be cloned by path.
	files vcs.Files
}

var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// checkout puts the commit of the repository at url into dir, detached, with
// its submodules and theirs and the files that Git LFS has; an empty commit is
// the default branch's head.
func (m mirrors) checkout(ctx context.Context, url, commit, dir string) error {
	return m.tree(ctx, url, commit, dir, filepath.Join(dir, ".git"), 0)
}

// place puts one repository's commit into dir. What git keeps of it is in
// gitDir. It returns the repository's mirror.
func (m mirrors) place(ctx context.Context, url, commit, dir, gitDir string) (mirror string, err error) {
	for _, v := range []string{url, commit} {
		if strings.HasPrefix(v, "-") || strings.ContainsAny(v, "\x00\n") {
			return "", fmt.Errorf("refused %q: a clone URL or commit starts with '-' or has a line break", v)
		}
	}
	if url == "" {
		return "", errors.New("no clone URL")
	}
	if err := m.files.Check(url); err != nil {
		return "", err
	}
	mirror, hash, err := m.obtain(ctx, url, commit)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if err := os.Chtimes(mirror, now, now); err != nil { // trimMirrors goes by it
		return "", fmt.Errorf("note the use of a mirror: %w", err)
	}
	// The mirror's objects are borrowed: nothing is copied, mirrors are never pruned.
	args := []string{"clone", "--quiet", "--shared", "--no-checkout"}
	if gitDir != filepath.Join(dir, ".git") {
		if err := os.MkdirAll(filepath.Dir(gitDir), 0o700); err != nil {
			return "", fmt.Errorf("check out: %w", err)
		}
		args = append(args, "--separate-git-dir", gitDir)
	}
	if _, err := m.git(ctx, append(args, "--", mirror, dir)...); err != nil {
		return "", err
	}
	_, err = m.git(ctx, "-C", dir, "checkout", "--quiet", "--detach", hash)
	return mirror, err
}

// obtain returns the repository's mirror and the full hash of the commit, which
// the mirror has.
func (m mirrors) obtain(ctx context.Context, url, commit string) (mirror, hash string, err error) {
	sum := sha256.Sum256([]byte(url))
	mirror = filepath.Join(m.dir, hex.EncodeToString(sum[:16])+".git")
	if fullHash.MatchString(commit) { // anything else may name something else today
		if hash, err := m.resolve(ctx, mirror, commit); err == nil {
			return mirror, hash, nil
		}
	}
	err = m.retry(ctx, func() error {
		hash, err = m.refresh(ctx, url, mirror, commit)
		return err
	})
	return mirror, hash, err
}

// refresh updates the mirror and returns the commit's full hash. It holds the
// mirror's lock, which is free between tries.
func (m mirrors) refresh(ctx context.Context, url, mirror, commit string) (hash string, err error) {
	unlock, err := lock(mirror+".lock", syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer unlock()
	if fullHash.MatchString(commit) { // another job may just have fetched it
		if hash, err := m.resolve(ctx, mirror, commit); err == nil {
			return hash, nil
		}
	}
	if err := m.update(ctx, url, mirror, commit); err != nil {
		return "", err
	}
	if commit == "" {
		commit = "HEAD"
	}
	hash, err = m.resolve(ctx, mirror, commit)
	if err != nil {
		return "", fmt.Errorf("no commit %q in %s", commit, vcs.Shown(url))
	}
	return hash, nil
}

// update brings the mirror to the remote's state. Refs that the remote lost go,
// first: a branch may have become a folder of branches. Objects stay.
func (m mirrors) update(ctx context.Context, url, mirror, commit string) error {
	if _, err := os.Stat(mirror); err != nil {
		return m.create(ctx, url, mirror)
	}
	if _, err := m.git(ctx, "-C", mirror, "fetch", "--quiet", "--force", "--prune", "origin", "+refs/*:refs/*"); err != nil {
		return err
	}
	if commit == "" {
		return m.followHead(ctx, mirror)
	}
	if _, err := m.resolve(ctx, mirror, commit); err != nil && fullHash.MatchString(commit) {
		// No ref leads to it; many servers hand it out all the same. If not,
		// the caller says that it is missing.
		m.git(ctx, "-C", mirror, "fetch", "--quiet", "origin", commit) //nolint:errcheck
	}
	return nil
}

// create makes the mirror appear whole or not at all.
func (m mirrors) create(ctx context.Context, url, mirror string) error {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return fmt.Errorf("create mirror: %w", err)
	}
	tmp, err := os.MkdirTemp(m.dir, newMirror)
	if err != nil {
		return fmt.Errorf("create mirror: %w", err)
	}
	defer os.RemoveAll(tmp)
	if _, err := m.git(ctx, "clone", "--quiet", "--mirror", "--config", "gc.auto=0", "--", url, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, mirror)
}

// followHead has the mirror's HEAD name what the remote's names now.
func (m mirrors) followHead(ctx context.Context, mirror string) error {
	out, err := m.git(ctx, "-C", mirror, "ls-remote", "--symref", "origin", "HEAD")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) { // "ref: refs/heads/main\tHEAD"
		if ref, ok := strings.CutPrefix(line, "ref: "); ok {
			name, _, _ := strings.Cut(ref, "\t")
			_, err = m.git(ctx, "-C", mirror, "symbolic-ref", "HEAD", name)
			return err
		}
	}
	return nil
}

func (m mirrors) resolve(ctx context.Context, mirror, commit string) (string, error) {
	if _, err := os.Stat(mirror); err != nil {
		return "", err
	}
	out, err := m.git(ctx, "-C", mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	return strings.TrimSpace(out), err
}

// retry calls do again while git fails with what may pass, and tells so at each
// try, in the log and in the step's waits.
func (m mirrors) retry(ctx context.Context, do func() error) error {
	since := time.Now()
	for try := 1; ; try++ {
		err := do()
		var fault *gitFault
		if err == nil || !errors.As(err, &fault) {
			return errors.Join(err, m.waits.Over(m.what))
		}
		if advice := refused(fault.words); advice != "" {
			err = fmt.Errorf("%w\nNot tried again, as waiting does not mend it: %s", err, advice)
			return errors.Join(err, m.waits.Over(m.what))
		}
		if try > m.retries {
			return errors.Join(err, m.waits.Over(m.what))
		}
		next := time.Now().Add(m.delay)
		fmt.Fprintf(m.out, "%s: %v; try %d of %d, next try in %v\n", m.what, err, try, m.retries+1, m.delay)
		if err := m.waits.Set(job.Wait{What: m.what, Why: err.Error(), Tries: try, Of: m.retries + 1, Since: since, Next: next}); err != nil {
			return err
		}
		wait := time.NewTimer(m.delay)
		select {
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(err, m.waits.Over(m.what))
		case <-wait.C:
		}
	}
}

// git runs the git binary and returns its output; an error holds its words.
func (m mirrors) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = m.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		verb := args[0]
		if verb == "-C" {
			verb = args[2]
		}
		return "", &gitFault{verb: verb, err: err, words: strings.TrimSpace(words.String())}
	}
	return out.String(), nil
}

// gitEnv is the environment for git: no questions, no look for what Git LFS has
// where a checkout comes from, which is a mirror, English words, the site's
// certificates and names of the server, and the login by askpass; without one
// that of the environment.
func gitEnv(settings Settings, askpass string, login Login) []string {
	env := append(settings.VCS.Environ(os.Environ()), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1", "GIT_ALLOW_PROTOCOL="+vcs.Protocols)
	if settings.CAFile != "" {
		env = append(env, "GIT_SSL_CAINFO="+settings.CAFile)
	}
	if login.Username != "" {
		env = append(env, "VCS_USERNAME="+login.Username, "VCS_PASSWORD="+login.Password)
	}
	if login.Username != "" || os.Getenv("VCS_USERNAME") != "" {
		env = append(env, "GIT_ASKPASS="+askpass)
	}
	return env
}
