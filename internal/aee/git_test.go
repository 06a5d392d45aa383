package aee

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func newMirrors(t *testing.T) mirrors {
	return mirrors{dir: filepath.Join(t.TempDir(), "cache"), env: gitEnv("", "", Login{}), out: io.Discard}
}

func TestSecondCheckoutNeedsNoRepository(t *testing.T) {
	m := newMirrors(t)
	repo, commit := repository(t, map[string]string{"f": "1"})
	first, second := filepath.Join(t.TempDir(), "layer0"), filepath.Join(t.TempDir(), "layer0")
	if err := m.checkout(t.Context(), repo, commit, first); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(repo, repo+".away"); err != nil {
		t.Fatal(err)
	}
	if err := m.checkout(t.Context(), repo, commit, second); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(second, "f")); err != nil || string(text) != "1" {
		t.Errorf("checkout has %q, %v", text, err)
	}
	if head := git(t, second, "rev-parse", "HEAD"); head != commit {
		t.Errorf("HEAD is %s, expected %s", head, commit)
	}
}

func TestCheckoutFollowsTheRepository(t *testing.T) {
	m := newMirrors(t)
	repo, old := repository(t, map[string]string{"f": "1"})
	checkout := func(commit string) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "layer0")
		if err := m.checkout(t.Context(), repo, commit, dir); err != nil {
			t.Fatal(err)
		}
		return git(t, dir, "rev-parse", "HEAD")
	}
	if got := checkout(""); got != old {
		t.Errorf("default branch is at %s, expected %s", got, old)
	}
	newer := commitFiles(t, repo, map[string]string{"f": "2"})
	if got := checkout(newer); got != newer {
		t.Errorf("new commit: %s, expected %s", got, newer)
	}
	git(t, repo, "checkout", "-q", "-b", "other")
	other := commitFiles(t, repo, map[string]string{"f": "3"})
	git(t, repo, "tag", "v1")
	for _, name := range []string{"", "other", "v1", other[:12]} { // "": HEAD names another branch now
		if got := checkout(name); got != other {
			t.Errorf("%q: %s, expected %s", name, got, other)
		}
	}
	// The branch forgets the commit; the mirror does not, nor does the server.
	git(t, repo, "reset", "-q", "--hard", old)
	git(t, repo, "tag", "-d", "v1")
	if got := checkout(other); got != other {
		t.Errorf("commit that no branch has: %s, expected %s", got, other)
	}
}

func TestConcurrentCheckoutsShareOneMirror(t *testing.T) {
	m := newMirrors(t)
	repo, commit := repository(t, map[string]string{"f": "1"})
	var wg sync.WaitGroup
	for range 8 {
		dir := filepath.Join(t.TempDir(), "layer0")
		wg.Go(func() {
			if err := m.checkout(t.Context(), repo, commit, dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	found, err := filepath.Glob(filepath.Join(m.dir, "*.git"))
	if err != nil || len(found) != 1 {
		t.Errorf("mirrors %v, %v; expected one", found, err)
	}
}

func TestRetriesAreBoundedAndOnlyForWhatMayPass(t *testing.T) {
	var out strings.Builder
	m := newMirrors(t)
	m.retries, m.delay, m.out = 2, time.Millisecond, &out
	err := m.checkout(t.Context(), "http://127.0.0.1:1/x.git", strings.Repeat("ab", 20), filepath.Join(t.TempDir(), "a"))
	if err == nil || strings.Count(out.String(), "next try") != 2 {
		t.Errorf("connection refused: %v; tries:\n%s", err, &out)
	}
	out.Reset()
	err = m.checkout(t.Context(), "/nonexistent", strings.Repeat("ab", 20), filepath.Join(t.TempDir(), "b"))
	if err == nil || out.String() != "" {
		t.Errorf("no such repository: %v; tries:\n%s", err, &out)
	}
}
