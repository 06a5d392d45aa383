package aee

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/vcs"

	"github.com/drover-hpc/drover/internal/cfs"
)

// TestMain lets the test binary be the program of the steps, as drover is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "aee" {
		os.Exit(Command(os.Args[:2]).Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else each step of a -race build takes a second more
	os.Exit(m.Run())
}

// anywhere is where the repositories of tests lie.
var anywhere = vcs.Files{Roots: []string{"/"}}

func stepProgram() []string { return []string{os.Args[0], "aee"} }

// repository makes a git repository of the files and returns its path and commit.
func repository(t testing.TB, files map[string]string) (path, commit string) {
	t.Helper()
	path = t.TempDir()
	git(t, path, "init", "-q", "-b", "main")
	return path, commitFiles(t, path, files)
}

func commitFiles(t testing.TB, repo string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, repo, "add", "-A")
	git(t, repo, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "change")
	return git(t, repo, "rev-parse", "HEAD")
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// site is a gateway with HSM and CFS behind it that note what they are asked,
// and the settings of jobs that use it.
type site struct {
	Settings
	mu sync.Mutex
	// hsm are answers by path; a path without one answers 500.
	hsm map[string]string
	// components are those that CFS knows; nil is all.
	components map[string]bool
	// busy is how many calls CFS still answers with 503.
	busy    int
	reports [][]report
}

// report is what the plugin must send: nothing less and nothing more.
type report struct {
	ID          string `json:"id"`
	StateAppend struct {
		CloneURL    string `json:"clone_url"`
		Playbook    string `json:"playbook"`
		Commit      string `json:"commit"`
		SessionName string `json:"session_name"`
		Status      string `json:"status"`
	} `json:"state_append"`
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/smd/hsm/v2/", s.serveHSM)
	mux.HandleFunc("GET /apis/cfs/v3/components", s.serveIDs)
	mux.HandleFunc("PATCH /apis/cfs/v3/components", s.serveReport)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.Settings = Settings{Gateway: server.URL, CacheDir: filepath.Join(t.TempDir(), "cache"),
		Files: anywhere, GitRetries: -1, ReportTimeout: 10 * time.Second}
	return s
}

func (s *site) serveHSM(w http.ResponseWriter, r *http.Request) {
	answer, ok := s.hsm[strings.TrimPrefix(r.URL.Path, "/apis/smd/hsm/v2")]
	if !ok {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	io.WriteString(w, answer)
}

func (s *site) serveIDs(w http.ResponseWriter, r *http.Request) {
	list := []map[string]string{}
	for _, id := range strings.Split(r.URL.Query().Get("ids"), ",") {
		if s.components[id] {
			list = append(list, map[string]string{"id": id})
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"components": list, "next": nil})
}

func (s *site) serveReport(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var reports []report
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&reports); err != nil || r.URL.Query().Get("count_errors") != "true" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if s.busy > 0 {
		s.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, one := range reports {
		if s.components != nil && !s.components[one.ID] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	s.reports = append(s.reports, reports)
	io.WriteString(w, `{"component_ids":[]}`)
}

// statuses are the reported statuses by host, of all reports.
func (s *site) statuses() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]string{}
	for _, reports := range s.reports {
		for _, one := range reports {
			m[one.ID] = strings.TrimPrefix(m[one.ID]+" "+one.StateAppend.Status, " ")
		}
	}
	return m
}

// run creates the job's directory and runs its steps as processes.
func (s *site) run(t testing.TB, j cfs.Job) (Dir, job.Result) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	dir := filepath.Join(t.TempDir(), "cfs-1")
	if j.ID == "" {
		j.ID, j.Session = "cfs-1", "session-1"
	}
	if err := create(dir, j, s.Settings); err != nil {
		t.Fatal(err)
	}
	if err := supervise(t.Context(), Dir(dir), stepProgram()); err != nil {
		t.Fatal(err)
	}
	result, err := Dir(dir).Result()
	if err != nil {
		t.Fatal(err)
	}
	return Dir(dir), result
}

// localHosts is a spec target whose hosts are all this machine.
func localHosts(names ...string) []cfs.TargetGroup {
	return []cfs.TargetGroup{{Name: "Compute", Members: names}}
}

// localVars is the additional inventory that has Ansible stay on this machine,
// in the given directory.
func localVars(t *testing.T) *cfs.JobLayer {
	t.Helper()
	repo, commit := repository(t, map[string]string{"group_vars/all.yml": "ansible_connection: local\n" +
		"ansible_remote_tmp: " + t.TempDir() + "\nansible_python_interpreter: /usr/bin/python3\n"})
	return &cfs.JobLayer{CloneURL: repo, Commit: commit}
}

// create makes the directory of a job without logins.
func create(dir string, j cfs.Job, settings Settings) error {
	return job.Create(dir, spec(j, settings), files(j, settings, nil))
}
