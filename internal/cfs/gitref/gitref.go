// Package gitref finds the commits behind branch and tag names with the git
// binary, by listing a repository's references: nothing is cloned.
package gitref

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/vcs"
)

// Resolver is a cfs.Resolver.
type Resolver struct {
	// Git is the binary; empty: git from PATH.
	Git string
	// CAFile has the certificates to trust; empty: git's own.
	CAFile string
	// Username and Password are for repositories without a secret of their
	// own; empty: none.
	Username, Password string
	// MayClone refuses URLs that git must not be asked for; nil: none.
	MayClone func(url string) error
	// Names lead to the repositories that this server keeps.
	Names vcs.Names
}

var fullCommit = regexp.MustCompile(cfs.CommitPattern)

// askpass answers git's questions from the environment, so that credentials
// are on no command line.
const askpass = `#!/bin/sh
case "$1" in
Username*) printf '%s\n' "$DROVER_GIT_USERNAME" ;;
*) printf '%s\n' "$DROVER_GIT_PASSWORD" ;;
esac
`

// Resolve looks the names up with one git ls-remote.
func (r Resolver) Resolve(ctx context.Context, repo cfs.Repository, names []string) (map[string]string, error) {
	if strings.HasPrefix(repo.URL, "-") {
		return nil, fault.New(fault.Invalid, "a repository's URL cannot begin with '-'")
	}
	if r.MayClone != nil {
		if err := r.MayClone(repo.URL); err != nil {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
	}
	args := []string{"ls-remote", "--quiet", "--", repo.URL}
	for _, n := range names {
		args = append(args, "refs/heads/"+n, "refs/tags/"+n, "refs/tags/"+n+"^{}")
	}
	out, err := r.git(ctx, repo, args)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		if commit, ref, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			refs[ref] = commit
		}
	}
	commits := map[string]string{}
	for _, n := range names {
		commit := pick(refs, n)
		if commit == "" {
			return nil, fault.New(fault.Invalid, "the repository has no branch or tag '%s'", n)
		}
		commits[n] = commit
	}
	return commits, nil
}

// pick prefers a branch to a tag, and the commit that an annotated tag points
// at to the tag's own object. A full commit stands for itself.
func pick(refs map[string]string, name string) string {
	for _, ref := range []string{"refs/heads/" + name, "refs/tags/" + name + "^{}", "refs/tags/" + name} {
		if commit := refs[ref]; commit != "" {
			return commit
		}
	}
	if fullCommit.MatchString(name) {
		return name
	}
	return ""
}

func (r Resolver) git(ctx context.Context, repo cfs.Repository, args []string) (string, error) {
	git := r.Git
	if git == "" {
		git = "git"
	}
	username, password := r.Username, r.Password
	if repo.Secret != nil {
		username, password = repo.Secret.Username, repo.Secret.Password
	}
	cmd := exec.CommandContext(ctx, git, args...)
	cmd.WaitDelay = time.Second // a helper of git's may hold the pipes
	cmd.Env = append(r.Names.Environ(os.Environ()), "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL="+vcs.Protocols, "LC_ALL=C",
		"GIT_SSH_COMMAND=ssh -o BatchMode=yes")
	if r.CAFile != "" {
		cmd.Env = append(cmd.Env, "GIT_SSL_CAINFO="+r.CAFile)
	}
	if username != "" {
		helper, err := writeAskpass()
		if err != nil {
			return "", err
		}
		defer os.Remove(helper)
		cmd.Env = append(cmd.Env, "GIT_ASKPASS="+helper, "DROVER_GIT_USERNAME="+username, "DROVER_GIT_PASSWORD="+password)
	} else {
		cmd.Env = append(cmd.Env, "GIT_ASKPASS=true")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		switch message := strings.TrimSpace(stderr.String()); {
		case ctx.Err() != nil:
			return "", fault.New(fault.Invalid, "git did not answer in time: %w", ctx.Err())
		case username == "" && strings.Contains(message, "Authentication failed"):
			return "", fault.New(fault.Invalid, "git cannot read it: %s: it was given no login: expected a layer whose source has one (`drover cfs v3 sources create`)", message)
		case message != "":
			return "", fault.New(fault.Invalid, "git cannot read it: %s", message)
		default:
			return "", fault.New(fault.Invalid, "git cannot read it: %w", err)
		}
	}
	return stdout.String(), nil
}

func writeAskpass() (string, error) {
	f, err := os.CreateTemp("", "drover-askpass-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(askpass)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o700)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
