package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// sharedStore is an object store that several servers use, which can be away.
type sharedStore struct {
	url  string
	keys s3.Credentials

	mu    sync.Mutex
	away  bool
	asked []string // method and path of each request
}

func newSharedStore(t *testing.T) *sharedStore {
	t.Helper()
	t.Chdir(".") // back at the end, as in testConfig
	st := &sharedStore{keys: s3.Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}}
	real, err := s3.StartServer(t.Context(), s3.ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: st.keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Stop)
	to, err := url.Parse(real.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	way := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st.mu.Lock()
		away := st.away
		st.asked = append(st.asked, r.Method+" "+r.URL.Path)
		st.mu.Unlock()
		if away {
			http.Error(w, "away", http.StatusForbidden) // an answer that nobody repeats
			return
		}
		way.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	st.url = front.URL
	return st
}

// since is what was asked for since the last call.
func (st *sharedStore) since() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	asked := st.asked
	st.asked = nil
	return asked
}

func (st *sharedStore) set(away bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.away = away
}

// userGit runs git of a user.
func userGit(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := userGit(t, dir, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// A repository is the same on the server that takes another's place, with another data
// directory; a push that the object store does not take is refused.
func TestRepositoriesAreThereWhenAnotherServerLeads(t *testing.T) {
	objects := newSharedStore(t)
	first := testConfig(t)
	first.Database, first.S3Endpoint = storetest.Postgres(t), objects.url
	first.S3AccessKey, first.S3SecretKey = objects.keys.AccessKey, objects.keys.SecretKey
	second := first
	second.Data, second.SecretKey.File = t.TempDir(), filepath.Join(first.Data, keyFile)
	one, err := Start(t.Context(), first, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stopOne := sync.OnceFunc(one.Stop)
	defer stopOne()
	dir := t.TempDir()
	mustGit(t, dir, "init", "-q", "-b", "main")
	push := func(name string) (string, error) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		mustGit(t, dir, "add", "-A")
		mustGit(t, dir, "commit", "-q", "-m", name)
		return userGit(t, dir, "push", one.URL()+"/vcs/cray/x.git", "main")
	}
	resp, err := http.Post(one.URL()+"/apis/drover/v1/vcs/repositories", "application/json", strings.NewReader(`{"org":"cray","name":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if out, err := push("site.yml"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	objects.since()
	began := time.Now()
	if out, err := push("second"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("a small commit and its push took %v", time.Since(began).Round(time.Millisecond))
	if asked := objects.since(); len(asked) != 1 || !strings.HasPrefix(asked[0], "PUT /vcs-repositories/") {
		t.Errorf("a push asked the object store for %v", asked)
	}
	kept := mustGit(t, dir, "rev-parse", "HEAD")
	objects.set(true)
	if out, err := push("third"); err == nil || !strings.Contains(out, "nothing has changed") {
		t.Errorf("%v\n%s", err, out)
	}
	objects.set(false)

	started := make(chan *Server, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		two, err := Start(ctx, second, Options{})
		if err != nil {
			t.Error(err)
		}
		started <- two
	}()
	stopOne()
	two := <-started
	if two == nil {
		return
	}
	defer two.Stop()
	clone := filepath.Join(t.TempDir(), "clone")
	mustGit(t, dir, "clone", "-q", two.URL()+"/vcs/cray/x.git", clone)
	if got := mustGit(t, clone, "rev-parse", "HEAD"); got != kept {
		t.Errorf("cloned %s, pushed %s", got, kept)
	}
	resp, err = http.Get(two.URL() + "/apis/drover/v1/vcs/repositories")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), `"default_branch":"main"`) {
		t.Errorf("%s, %v", text, err)
	}
}
