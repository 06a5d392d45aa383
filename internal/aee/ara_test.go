package aee

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// The real ARA of PyPI, and an Ansible of the same environment: make ara-check.
func TestSessionIsRecordedInARA(t *testing.T) {
	tools := os.Getenv("ARA_TOOLS")
	if tools == "" {
		t.Skip("ARA_TOOLS names no directory with ARA's programs: make ara-check installs them")
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	url := startARA(t, tools)
	s := newSite(t)
	s.ARA = url
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: Compute\n  gather_facts: false\n  tasks:\n" +
		"    - name: break on b\n      fail: {msg: no disk}\n      when: inventory_hostname == 'b'\n"})
	dir, result := s.run(t, cfs.Job{ID: "cfs-1", Session: "example", Target: cfs.TargetSpec, Groups: localHosts("a", "b"), Inventory: localVars(t),
		RecordState: true, Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Failed || !strings.Contains(result.Message, "task 'break on b' failed on b: no disk") {
		t.Errorf("%+v\n%s", result, job.Tail(dir.Log(StepAnsible), 1<<20))
	}
	var list struct {
		Results []struct {
			Status string
			Items  struct{ Results, Hosts int }
			Labels []struct{ Name string }
		}
	}
	resp, err := http.Get(url + "/api/v1/playbooks?label=example")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || len(list.Results) != 1 {
		t.Fatalf("ARA has %+v, %v\n%s", list, err, job.Tail(dir.Log(StepAnsible), 1<<20))
	}
	if one := list.Results[0]; one.Status != "failed" || one.Items.Results != 2 || one.Items.Hosts != 2 {
		t.Errorf("ARA has %+v", one)
	}
	page, err := http.Get(url + "/?label=example") // where the session's record links to
	if err != nil || page.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", page, err)
	}
	if page != nil {
		page.Body.Close()
	}
}

// startARA starts ARA's server and returns its URL.
func startARA(t *testing.T, tools string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	env := append(os.Environ(), "ARA_BASE_DIR="+t.TempDir())
	migrate := exec.Command(filepath.Join(tools, "ara-manage"), "migrate")
	migrate.Env = env
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(filepath.Join(tools, "ara-manage"), "runserver", "--noreload", address)
	server.Env = env
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill() //nolint:errcheck // it may have ended
		server.Wait()         //nolint:errcheck // killed
	})
	url := "http://" + address
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(url + "/api/"); err == nil {
			resp.Body.Close()
			return url
		}
		if time.Now().After(deadline) {
			t.Fatal("ARA does not answer")
		}
	}
}

func TestWithoutARAsCallbackTheLogSaysWhatToInstall(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ansible-playbook": "#!" + dir + "/python9 -s\n", "python9": "#!/bin/sh\necho 'Traceback'\necho \"No module named 'ara'\" >&2\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	var out strings.Builder
	env, plugins := araEnv(t.Context(), "http://ara.example.org", "s1", &out)
	if len(env) != 0 || plugins != "" || !strings.Contains(out.String(), "No module named 'ara'; install the Python package ara") {
		t.Errorf("%v %q: %s", env, plugins, &out)
	}
	if err := os.WriteFile(filepath.Join(dir, "python9"), []byte("#!/bin/sh\necho /ara/callback\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	env, plugins = araEnv(t.Context(), "http://ara.example.org", "s1", &out)
	if got := fmt.Sprint(env); plugins != "/ara/callback" || !strings.Contains(got, "ARA_API_SERVER=http://ara.example.org") || !strings.Contains(got, "ARA_DEFAULT_LABELS=s1") {
		t.Errorf("%v %q", env, plugins)
	}
	if env, plugins = araEnv(t.Context(), "", "s1", &out); env != nil || plugins != "" {
		t.Errorf("without ara-url: %v %q", env, plugins)
	}
}
