package aee

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drover-hpc/drover/internal/need"
)

// addSubmodule commits one to the repository and returns the commit.
func addSubmodule(t *testing.T, repo, url, path string) string {
	t.Helper()
	git(t, repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--name", path, url, path)
	return commitFiles(t, repo, nil)
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSubmodulesAreCheckedOutFromMirrors(t *testing.T) {
	inner, _ := repository(t, map[string]string{"deep": "deep"})
	middle, _ := repository(t, map[string]string{"f": "at first"})
	addSubmodule(t, middle, inner, "lib/inner")
	top, _ := repository(t, map[string]string{"site.yml": "- hosts: all\n"})
	commit := addSubmodule(t, top, middle, "roles/middle")
	commitFiles(t, middle, map[string]string{"f": "later"}) // which the layer does not name
	s, jobs := Settings{CacheDir: filepath.Join(t.TempDir(), "cache"), GitRetries: -1, MaxMirrors: 1, Files: anywhere}, t.TempDir()

	running := cloneJob(t, s, jobs, "cfs-0", top)
	dir := layerDir(running, 0)
	if got := read(t, dir, "roles/middle/f"); got != "at first" {
		t.Errorf("the submodule is at %q, expected its commit in the layer's", got)
	}
	if got := read(t, dir, "roles/middle/lib/inner/deep"); got != "deep" {
		t.Errorf("the submodule's submodule holds %q", got)
	}
	if got := git(t, dir, "status", "--porcelain"); got != "" || git(t, dir, "rev-parse", "HEAD") != commit {
		t.Errorf("changed: %s", got)
	}
	other, _ := repository(t, map[string]string{"f": ""})
	if err := Clean(cloneJob(t, s, jobs, "cfs-1", other)); err != nil { // trims
		t.Fatal(err)
	}
	for _, sub := range []string{".", "roles/middle", "roles/middle/lib/inner"} {
		git(t, filepath.Join(dir, sub), "fsck", "--full") // its objects are there
	}
	for _, repo := range []string{top, middle, inner} {
		if err := os.Rename(repo, repo+".away"); err != nil {
			t.Fatal(err)
		}
	}
	m := newMirrors(t)
	m.dir = s.CacheDir
	if err := m.checkout(t.Context(), top, commit, filepath.Join(t.TempDir(), "layer0")); err != nil {
		t.Errorf("all commits are in mirrors, and yet: %v", err)
	}
}

func TestSubmoduleThatFailsIsNamed(t *testing.T) {
	var lib string
	for name, c := range map[string]struct {
		change func(repo string)
		says   []string
	}{
		"gone":   {func(string) { os.RemoveAll(lib) }, []string{"submodule roles/lib (LIB at ", "does not exist", "correct the clone URL"}},
		"no URL": {func(repo string) { git(t, repo, "config", "-f", ".gitmodules", "--unset", "submodule.roles/lib.url") }, []string{"submodule roles/lib: .gitmodules of", "has no URL"}},
		"option": {func(repo string) {
			git(t, repo, "config", "-f", ".gitmodules", "submodule.roles/lib.url", "--upload-pack=x")
		}, []string{"submodule roles/lib (", "refused"}},
		"command": {func(repo string) {
			git(t, repo, "config", "-f", ".gitmodules", "submodule.roles/lib.url", "ext::sh -c true")
		},
			[]string{"submodule roles/lib (", "must not run a program"}},
	} {
		t.Run(name, func(t *testing.T) {
			lib, _ = repository(t, map[string]string{"f": ""})
			top, _ := repository(t, map[string]string{"g": ""})
			addSubmodule(t, top, lib, "roles/lib")
			c.change(top)
			commitFiles(t, top, map[string]string{"g": "changed"})
			err := newMirrors(t).checkout(t.Context(), top, "", filepath.Join(t.TempDir(), "layer0"))
			for _, want := range c.says {
				want = strings.Replace(want, "LIB", lib, 1)
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nexpected %q", err, want)
				}
			}
		})
	}
}

func TestSubmoduleWithUpdateNoneIsLeftOut(t *testing.T) {
	lib, _ := repository(t, map[string]string{"f": ""})
	top, _ := repository(t, map[string]string{"g": ""})
	addSubmodule(t, top, lib, "lib")
	git(t, top, "config", "-f", ".gitmodules", "submodule.lib.update", "none")
	commitFiles(t, top, map[string]string{"g": "changed"})
	os.RemoveAll(lib)
	if err := newMirrors(t).checkout(t.Context(), top, "", filepath.Join(t.TempDir(), "layer0")); err != nil {
		t.Error(err)
	}
}

func TestSubmoduleURLs(t *testing.T) {
	for _, c := range []struct{ parent, sub, want string }{
		{"https://h/vcs/cray/site.git", "../lib.git", "https://h/vcs/cray/lib.git"},
		{"https://h/vcs/cray/site.git/", "../../x/lib.git", "https://h/vcs/x/lib.git"},
		{"https://h/vcs/cray/site.git", "./lib.git", "https://h/vcs/cray/site.git/lib.git"},
		{"https://h/vcs/cray/site.git", "https://other/x.git", "https://other/x.git"},
		{"git@h:site.git", "../lib.git", "git@h:lib.git"},
		{"git@h:cray/site.git", "../lib.git", "git@h:cray/lib.git"},
		{"/srv/git/site", "../lib", "/srv/git/lib"},
	} {
		if got := resolveURL(c.parent, c.sub); got != c.want {
			t.Errorf("%s in %s is %s, expected %s", c.sub, c.parent, got, c.want)
		}
	}
}

// Whoever writes .gitmodules must not get at the layer's login.
func TestSubmoduleOnAnotherServerIsNotToldTheLogin(t *testing.T) {
	var told, asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if _, _, ok := r.BasicAuth(); ok {
			told.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(other.Close)
	lib, _ := repository(t, map[string]string{"f": ""})
	top, _ := repository(t, map[string]string{"g": ""})
	addSubmodule(t, top, lib, "lib")
	git(t, top, "config", "-f", ".gitmodules", "submodule.lib.url", other.URL+"/lib.git")
	commitFiles(t, top, map[string]string{"g": "changed"})
	m := newMirrors(t)
	ask := filepath.Join(t.TempDir(), "askpass")
	if err := os.WriteFile(ask, []byte(askpass), 0o700); err != nil {
		t.Fatal(err)
	}
	m.env = gitEnv(Settings{}, ask, Login{Username: "u", Password: "p"})
	err := m.checkout(t.Context(), top, "", filepath.Join(t.TempDir(), "layer0"))
	if err == nil || !strings.Contains(err.Error(), "submodule lib (") || asked.Load() == 0 || told.Load() != 0 {
		t.Errorf("asked %d times, told %d times: %v", asked.Load(), told.Load(), err)
	}
	for sub, want := range map[string]bool{"https://h/lib": true, "https://H/lib": true, "http://h/lib": false, "https://h:444/lib": false, "https://h.evil/lib": false, "/lib": false} {
		if got := sameServer("https://u@h/site", sub); got != want {
			t.Errorf("%s on the server of https://h: %t", sub, got)
		}
	}
}

// lfsRepository has one file in Git LFS, and is itself its server.
func lfsRepository(t *testing.T, content []byte) (repo string) {
	t.Helper()
	_, err := exec.LookPath("git-lfs")
	need.Met(t, err)
	repo = filepath.Join(t.TempDir(), "site.git")
	git(t, t.TempDir(), "init", "-q", "--bare", "-b", "main", repo)
	work, _ := repository(t, map[string]string{"site.yml": "- hosts: all\n"})
	git(t, work, "lfs", "install", "--local")
	git(t, work, "lfs", "track", "*.bin")
	commitFiles(t, work, map[string]string{"files/big.bin": string(content), "files/other.bin": "other"})
	git(t, work, "remote", "add", "origin", "file://"+repo)
	git(t, work, "push", "-q", "origin", "main")
	return repo
}

func TestFilesInGitLFSAreFetchedOnce(t *testing.T) {
	content := bytes.Repeat([]byte{0, 1, 2, 3}, 1<<16)
	repo := lfsRepository(t, content)
	m := newMirrors(t)
	for i, what := range []string{"from the server", "from the mirror"} {
		if i == 1 {
			if err := os.RemoveAll(filepath.Join(repo, "lfs")); err != nil {
				t.Fatal(err)
			}
		}
		dir := filepath.Join(t.TempDir(), "layer0")
		commit := git(t, repo, "rev-parse", "main")
		if err := m.checkout(t.Context(), "file://"+repo, commit, dir); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if read(t, dir, "files/big.bin") != string(content) || read(t, dir, "files/other.bin") != "other" {
			t.Errorf("%s: not the files' contents", what)
		}
	}
}

func TestFileThatGitLFSDoesNotHaveIsNamed(t *testing.T) {
	repo := lfsRepository(t, []byte("big"))
	if err := os.RemoveAll(filepath.Join(repo, "lfs")); err != nil {
		t.Fatal(err)
	}
	m := newMirrors(t)
	m.retries = 60 // not one of them is made
	err := m.checkout(t.Context(), "file://"+repo, "", filepath.Join(t.TempDir(), "layer0"))
	if err == nil || !strings.Contains(err.Error(), "Git LFS has files/big.bin and 1 more files") || !strings.Contains(err.Error(), "Not tried again") {
		t.Error(err)
	}
}

func TestWithoutGitLFSItsFilesAreNamed(t *testing.T) {
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1") // nothing has set it up either
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	repo, _ := repository(t, map[string]string{".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "small.bin": "no pointer"})
	checkout := func() error {
		m := newMirrors(t)
		m.env = append(m.env, "PATH="+withoutGitLFS(t))
		return m.checkout(t.Context(), repo, "", filepath.Join(t.TempDir(), "layer0"))
	}
	if err := checkout(); err != nil {
		t.Errorf("no file is a pointer: %v", err)
	}
	commitFiles(t, repo, map[string]string{"big.bin": lfsPointer + "v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 3\n"})
	err := checkout()
	if err == nil || !strings.Contains(err.Error(), "Git LFS has big.bin of "+repo) || !strings.Contains(err.Error(), "git-lfs is not installed") {
		t.Error(err)
	}
}

// withoutGitLFS is a PATH with git alone.
func withoutGitLFS(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "git")); err != nil {
		t.Fatal(err)
	}
	return dir
}
