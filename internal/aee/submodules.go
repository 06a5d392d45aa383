package aee

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/vcs"
)

// maxNesting is how deep submodules may be in submodules.
const maxNesting = 10

// submodule is a repository at a path of another's checkout.
type submodule struct{ path, url, commit string }

// tree is checkout at a depth of submodules, with what git keeps of it in gitDir.
func (m mirrors) tree(ctx context.Context, repo, commit, dir, gitDir string, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("submodules are nested more than %d deep: does one contain itself?", maxNesting)
	}
	mirror, err := m.place(ctx, repo, commit, dir, gitDir)
	if err != nil {
		return err
	}
	if err := m.fillPointers(ctx, repo, mirror, dir); err != nil {
		return err
	}
	subs, err := m.submodules(ctx, repo, dir)
	if err != nil {
		return err
	}
	for _, sub := range subs {
		inner := m
		inner.what = m.what + ", submodule " + sub.path
		if !sameServer(repo, sub.url) {
			inner.env = withoutLogin(m.env)
		}
		sum := sha256.Sum256([]byte(sub.path))
		err := inner.tree(ctx, sub.url, sub.commit, filepath.Join(dir, sub.path), filepath.Join(gitDir, "modules", hex.EncodeToString(sum[:8])), depth+1)
		if err != nil {
			return fmt.Errorf("submodule %s (%s at %s): %w", sub.path, vcs.Shown(sub.url), sub.commit, err)
		}
	}
	return nil
}

// submodules are those of the checkout in dir, which is of the repository.
func (m mirrors) submodules(ctx context.Context, repo, dir string) ([]submodule, error) {
	file := filepath.Join(dir, ".gitmodules")
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		return nil, nil // git follows no link here either
	}
	described, err := m.git(ctx, "config", "-z", "--file", file, "--get-regexp", `^submodule\..*\.(path|url|update)$`)
	var none *exec.ExitError
	if errors.As(err, &none) && none.ExitCode() == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .gitmodules: %w", err)
	}
	listed, err := m.git(ctx, "-C", dir, "ls-tree", "-r", "-z", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("list submodules: %w", err)
	}
	return joinSubmodules(repo, parseModules(described), parseLinks(listed))
}

// module is a section of .gitmodules.
type module struct{ path, url, update string }

// parseModules reads what git config prints of .gitmodules.
func parseModules(described string) map[string]module {
	modules := map[string]module{}
	for entry := range strings.SplitSeq(described, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		name, found := strings.CutPrefix(key, "submodule.")
		dot := strings.LastIndexByte(name, '.')
		if !found || dot < 0 {
			continue
		}
		mod := modules[name[:dot]]
		switch name[dot+1:] {
		case "path":
			mod.path = value
		case "url":
			mod.url = value
		case "update":
			mod.update = value
		}
		modules[name[:dot]] = mod
	}
	return modules
}

// parseLinks are the commits of submodules by path, of what git ls-tree prints.
func parseLinks(listed string) map[string]string {
	links := map[string]string{}
	for entry := range strings.SplitSeq(listed, "\x00") { // <mode> <type> <hash>\t<path>
		what, path, _ := strings.Cut(entry, "\t")
		if commit, found := strings.CutPrefix(what, "160000 commit "); found {
			links[path] = commit
		}
	}
	return links
}

// joinSubmodules are the links with their modules' URLs, in the order of paths.
// What is marked "update = none" is left out, as git does.
func joinSubmodules(repo string, modules map[string]module, links map[string]string) ([]submodule, error) {
	byPath := map[string]module{}
	for _, mod := range modules {
		byPath[mod.path] = mod
	}
	var subs []submodule
	for path, commit := range links {
		mod := byPath[path]
		if mod.update == "none" {
			continue
		}
		if mod.url == "" {
			return nil, fmt.Errorf("submodule %s: .gitmodules of %s has no URL for it", path, repo)
		}
		subs = append(subs, submodule{path, resolveURL(repo, mod.url), commit})
	}
	slices.SortFunc(subs, func(a, b submodule) int { return strings.Compare(a.path, b.path) })
	return subs, nil
}

// resolveURL is a submodule's URL, which may be relative to its parent's.
func resolveURL(parent, sub string) string {
	if !strings.HasPrefix(sub, "./") && !strings.HasPrefix(sub, "../") {
		return sub
	}
	base, separator := strings.TrimRight(parent, "/"), "/"
	for {
		if rest, ok := strings.CutPrefix(sub, "./"); ok {
			sub = rest
			continue
		}
		rest, ok := strings.CutPrefix(sub, "../")
		if !ok {
			return base + separator + sub
		}
		sub = rest
		if i := strings.LastIndexAny(base, "/:"); i >= 0 {
			base, separator = base[:i], base[i:i+1]
		}
	}
}

// sameServer tells whether the login for the parent may be used for its
// submodule: whoever writes .gitmodules must not choose who is told passwords.
func sameServer(parent, sub string) bool {
	a, err := url.Parse(parent)
	if err != nil {
		return false
	}
	b, err := url.Parse(sub)
	return err == nil && a.Host != "" && a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}

// withoutLogin is the environment of git without what answers its questions.
func withoutLogin(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "GIT_ASKPASS" || name == "VCS_USERNAME" || name == "VCS_PASSWORD"
	})
}
