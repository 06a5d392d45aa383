package aee

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/drover-hpc/drover/internal/cfs"
)

// cloneJob runs the clone step of a job with the repository as its layer.
func cloneJob(t *testing.T, s Settings, jobs, id, repo string) Dir {
	t.Helper()
	d := Dir(filepath.Join(jobs, id))
	if err := create(string(d), cfs.Job{ID: id, Layers: []cfs.JobLayer{{CloneURL: repo}}}, s); err != nil {
		t.Fatal(err)
	}
	if err := Clone(t.Context(), d, io.Discard); err != nil {
		t.Fatal(err)
	}
	return d
}

func mirrorsIn(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.git"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestMirrorsAreBoundedButNeverRemovedInUse(t *testing.T) {
	s, jobs := Settings{CacheDir: filepath.Join(t.TempDir(), "cache"), GitRetries: -1, MaxMirrors: 2, Files: anywhere}, t.TempDir()
	var repos []string
	for range 4 {
		repo, _ := repository(t, map[string]string{"site.yml": "- hosts: all\n"})
		repos = append(repos, repo)
	}
	running := cloneJob(t, s, jobs, "cfs-0", repos[0])
	for i, id := range []string{"cfs-1", "cfs-2", "cfs-3"} {
		if err := Clean(cloneJob(t, s, jobs, id, repos[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if n := mirrorsIn(t, s.CacheDir); n != 3 {
		t.Errorf("%d mirrors, expected the two newest and the one in use", n)
	}
	git(t, layerDir(running, 0), "fsck", "--full") // its objects are there
	if err := Clean(running); err != nil {
		t.Fatal(err)
	}

	stale := filepath.Join(s.CacheDir, newMirror+"killed")
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(filepath.Join(s.CacheDir, useLock), syscall.LOCK_SH) // another job clones
	if err != nil {
		t.Fatal(err)
	}
	if err := trimMirrors(s.CacheDir, jobs, 2); err != nil || mirrorsIn(t, s.CacheDir) != 3 {
		t.Errorf("%d mirrors while another job makes checkouts, %v", mirrorsIn(t, s.CacheDir), err)
	}
	unlock()
	if err := trimMirrors(s.CacheDir, jobs, 2); err != nil || mirrorsIn(t, s.CacheDir) != 2 {
		t.Errorf("%d mirrors, expected 2, %v", mirrorsIn(t, s.CacheDir), err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("what a killed clone left is still there")
	}
	locks, err := filepath.Glob(filepath.Join(s.CacheDir, "*.git.lock"))
	if err != nil || len(locks) != 2 {
		t.Errorf("lock files %q, %v", locks, err)
	}
}
