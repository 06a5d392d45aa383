package vcs_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/vcs"
)

// slowHead has git take half a second to write which branch HEAD names, as on a
// busy disk, with the lock that git takes for it.
func slowHead(t *testing.T) {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \"$*\" in *'symbolic-ref HEAD refs/'*)\n" +
		"for word; do [ \"$before\" != -C ] || dir=$word; before=$word; done\n" +
		"if (set -C; : > \"$dir/HEAD.lock\") 2>/dev/null; then sleep 0.5; rm -f \"$dir/HEAD.lock\"; fi;;\nesac\nexec " + real + " \"$@\"\n"
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// Whoever clones first has HEAD name the branch that was pushed; many may be first.
func TestFirstClonesAtOnceAllCheckOutWhatWasPushed(t *testing.T) {
	slowHead(t)
	s := start(t, vcs.Config{})
	r := s.create(t, "cray", "x")
	git(t, work(t, "trunk", "site.yml", []byte("x\n")), "push", "-q", r.CloneURL, "trunk")
	var all sync.WaitGroup
	begin, dir := make(chan struct{}), t.TempDir()
	for i := range 12 {
		all.Go(func() {
			<-begin
			into := filepath.Join(dir, strconv.Itoa(i))
			if out, err := try(t, dir, "clone", "-q", r.CloneURL, into); err != nil {
				t.Errorf("clone %d: %v\n%s", i, err, out)
			} else if _, err := os.Stat(filepath.Join(into, "site.yml")); err != nil {
				t.Errorf("clone %d checked out nothing: %v", i, err)
			}
		})
	}
	close(begin)
	all.Wait()
}

// A client that leaves while HEAD is written does not leave git's lock behind.
func TestAFirstCloneThatIsBrokenOffHindersNoOther(t *testing.T) {
	slowHead(t)
	s := start(t, vcs.Config{})
	r := s.create(t, "cray", "x")
	dir := work(t, "trunk", "site.yml", []byte("x\n"))
	git(t, dir, "push", "-q", r.CloneURL, "trunk")
	ctx, leave := context.WithCancel(t.Context())
	first, err := http.NewRequestWithContext(ctx, "GET", r.CloneURL+"/info/refs?service=git-upload-pack", nil)
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	go func() {
		a, err := http.DefaultClient.Do(first)
		if err == nil {
			a.Body.Close()
		}
		left <- err
	}()
	eventually(t, "HEAD is being written", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "cray", "x.git", "HEAD.lock"))
		return err == nil
	})
	leave()
	if err := <-left; err == nil {
		t.Fatal("the first client got an answer before HEAD was written")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := try(t, dir, "clone", "-q", r.CloneURL, clone); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := git(t, clone, "rev-parse", "--abbrev-ref", "HEAD"); got != "trunk" {
		t.Errorf("cloned %s", got)
	}
}
