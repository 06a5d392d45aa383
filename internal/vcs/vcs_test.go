package vcs_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

// server is a listener with repositories, and the native API's client.
type server struct {
	*httptest.Server
	dir string
	api *httpapi.Client
}

func start(t *testing.T, c vcs.Config) server {
	t.Helper()
	if c.Dir == "" {
		c.Dir = filepath.Join(t.TempDir(), "vcs")
	}
	mux := http.NewServeMux()
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	c.BaseURL = listener.URL
	service, err := vcs.NewService(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Stop)
	vcs.Register(httpapi.New(mux, "/apis/drover", "Drover", "1"), service)
	mux.Handle(vcs.Prefix, service.Handler())
	return server{listener, c.Dir, httpapi.NewClient("repositories", listener.URL+"/apis/drover", nil)}
}

func (s server) create(t *testing.T, org, name string) (r vcs.Repository) {
	t.Helper()
	if _, err := s.api.Do(t.Context(), "POST", "/v1/vcs/repositories", nil, map[string]string{"org": org, "name": name}, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s server) get(t *testing.T, org, name string) (r vcs.Repository) {
	t.Helper()
	if _, err := s.api.Do(t.Context(), "GET", "/v1/vcs/repositories/"+org+"/"+name, nil, nil, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// try runs a user's git, which has no settings.
func try(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := try(t, dir, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// work is a repository of a user with one commit of the file on the branch.
func work(t *testing.T, branch, file string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", branch)
	commit(t, dir, file, content)
	return dir
}

func commit(t *testing.T, dir, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", file)
}

func TestWhatIsPushedIsCloned(t *testing.T) {
	s := start(t, vcs.Config{})
	r := s.create(t, "cray", "site-config")
	if want := s.URL + "/vcs/cray/site-config.git"; r.CloneURL != want || r.DefaultBranch != "" {
		t.Errorf("created %+v, expected the clone URL %s and no branch", r, want)
	}
	large := make([]byte, 3<<20) // git sends it in chunks
	rand.Read(large)
	dir := work(t, "main", "large", large)
	git(t, dir, "tag", "-a", "-m", "one", "v1")
	git(t, dir, "push", "-q", r.CloneURL, "main", "v1")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, t.TempDir(), "clone", "-q", strings.TrimSuffix(r.CloneURL, ".git"), clone)
	if got, err := os.ReadFile(filepath.Join(clone, "large")); err != nil || !bytes.Equal(got, large) {
		t.Errorf("cloned %d bytes, %v; pushed %d", len(got), err, len(large))
	}
	if a, b := git(t, dir, "rev-parse", "v1"), git(t, clone, "rev-parse", "v1"); a != b {
		t.Errorf("tag is %s, pushed %s", b, a)
	}
	commit(t, clone, "second", nil)
	git(t, clone, "push", "-q")
	git(t, dir, "pull", "-q", r.CloneURL, "main")
	if a, b := git(t, dir, "rev-parse", "HEAD"), git(t, clone, "rev-parse", "HEAD"); a != b {
		t.Errorf("pulled %s, pushed %s", a, b)
	}
}

func TestDefaultBranchIsOneThatIsThere(t *testing.T) {
	s := start(t, vcs.Config{})
	url := s.create(t, "cray", "x").CloneURL
	dir := work(t, "integration", "f", nil)
	git(t, dir, "push", "-q", url, "integration")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", url, clone)
	if got := git(t, clone, "rev-parse", "--abbrev-ref", "HEAD"); got != "integration" || s.get(t, "cray", "x").DefaultBranch != got {
		t.Errorf("cloned %s, told %+v", got, s.get(t, "cray", "x"))
	}
	git(t, dir, "push", "-q", url, "integration:main", "integration:alpha")
	if got := s.get(t, "cray", "x").DefaultBranch; got != "integration" {
		t.Errorf("default branch became %s though it is still there", got)
	}
	bare := filepath.Join(s.dir, "cray", "x.git")
	git(t, bare, "branch", "-q", "-D", "integration")
	if got := s.get(t, "cray", "x").DefaultBranch; got != "main" {
		t.Errorf("default branch is %s, expected main of alpha and main", got)
	}
}

// Git's own short names of branches differ where a tag has the same.
func TestDefaultBranchHasItsNameBesideATagOfTheSame(t *testing.T) {
	s := start(t, vcs.Config{})
	for _, branch := range []string{"main", "dev"} {
		url := s.create(t, "cray", branch).CloneURL
		dir := work(t, branch, "f", nil)
		git(t, dir, "tag", branch)
		git(t, dir, "push", "-q", url, "refs/heads/"+branch, "refs/tags/"+branch)
		if got := s.get(t, "cray", branch).DefaultBranch; got != branch {
			t.Errorf("default branch is %s, expected %s", got, branch)
		}
		clone := filepath.Join(t.TempDir(), "clone")
		git(t, dir, "clone", "-q", url, clone)
		if got := git(t, clone, "symbolic-ref", "HEAD"); got != "refs/heads/"+branch {
			t.Errorf("cloned %s, expected %s", got, branch)
		}
	}
}

func TestRepositoriesAreListedAndDeleted(t *testing.T) {
	s := start(t, vcs.Config{})
	s.create(t, "cray", "b")
	s.create(t, "cray", "a.git")
	s.create(t, "site", "0")
	var list []vcs.Repository
	if _, err := s.api.Do(t.Context(), "GET", "/v1/vcs/repositories", nil, nil, &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range list {
		names = append(names, r.Org+"/"+r.Name)
	}
	if got := strings.Join(names, " "); got != "cray/a cray/b site/0" {
		t.Errorf("list is %s", got)
	}
	_, err := s.api.Do(t.Context(), "POST", "/v1/vcs/repositories", nil, map[string]string{"org": "cray", "name": "b"}, nil)
	if !httpapi.IsStatus(err, http.StatusConflict) {
		t.Errorf("second creation: %v", err)
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		_, err := s.api.Do(t.Context(), "DELETE", "/v1/vcs/repositories/site/0", nil, nil, nil)
		if want == http.StatusNotFound != httpapi.IsStatus(err, want) || want == http.StatusNoContent && err != nil {
			t.Errorf("deletion: %v, expected %d", err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "*")); len(left) != 1 {
		t.Errorf("left: %v, expected cray only", left)
	}
}

func TestNamesAreNoPaths(t *testing.T) {
	s := start(t, vcs.Config{})
	for _, n := range [][2]string{{"..", "x"}, {"cray", ".."}, {"cray", "../x"}, {"cray", "a/b"}, {"", "x"}, {"cray", ".git"}, {"cray", "-x"},
		{"cray", "x.git.git"}, {"a.git", "x"}, {"cray", strings.Repeat("x", 101)}, {".new-1", "x"}, {"cray", "x\n"}} {
		_, err := s.api.Do(t.Context(), "POST", "/v1/vcs/repositories", nil, map[string]string{"org": n[0], "name": n[1]}, nil)
		if !httpapi.IsStatus(err, http.StatusBadRequest) {
			t.Errorf("%q: %v", n, err)
		}
	}
	os.MkdirAll(filepath.Join(s.dir, "..", "outside.git"), 0o755)
	git(t, filepath.Join(s.dir, "..", "outside.git"), "init", "-q", "--bare")
	for _, path := range []string{"/vcs/%2e%2e/outside.git", "/vcs/cray/%2e%2e%2f%2e%2e%2foutside.git", "/vcs/..%2f/outside.git"} {
		if out, err := try(t, s.dir, "ls-remote", s.URL+path); err == nil {
			t.Errorf("%s is served: %s", path, out)
		}
	}
	if entries, _ := os.ReadDir(s.dir); len(entries) != 0 {
		t.Errorf("made %v", entries)
	}
}

func TestMissingRepositorySaysHowToMakeIt(t *testing.T) {
	s := start(t, vcs.Config{})
	out, err := try(t, t.TempDir(), "ls-remote", s.URL+"/vcs/cray/none.git")
	if err == nil || !strings.Contains(out, "drover vcs create cray/none") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = try(t, work(t, "main", "f", nil), "push", s.URL+"/vcs/cray/none.git", "main")
	if err == nil || !strings.Contains(out, "drover vcs create cray/none") {
		t.Errorf("push: %v: %s", err, out)
	}
}

func TestTooLargePushChangesNothingAndSaysSo(t *testing.T) {
	s := start(t, vcs.Config{MaxPush: 1 << 20})
	url := s.create(t, "cray", "x").CloneURL
	large := make([]byte, 5<<20)
	rand.Read(large)
	dir := work(t, "main", "large", large)
	out, err := try(t, dir, "push", url, "main")
	if err == nil || !strings.Contains(out, "exceeds maximum allowed size") {
		t.Errorf("%v: %s", err, out)
	}
	if out := git(t, dir, "ls-remote", url); out != "" {
		t.Errorf("there is %s", out)
	}
	small := work(t, "main", "small", large[:1<<19])
	git(t, small, "push", "-q", url, "main")
}

// slowPush begins a push whose body does not end before the returned writer is
// closed.
func slowPush(t *testing.T, url string) (*io.PipeWriter, <-chan int) {
	t.Helper()
	body, write := io.Pipe()
	t.Cleanup(func() { write.Close() })
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/git-receive-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := io.WriteString(write, "00"); err != nil { // a packet's length is four digits
		t.Fatal(err)
	}
	return write, status
}

// eventually polls the condition until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestRepositoryThatIsPushedToIsNotDeleted(t *testing.T) {
	s := start(t, vcs.Config{})
	url := s.create(t, "cray", "x").CloneURL
	remove := func() error {
		_, err := s.api.Do(t.Context(), "DELETE", "/v1/vcs/repositories/cray/x", nil, nil, nil)
		return err
	}
	push, _ := slowPush(t, url)
	// What was written was read by the client's transport, not yet by the server.
	eventually(t, "the push is in the way", func() bool {
		err := remove()
		if err == nil {
			s.create(t, "cray", "x") // it was not there yet; the push may fail instead
			push, _ = slowPush(t, url)
		}
		return httpapi.IsStatus(err, http.StatusConflict)
	})
	push.Close()
	eventually(t, "the repository is deleted", func() bool { return remove() == nil })
}

func TestBackendsAreBoundedAndSilentClientsCutOff(t *testing.T) {
	s := start(t, vcs.Config{Backends: 1, Patience: 50 * time.Millisecond, Silence: time.Second})
	url := s.create(t, "cray", "x").CloneURL
	_, ended := slowPush(t, url)
	eventually(t, "the only backend is busy", func() bool {
		out, err := try(t, s.dir, "ls-remote", url)
		return err != nil && strings.Contains(out, "busy") && strings.Contains(out, "503")
	})
	<-ended
	eventually(t, "the silent client has lost its turn", func() bool {
		_, err := try(t, s.dir, "ls-remote", url)
		return err == nil
	})
}

func TestWhatAKilledServerLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, left := range []string{".new-1", ".gone-2/repository"} {
		if err := os.MkdirAll(filepath.Join(dir, left), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start(t, vcs.Config{Dir: dir})
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestLFSIsRefusedByName(t *testing.T) {
	s := start(t, vcs.Config{})
	url := s.create(t, "cray", "x").CloneURL
	resp, err := http.Post(url+"/info/lfs/objects/batch", "application/vnd.git-lfs+json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(string(text), "Git LFS") {
		t.Errorf("%s: %s", resp.Status, text)
	}
}

func TestDocumentedNamesLeadHere(t *testing.T) {
	s := start(t, vcs.Config{})
	s.create(t, "cray", "x")
	dir := work(t, "main", "f", nil)
	git(t, dir, "push", "-q", s.URL+"/vcs/cray/x.git", "main")
	names := vcs.Names{Listener: s.URL, Hosts: []string{"api-gw-service-nmn.local"}, Base: "http://boot.invalid:8080/"}
	for _, url := range []string{"https://api-gw-service-nmn.local/vcs/cray/x.git", "http://api-gw-service-nmn.local/vcs/cray/x.git",
		"https://crayvcs@api-gw-service-nmn.local/vcs/cray/x.git", "http://boot.invalid:8080/vcs/cray/x.git"} {
		cmd := exec.Command("git", "ls-remote", url, "main")
		cmd.Env = names.Environ(append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.userAgent", "GIT_CONFIG_VALUE_0=kept",
			"http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "refs/heads/main") {
			t.Errorf("%s: %v: %s", url, err, out)
		}
		get := exec.Command("git", "config", "http.userAgent")
		get.Env = cmd.Env
		if out, err := get.Output(); err != nil || strings.TrimSpace(string(out)) != "kept" {
			t.Errorf("the environment's own setting: %q, %v", out, err)
		}
	}
}

// What killed pushes left goes at the next start; else each later one would be
// refused.
func TestRepositoryIsPushedToAfterAPushWasKilled(t *testing.T) {
	s := start(t, vcs.Config{})
	url := s.create(t, "cray", "x").CloneURL
	dir := work(t, "team/main", "f", nil)
	git(t, dir, "push", "-q", url, "team/main")
	bare := filepath.Join(s.dir, "cray", "x.git")
	left := []string{"HEAD.lock", "packed-refs.lock", "refs/heads/team/main.lock", "objects/tmp_objdir-incoming-a/pack/tmp_pack_b"}
	for _, name := range left {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(bare, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bare, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = start(t, vcs.Config{Dir: s.dir})
	commit(t, dir, "second", nil)
	url = s.get(t, "cray", "x").CloneURL
	if out, err := try(t, dir, "push", "-q", url, "team/main"); err != nil {
		t.Error(out)
	}
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(bare, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}
