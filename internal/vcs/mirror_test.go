package vcs_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

// tells is all that a client sees of a repository.
func (s server) tells(t *testing.T, org, name string) string {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	url := s.get(t, org, name).CloneURL
	git(t, s.dir, "clone", "-q", "--mirror", url, clone)
	git(t, clone, "fsck", "--strict", "--no-progress")
	return git(t, clone, "for-each-ref") + "\n" + git(t, clone, "symbolic-ref", "HEAD") + "\n" + s.get(t, org, name).DefaultBranch
}

func TestAnotherServerHasWhatWasPushed(t *testing.T) {
	all := newSite()
	one := all.server(t)
	url := one.create(t, "cray", "x").CloneURL
	one.create(t, "cray", "empty")
	dir := work(t, "integration", "f", nil)
	git(t, dir, "tag", "-a", "-m", "one", "v1")
	git(t, dir, "push", "-q", url, "integration", "v1", "integration:main", "integration:team/a")
	commit(t, dir, "second", []byte("2\n"))
	git(t, dir, "push", "-q", url, "integration", ":team/a", "integration:team/a/b")
	git(t, dir, "commit", "-q", "--amend", "-m", "another")
	git(t, dir, "push", "-q", "--force", url, "integration")
	before := one.tells(t, "cray", "x")
	if !strings.Contains(before, "refs/heads/team/a/b") || !strings.Contains(before, git(t, dir, "rev-parse", "HEAD")) {
		t.Errorf("the first server tells\n%s", before)
	}
	two := all.server(t) // the first one is killed
	if after := two.tells(t, "cray", "x"); after != before {
		t.Errorf("another server tells\n%s\nwant\n%s", after, before)
	}
	if r := two.get(t, "cray", "empty"); r.DefaultBranch != "" {
		t.Errorf("%+v", r)
	}
	url = two.get(t, "cray", "x").CloneURL
	commit(t, dir, "third", nil)
	git(t, dir, "push", "-q", url, "integration")
	git(t, dir, "push", "-q", two.get(t, "cray", "empty").CloneURL, "integration")
	again := start(t, all.config(one.dir)) // and takes its place again
	for _, name := range []string{"x", "empty"} {
		if got, want := again.tells(t, "cray", name), two.tells(t, "cray", name); got != want {
			t.Errorf("%s: the first server tells\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestAPushCostsOnePackAndOneRecord(t *testing.T) {
	all := newSite()
	s := all.server(t)
	url := s.create(t, "cray", "x").CloneURL
	large := make([]byte, 256<<10)
	rand.Read(large)
	dir := work(t, "main", "large", large)
	git(t, dir, "push", "-q", url, "main")
	commit(t, dir, "small", nil)
	stores, puts := all.stores, all.puts
	git(t, dir, "push", "-q", url, "main")
	last := all.record("cray/x").Packs
	if all.stores != stores+1 || all.puts != puts+1 || last[len(last)-1].Size > 1000 {
		t.Errorf("%d packs, %d records, %+v", all.stores-stores, all.puts-puts, last)
	}
	git(t, dir, "push", "-q", url, "main:second") // brings nothing
	if all.stores != stores+1 || all.puts != puts+2 {
		t.Errorf("%d packs, %d records", all.stores-stores, all.puts-puts)
	}
}

// Whatever is away: the client is told, nobody sees the push, and the next one goes
// well.
func TestAPushThatCannotBeKeptIsRefusedAndChangesNothing(t *testing.T) {
	down := errors.New("the machine of the test is away")
	for what, fail := range map[string]func(*site){
		"the object store": func(s *site) { s.away = down },
		"the database":     func(s *site) { s.put = func(func() error) error { return down } },
	} {
		t.Run(what, func(t *testing.T) {
			all := newSite()
			s := all.server(t)
			url := s.create(t, "cray", "x").CloneURL
			dir := work(t, "main", "f", nil)
			git(t, dir, "push", "-q", url, "main")
			before := s.tells(t, "cray", "x")
			commit(t, dir, "second", nil)
			all.set(func() { fail(all) })
			out, err := try(t, dir, "push", url, "main", "main:other")
			if err == nil || strings.Count(out, "[remote rejected]") != 2 || !strings.Contains(out, down.Error()) {
				t.Errorf("%v: %s", err, out)
			}
			if after := s.tells(t, "cray", "x"); after != before {
				t.Errorf("it tells\n%s\nwant\n%s", after, before)
			}
			all.set(func() { all.away, all.put = nil, nil })
			two := all.server(t)
			if after := two.tells(t, "cray", "x"); after != before {
				t.Errorf("another server tells\n%s\nwant\n%s", after, before)
			}
			for key := range all.packs {
				if !slices.ContainsFunc(all.record("cray/x").Packs, func(p vcs.Pack) bool { return p.Key == key }) {
					t.Errorf("pack %s is left", key)
				}
			}
			git(t, dir, "push", "-q", url, "main")
		})
	}
}

// A server that is killed in the middle of a push agrees with the one that takes its
// place on whether it happened.
func TestServersAgreeOnAPushInWhichOneWasKilled(t *testing.T) {
	for moment, happened := range map[string]bool{"before the index": false, "after the index": true} {
		t.Run(moment, func(t *testing.T) {
			all := newSite()
			one := all.server(t)
			url := one.create(t, "cray", "x").CloneURL
			dir := work(t, "main", "f", nil)
			git(t, dir, "push", "-q", url, "main")
			commit(t, dir, "second", nil)
			want := git(t, dir, "rev-parse", "HEAD")
			at, killed := make(chan struct{}), make(chan struct{})
			all.set(func() {
				all.put = func(write func() error) error {
					if happened {
						if err := write(); err != nil {
							t.Error(err)
						}
					}
					close(at)
					<-killed
					return errors.New("killed")
				}
			})
			pushed := make(chan error, 1)
			go func() {
				_, err := try(t, dir, "push", url, "main", "main:other")
				pushed <- err
			}()
			<-at
			if got := git(t, dir, "ls-remote", url); strings.Contains(got, want) {
				t.Errorf("what may yet be refused is shown: %s", got)
			}
			all.set(func() { all.put = nil })
			two, again := all.server(t), start(t, all.config(copied(t, one.dir)))
			tells := two.tells(t, "cray", "x")
			if strings.Contains(tells, want) != happened || again.tells(t, "cray", "x") != tells {
				t.Errorf("one tells\n%s\nanother\n%s", again.tells(t, "cray", "x"), tells)
			}
			close(killed)
			if err := <-pushed; err == nil {
				t.Error("the push is answered")
			}
		})
	}
}

// copied is what a killed server left.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "vcs")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWhatAnotherServerDeletedGoes(t *testing.T) {
	all := newSite()
	one := all.server(t)
	dir := work(t, "main", "f", nil)
	for _, name := range []string{"gone", "again"} {
		git(t, dir, "push", "-q", one.create(t, "cray", name).CloneURL, "main")
	}
	two := all.server(t)
	for _, name := range []string{"gone", "again"} {
		if _, err := two.api.Do(t.Context(), "DELETE", "/v1/vcs/repositories/cray/"+name, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(all.packs) != 0 {
		t.Errorf("%d packs are left", len(all.packs))
	}
	two.create(t, "cray", "again")
	one = start(t, all.config(one.dir))
	if _, err := one.api.Do(t.Context(), "GET", "/v1/vcs/repositories/cray/gone", nil, nil, nil); !httpapi.IsStatus(err, 404) {
		t.Error(err)
	}
	if r := one.get(t, "cray", "again"); r.DefaultBranch != "" {
		t.Errorf("it has what was deleted: %+v", r)
	}
}

// Two clients whose pushes meet: one is told to fetch, none undoes the other's.
func TestOfPushesToOneBranchThatMeetOneIsRefused(t *testing.T) {
	all := newSite()
	s := all.server(t)
	url := s.create(t, "cray", "x").CloneURL
	dir := work(t, "main", "f", nil)
	git(t, dir, "push", "-q", url, "main")
	other := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", url, other)
	commit(t, dir, "one", nil)
	commit(t, other, "two", nil)
	git(t, dir, "branch", "dir")
	git(t, other, "branch", "dir/file")
	first, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	all.set(func() {
		all.stored = func() { once.Do(func() { close(first); <-goOn }) }
	})
	met := make(chan string, 1)
	go func() {
		out, err := try(t, dir, "push", url, "main", "dir")
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		met <- out
	}()
	<-first // it is at the object store; the other one comes, and waits
	second := make(chan string, 1)
	go func() {
		out, err := try(t, other, "push", url, "main")
		if err == nil {
			t.Error("both went well")
		}
		second <- out
	}()
	eventually(t, "the second push came", func() bool {
		come, err := filepath.Glob(filepath.Join(s.dir, ".push-*", "repository", "objects", "pack", "*.pack"))
		return err == nil && len(come) >= 2
	})
	close(goOn)
	<-met
	if out := <-second; !strings.Contains(out, "fetch") {
		t.Error(out)
	}
	if out, err := try(t, other, "push", url, "dir/file"); err == nil {
		t.Error(out)
	}
	if got := s.tells(t, "cray", "x"); !strings.Contains(got, git(t, dir, "rev-parse", "main")) {
		t.Error(got)
	}
}

func TestManyPacksBecomeOne(t *testing.T) {
	all := newSite()
	s := all.server(t)
	url := s.create(t, "cray", "x").CloneURL
	dir := work(t, "main", "f", nil)
	for range 3 {
		large := make([]byte, 600<<10)
		rand.Read(large)
		commit(t, dir, "large", large)
		git(t, dir, "push", "-q", url, "main")
	}
	eventually(t, "one pack has all", func() bool {
		all.mu.Lock()
		defer all.mu.Unlock()
		return len(all.packs) == 1 && len(all.records["cray/x"].Packs) == 1
	})
	if got, want := all.server(t).tells(t, "cray", "x"), s.tells(t, "cray", "x"); got != want {
		t.Errorf("another server tells\n%s\nwant\n%s", got, want)
	}
	commit(t, dir, "after", nil)
	git(t, dir, "push", "-q", url, "main")
}

func TestRepositoriesOfAServerThatWasAloneAreShared(t *testing.T) {
	alone := start(t, vcs.Config{})
	dir := work(t, "trunk", "f", nil)
	git(t, dir, "push", "-q", alone.create(t, "cray", "x").CloneURL, "trunk")
	alone.create(t, "cray", "empty")
	all := newSite()
	one := start(t, all.config(alone.dir))
	want := one.tells(t, "cray", "x")
	if got := all.server(t).tells(t, "cray", "x"); got != want || !strings.Contains(got, "refs/heads/trunk") {
		t.Errorf("another server tells\n%s\nwant\n%s", got, want)
	}
	alone = start(t, vcs.Config{Dir: alone.dir}) // for a while, and then not any more
	commit(t, dir, "second", bytes.Repeat([]byte("x"), 10))
	git(t, dir, "push", "-q", alone.get(t, "cray", "x").CloneURL, "trunk")
	start(t, all.config(alone.dir))
	if got := all.server(t).tells(t, "cray", "x"); !strings.Contains(got, git(t, dir, "rev-parse", "HEAD")) {
		t.Errorf("what was pushed meanwhile is not shared: %s", got)
	}
}

// The index may be that of a backup, or of a new database, and the packs not be there any
// more.
func TestARepositoryIsNotLostToAnOlderIndex(t *testing.T) {
	for what, lead := range map[string]func(*site, vcs.Record){
		"older": func(s *site, old vcs.Record) { s.records["cray/x"] = old },
		"new":   func(s *site, _ vcs.Record) { clear(s.records) },
	} {
		t.Run(what, func(t *testing.T) {
			all := newSite()
			s := all.server(t)
			url := s.create(t, "cray", "x").CloneURL
			dir := work(t, "main", "f", nil)
			git(t, dir, "push", "-q", url, "main")
			old := all.record("cray/x")
			commit(t, dir, "second", nil)
			git(t, dir, "push", "-q", url, "main")
			want := s.tells(t, "cray", "x")
			all.set(func() {
				lead(all, old)
				clear(all.packs)
			})
			again := start(t, all.config(s.dir))
			for _, s := range []server{again, all.server(t)} {
				if got := s.tells(t, "cray", "x"); got != want {
					t.Errorf("it tells\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}

func TestARepositoryThatIsAnotherAtTheOthersIsPutAside(t *testing.T) {
	all := newSite()
	dir := work(t, "main", "shared", nil)
	shared := all.server(t)
	git(t, dir, "push", "-q", shared.create(t, "cray", "x").CloneURL, "main")
	alone := start(t, vcs.Config{})
	git(t, work(t, "main", "own", []byte("own")), "push", "-q", alone.create(t, "cray", "x").CloneURL, "main")
	two := start(t, all.config(alone.dir))
	if got, want := two.tells(t, "cray", "x"), shared.tells(t, "cray", "x"); got != want {
		t.Errorf("it tells\n%s\nwant\n%s", got, want)
	}
	aside, err := filepath.Glob(filepath.Join(alone.dir, ".aside-cray-x-*", "x.git"))
	if err != nil || len(aside) != 1 {
		t.Fatal(aside, err)
	}
	if got := git(t, aside[0], "ls-tree", "--name-only", "main"); got != "own" {
		t.Error(got)
	}
	if n := len(list(t, two)); n != 1 {
		t.Errorf("%d repositories are listed", n)
	}
}

func list(t *testing.T, s server) (out []vcs.Repository) {
	t.Helper()
	if _, err := s.api.Do(t.Context(), "GET", "/v1/vcs/repositories", nil, nil, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestARepositoryThatCannotBeFetchedHindersNoOther(t *testing.T) {
	all := newSite()
	one := all.server(t)
	dir := work(t, "main", "f", nil)
	for _, name := range []string{"bad", "good"} {
		git(t, dir, "push", "-q", one.create(t, "cray", name).CloneURL, "main")
	}
	all.set(func() { all.disliked = all.records["cray/bad"].Packs[0].Key })
	two := all.server(t)
	if got := list(t, two); len(got) != 1 || got[0].Name != "good" {
		t.Errorf("%+v", got)
	}
	if out, err := try(t, dir, "ls-remote", two.URL+"/vcs/cray/bad.git"); err == nil || !strings.Contains(out, "not brought up to date") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := two.api.Do(t.Context(), "POST", "/v1/vcs/repositories", nil, map[string]string{"org": "cray", "name": "bad"}, nil); !httpapi.IsStatus(err, 503) {
		t.Errorf("it is made again: %v", err)
	}
	all.set(func() { all.disliked = "" })
	eventually(t, "it is fetched", func() bool { return len(list(t, two)) == 2 })
	if got, want := two.tells(t, "cray", "bad"), one.tells(t, "cray", "bad"); got != want {
		t.Errorf("it tells\n%s\nwant\n%s", got, want)
	}
}
