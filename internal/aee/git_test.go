package aee

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
)

func newMirrors(t *testing.T) mirrors {
	return mirrors{dir: filepath.Join(t.TempDir(), "cache"), env: gitEnv(Settings{}, "", Login{}), out: io.Discard, files: anywhere,
		what: "layer 0", waits: &job.Waits{Dir: Dir(t.TempDir())}}
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

func TestStepTellsWhatItWaitsFor(t *testing.T) {
	repo, commit := repository(t, map[string]string{"f": "1"})
	server := gitServer(t, filepath.Dir(repo), 503, 503)
	dir := filepath.Join(t.TempDir(), "cfs-1")
	j := cfs.Job{ID: "cfs-1", Layers: []cfs.JobLayer{{Name: "base", CloneURL: server.URL + "/" + filepath.Base(repo) + "/.git", Commit: commit}}}
	settings := Settings{CacheDir: filepath.Join(t.TempDir(), "cache"), GitRetries: 5, GitDelay: 300 * time.Millisecond}
	if err := create(dir, j, settings); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	done := make(chan error, 1)
	go func() { done <- Clone(t.Context(), Dir(dir), &out) }()
	seen := map[int]job.Wait{}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case <-poll.C:
			list, err := Dir(dir).Waits()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range list {
				seen[w.Tries] = w
			}
		}
	}
	for try := 1; try <= 2; try++ {
		w := seen[try]
		if w.What != "layer 0 base" || !strings.Contains(w.Why, "503") || w.Of != 6 || !w.Next.After(w.Since) {
			t.Errorf("after try %d: %+v", try, w)
		}
		if line := fmt.Sprintf("layer 0 base: git clone: exit status 128: fatal: unable to access '%s/': The requested URL returned error: 503; try %d of 6",
			j.Layers[0].CloneURL, try); !strings.Contains(out.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, &out)
		}
	}
	if list, err := Dir(dir).Waits(); len(list) != 0 || err != nil {
		t.Errorf("still waits for %v, %v", list, err)
	}
}

func TestJobThatWaitsForAServerDoesNotHoldTheMirror(t *testing.T) {
	m := newMirrors(t)
	m.retries, m.delay = 1, time.Hour
	url := answering(t, 503, "", "")
	for range 2 { // each gets to its own wait
		told := make(chan string, 1)
		one := m
		one.out = writer(func(text string) { told <- text })
		ctx, cancel := context.WithCancel(t.Context())
		dir, done := filepath.Join(t.TempDir(), "layer0"), make(chan error, 1)
		t.Cleanup(func() {
			cancel()
			<-done
		})
		go func() { done <- one.checkout(ctx, url, "", dir) }()
		select {
		case <-told:
		case <-time.After(20 * time.Second):
			t.Fatal("waits for the lock of a job that waits")
		}
	}
}

type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}
