package aee

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// gitServer serves the repositories below root as git's own server does, after
// the first answers, if any, which are these statuses.
func gitServer(t *testing.T, root string, first ...int) *httptest.Server {
	t.Helper()
	backend := filepath.Join(git(t, root, "--exec-path"), "git-http-backend")
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(asked.Add(1)); n <= len(first) {
			w.WriteHeader(first[n-1])
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// answering is a server with one answer.
func answering(t *testing.T, status int, header, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/x.git"
}

func TestOnlyWhatMayPassIsTriedAgain(t *testing.T) {
	root, asks := t.TempDir(), "WWW-Authenticate: Basic realm=git"
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	for _, c := range []struct {
		name, url string
		login     string
		later     bool
		says      string // of git's words
		advice    string
	}{
		{name: "connection refused", url: "http://127.0.0.1:1/x.git", later: true, says: "connect"},
		{name: "SSH, connection refused", url: "ssh://127.0.0.1:1/x.git", later: true, says: "Connection refused"},
		{name: "git, connection refused", url: "git://127.0.0.1:1/x.git", later: true, says: "Connection refused"},
		{name: "no such name", url: "http://nowhere.invalid/x.git", later: true, says: "Could not resolve host"},
		{name: "500", url: answering(t, 500, "", "oops"), later: true, says: "500"},
		{name: "503", url: answering(t, 503, "", ""), later: true, says: "503"},
		{name: "429", url: answering(t, 429, "", ""), later: true, says: "429"},
		{name: "no login", url: answering(t, 401, asks, ""), says: "could not read Username", advice: "login"},
		{name: "login refused", url: answering(t, 401, asks, ""), login: "u", says: "Authentication failed", advice: "login"},
		{name: "forbidden", url: answering(t, 403, "", ""), says: "403", advice: "login"},
		{name: "not found", url: gitServer(t, root).URL + "/x.git", says: "not found", advice: "clone URL"},
		{name: "gone", url: answering(t, 410, "", ""), says: "410", advice: "clone URL"},
		{name: "not a git server", url: answering(t, 200, "", "<html>"), says: "no commit"},
		{name: "certificate", url: tls.URL + "/x.git", says: "certificate", advice: "trust"},
		{name: "no such directory", url: "/nonexistent", says: "does not exist", advice: "clone URL"},
		{name: "unknown protocol", url: "foo://host/x.git", says: "must not speak 'foo'", advice: "clone URL"},
		{name: "no port", url: "http://host:port/x.git", says: "bad/illegal format", advice: "clone URL"},
		{name: "a command", url: "ext::sh -c true", says: "must not run a program", advice: "clone URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			m := newMirrors(t)
			ask := filepath.Join(t.TempDir(), "askpass")
			if err := os.WriteFile(ask, []byte(askpass), 0o700); err != nil {
				t.Fatal(err)
			}
			m.env, m.retries, m.delay, m.out = gitEnv(Settings{}, ask, Login{Username: c.login}), 2, time.Millisecond, &out
			err := m.checkout(t.Context(), c.url, "", filepath.Join(t.TempDir(), "layer0"))
			want := 0
			if c.later {
				want = 2
			}
			if got := strings.Count(out.String(), "next try"); err == nil || got != want {
				t.Fatalf("%v; tried %d times more, expected %d", err, got, want)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.advice) {
				t.Errorf("%v\nexpected git's %q and advice on the %s", err, c.says, c.advice)
			}
		})
	}
}

func TestServerThatComesBackIsUsed(t *testing.T) {
	repo, commit := repository(t, map[string]string{"f": "1"})
	var out strings.Builder
	m := newMirrors(t)
	m.retries, m.delay, m.out = 5, time.Millisecond, &out
	server := gitServer(t, filepath.Dir(repo), 503, 429)
	dir := filepath.Join(t.TempDir(), "layer0")
	if err := m.checkout(t.Context(), server.URL+"/"+filepath.Base(repo)+"/.git", commit, dir); err != nil {
		t.Fatal(err)
	}
	if head := git(t, dir, "rev-parse", "HEAD"); head != commit || strings.Count(out.String(), "next try") != 2 {
		t.Errorf("HEAD is %s, expected %s\n%s", head, commit, &out)
	}
}

func TestBranchMayBecomeAFolderAndBack(t *testing.T) {
	m := newMirrors(t)
	m.retries, m.delay = 3, time.Millisecond
	repo, old := repository(t, map[string]string{"f": "1"})
	checkout := func(name, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "layer0")
		if err := m.checkout(t.Context(), repo, name, dir); err != nil {
			t.Fatal(err)
		}
		if got := git(t, dir, "rev-parse", "HEAD"); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}
	git(t, repo, "checkout", "-q", "-b", "release")
	first := commitFiles(t, repo, map[string]string{"f": "2"})
	checkout("release", first)
	git(t, repo, "checkout", "-q", "main")
	git(t, repo, "branch", "-q", "-D", "release")
	git(t, repo, "checkout", "-q", "-b", "release/1")
	second := commitFiles(t, repo, map[string]string{"f": "3"})
	checkout("release/1", second)
	git(t, repo, "checkout", "-q", "main")
	git(t, repo, "branch", "-q", "-D", "release/1")
	git(t, repo, "branch", "-q", "release")
	checkout("release", old)
	checkout(first, first) // the branch is gone from the mirror as well, its commit is not
}

func TestMirrorOfAnotherUserFailsAtOnce(t *testing.T) {
	var out strings.Builder
	m := newMirrors(t)
	repo, _ := repository(t, map[string]string{"f": "1"})
	if err := m.checkout(t.Context(), repo, "", filepath.Join(t.TempDir(), "layer0")); err != nil {
		t.Fatal(err)
	}
	m.retries, m.delay, m.out = 2, time.Millisecond, &out
	m.env = append(m.env, "GIT_TEST_ASSUME_DIFFERENT_OWNER=1") // git's own switch for it
	err := m.checkout(t.Context(), repo, "", filepath.Join(t.TempDir(), "layer0"))
	if err == nil || !strings.Contains(err.Error(), "dubious ownership") || out.String() != "" {
		t.Fatalf("%v; tries:\n%s", err, &out)
	}
	if !strings.Contains(err.Error(), "chown") {
		t.Errorf("%v: expected what to do", err)
	}
}
