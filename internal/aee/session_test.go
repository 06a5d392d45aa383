package aee

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/cfs"
)

func TestSessionAppliesLayersAndReportsThem(t *testing.T) {
	s := newSite(t)
	left := filepath.Join(t.TempDir(), "left")
	play := func(task string) string {
		return "- hosts: Compute\n  gather_facts: false\n  tasks:\n    - " + task + "\n"
	}
	first, firstCommit := repository(t, map[string]string{
		"site.yml":                  play("include_role: {name: mark}"),
		"roles/mark/tasks/main.yml": "- copy: {dest: '" + left + "-{{ inventory_hostname }}', content: '{{ cray_cfs_image }}'}\n",
	})
	second, secondCommit := repository(t, map[string]string{"sub/more.yml": play("debug: {msg: second}")})
	dir, result := s.run(t, cfs.Job{ID: "cfs-1", Session: "s1", Target: cfs.TargetSpec, Groups: localHosts("a", "b", "c"),
		Inventory: localVars(t), RecordState: true, Limit: "a,b", Passthrough: "-e x=y",
		Layers: []cfs.JobLayer{
			{Index: 0, Name: "one", CloneURL: first, Commit: firstCommit, Playbook: "site.yml"},
			{Index: 2, Name: "two", CloneURL: second, Playbook: "sub/more.yml"},
		}})
	if result.Phase != job.Succeeded {
		t.Fatalf("%+v\n%s", result, job.Tail(dir.Log(StepAnsible), 1<<20))
	}
	if text, err := os.ReadFile(left + "-a"); err != nil || string(text) != "False" {
		t.Errorf("the role left %q, %v", text, err)
	}
	if _, err := os.Stat(left + "-c"); err == nil {
		t.Error("the play ran on a host outside the limit")
	}
	want := func(id, url, playbook, commit string) report {
		r := report{ID: id}
		r.StateAppend.CloneURL, r.StateAppend.Playbook, r.StateAppend.Commit = url, playbook, commit
		r.StateAppend.SessionName, r.StateAppend.Status = "s1", "applied"
		return r
	}
	if diff := cmp.Diff([][]report{
		{want("a", first, "site.yml", firstCommit), want("b", first, "site.yml", firstCommit)},
		{want("a", second, "sub/more.yml", secondCommit), want("b", second, "sub/more.yml", secondCommit)},
	}, s.reports); diff != "" {
		t.Errorf("reports: %s", diff)
	}
	steps, err := dir.Steps()
	if err != nil || len(steps) != 3 {
		t.Fatalf("steps %+v, %v", steps, err)
	}
	for i, name := range []string{StepClone, StepInventory, StepAnsible} {
		if s := steps[i]; s.Name != name || s.Exit != 0 || s.Started.IsZero() || s.Ended.Before(s.Started) {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	for _, name := range []string{"layer0", "layer2", "hosts", "ssh", "plugins"} {
		if _, err := os.Stat(dir.Path(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func TestOneFailingHostIsTheOnlyOneReportedAsFailed(t *testing.T) {
	s := newSite(t)
	repo, commit := repository(t, map[string]string{"site.yml": `
- hosts: Compute
  gather_facts: false
  tasks:
    - name: ignored
      command: /bin/false
      ignore_errors: true
    - name: break on b
      fail: {msg: "b is broken"}
      when: inventory_hostname == "b"
    - debug: {msg: going on}
`})
	layer := cfs.JobLayer{CloneURL: repo, Commit: commit, Playbook: "site.yml"}
	next := layer
	next.Index = 1
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a", "b", "c"), Inventory: localVars(t),
		RecordState: true, Layers: []cfs.JobLayer{layer, next}})
	if result.Phase != job.Failed || result.Step != StepAnsible || result.Exit != 2 {
		t.Errorf("%+v", result)
	}
	for _, part := range []string{"task 'break on b' failed on b: b is broken"} {
		if !strings.Contains(result.Message, part) {
			t.Errorf("message %q lacks %q", result.Message, part)
		}
	}
	want := map[string]string{"a": "applied", "b": "failed", "c": "applied"} // once: the second layer did not run
	if diff := cmp.Diff(want, s.statuses()); diff != "" {
		t.Error(diff)
	}
}

func TestPlayThatIsBrokenOffLeavesOthersIncomplete(t *testing.T) {
	s := newSite(t)
	repo, commit := repository(t, map[string]string{"site.yml": `
- hosts: Compute
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - fail: {msg: broken}
      when: inventory_hostname == "b"
    - debug: {msg: never}
`})
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a", "b"), Inventory: localVars(t), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Failed {
		t.Errorf("%+v", result)
	}
	if diff := cmp.Diff(map[string]string{"a": "incomplete", "b": "failed"}, s.statuses()); diff != "" {
		t.Error(diff)
	}
}

func TestReportOutlastsARestartAndStrangers(t *testing.T) {
	s := newSite(t)
	s.busy, s.components = 2, map[string]bool{"a": true}
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: [{ping: }]\n"})
	dir, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a", "stranger"), Inventory: localVars(t), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Succeeded {
		t.Fatalf("%+v", result)
	}
	if diff := cmp.Diff(map[string]string{"a": "applied"}, s.statuses()); diff != "" {
		t.Error(diff)
	}
	if out := job.Tail(dir.Log(StepAnsible), 1<<20); !strings.Contains(out, "stranger") {
		t.Errorf("nothing is said of the host that was left out:\n%s", out)
	}
}

func TestSessionThatCannotReportFails(t *testing.T) {
	s := newSite(t)
	s.busy, s.ReportTimeout = 1000, 1
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: [{ping: }]\n"})
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Failed || !strings.Contains(result.Message, "cannot report the state of 1 components") {
		t.Errorf("%+v", result)
	}
	s.busy = 1000
	repo, commit = repository(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: [{name: breaks, fail: {msg: no disk}}]\n"})
	_, result = s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if !strings.Contains(result.Message, "'breaks' failed on a: no disk\ncannot report the state of 1 components") {
		t.Errorf("%+v", result)
	}
}

// oneTask is the job of one layer that all hosts apply.
func oneTask(t *testing.T, hosts ...string) cfs.Job {
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: [{debug: }]\n"})
	return cfs.Job{Target: cfs.TargetSpec, Groups: localHosts(hosts...), Inventory: localVars(t), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}}
}

func TestSitesConfigurationCannotKeepReportsAway(t *testing.T) {
	s := newSite(t)
	s.ConfigDir = t.TempDir()
	for name, text := range map[string]string{"linear": "[defaults]\nstrategy = linear\n", "hidden": "[defaults]\nforks = 2\n"} {
		if err := os.MkdirAll(filepath.Join(s.ConfigDir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.ConfigDir, name, "ansible.cfg"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s.reports = nil
		j := oneTask(t, "a")
		j.AnsibleConfig = name
		_, result := s.run(t, j)
		if got := s.statuses(); result.Phase != job.Succeeded || got["a"] != "applied" {
			t.Errorf("%s: %+v, reported %v", name, result, got)
		}
	}
}

func TestSessionFailsIfThePluginDidNotReport(t *testing.T) {
	s := newSite(t)
	j := oneTask(t, "a")
	dir := filepath.Join(t.TempDir(), "job")
	if err := create(dir, j, s.Settings); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(context.Context, Dir, io.Writer) error{Clone, Inventory} {
		if err := step(t.Context(), Dir(dir), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	other := "from ansible.plugins.callback import CallbackBase\n\nclass CallbackModule(CallbackBase):\n    CALLBACK_NAME = 'cfs_aggregator'\n"
	if err := os.WriteFile(Dir(dir).Path("plugins", plugin.Callbacks, plugin.Reporter+".py"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Ansible(t.Context(), Dir(dir), io.Discard); err == nil || !strings.Contains(err.Error(), "did not report to CFS") {
		t.Errorf("%v, reported %v", err, s.statuses())
	}
}

func TestStepsReachTheServerPastAnyProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the proxy was asked for %s", r.URL)
		w.WriteHeader(http.StatusNotFound) // not tried again
	}))
	t.Cleanup(proxy.Close)
	s := newSite(t)
	s.hsm = map[string]string{"/groups": "[]", "/partitions": "[]", "/State/Components": `{"Components":[{"ID":"x1000c0s0b0n0","Type":"Node","Role":"Compute"}]}`,
		"/Inventory/EthernetInterfaces": "[]"}
	s.ReportTimeout = 1
	// Go never asks a proxy for 127.0.0.1; a name that is only here is asked for.
	s.Gateway = strings.Replace(s.Gateway, "127.0.0.1", localName(t), 1)
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("no_proxy", "")
	t.Setenv("NO_PROXY", "")
	j := oneTask(t)
	j.Target, j.Groups = cfs.TargetDynamic, nil
	dir, result := s.run(t, j)
	if got := s.statuses(); result.Phase != job.Succeeded || got["x1000c0s0b0n0"] != "applied" {
		t.Errorf("%+v, reported %v\n%s", result, got, job.Tail(dir.Log(StepAnsible), 1<<20))
	}
}

// localName is a name for this machine that is not localhost.
func localName(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNothingIsReportedWithoutRecording(t *testing.T) {
	s := newSite(t)
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n  gather_facts: false\n  tasks: [{ping: }]\n"})
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t), RecordState: false,
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if result.Phase != job.Succeeded || len(s.reports) != 0 {
		t.Errorf("%+v, reports %v", result, s.reports)
	}
}

func TestDebugLayers(t *testing.T) {
	for playbook, want := range map[string]job.Phase{"noop.yaml": job.Succeeded, "facts.yaml": job.Succeeded, "fail.yaml": job.Failed} {
		t.Run(playbook, func(t *testing.T) {
			s := newSite(t)
			dir, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t), RecordState: true,
				Layers: []cfs.JobLayer{{Name: "_debug", Playbook: playbook}}})
			if result.Phase != want || len(s.reports) != 0 {
				t.Errorf("%+v, reports %v\n%s", result, s.reports, job.Tail(dir.Log(StepAnsible), 1<<20))
			}
			if playbook == "facts.yaml" && !strings.Contains(job.Tail(dir.Log(StepAnsible), 1<<20), "python_version") {
				t.Error("no facts are shown")
			}
		})
	}
}

func TestStepsThatFailSayWhy(t *testing.T) {
	s := newSite(t)
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n"})
	layer := cfs.JobLayer{CloneURL: repo, Commit: commit, Playbook: "site.yml"}
	spec := cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Layers: []cfs.JobLayer{layer}}
	for name, c := range map[string]struct {
		change func(*cfs.Job)
		step   string
		says   string
	}{
		"no such commit":     {func(j *cfs.Job) { j.Layers[0].Commit = strings.Repeat("ab", 20) }, StepClone, `no commit "` + strings.Repeat("ab", 20)},
		"no repository":      {func(j *cfs.Job) { j.Layers[0].CloneURL = "/nonexistent/repo" }, StepClone, "does not exist"},
		"option as commit":   {func(j *cfs.Job) { j.Layers[0].Commit = "--upload-pack=touch /tmp/x" }, StepClone, "refused"},
		"option as URL":      {func(j *cfs.Job) { j.Layers[0].CloneURL = "--upload-pack=touch /tmp/x" }, StepClone, "refused"},
		"command as URL":     {func(j *cfs.Job) { j.Layers[0].CloneURL = "ext::sh -c touch% /tmp/x" }, StepClone, "must not run a program"},
		"no playbook":        {func(j *cfs.Job) { j.Layers[0].Playbook = "none.yml" }, StepAnsible, `no playbook "none.yml"`},
		"no configuration":   {func(j *cfs.Job) { j.AnsibleConfig = "mine" }, StepInventory, `no Ansible configuration "mine"`},
		"path as config":     {func(j *cfs.Job) { j.AnsibleConfig = "../mine" }, StepInventory, "is no name of an Ansible configuration"},
		"image":              {func(j *cfs.Job) { j.Target = cfs.TargetImage }, StepInventory, "give IMS the key of the shells"},
		"repo, no inventory": {func(j *cfs.Job) { j.Target = cfs.TargetRepo }, StepInventory, "additional inventory"},
		"HSM fails":          {func(j *cfs.Job) { j.Target = cfs.TargetDynamic }, StepInventory, "answered 501"},
	} {
		t.Run(name, func(t *testing.T) {
			j := spec
			j.Layers = []cfs.JobLayer{layer}
			c.change(&j)
			_, result := s.run(t, j)
			if result.Phase != job.Failed || result.Step != c.step || !strings.Contains(result.Message, c.says) {
				t.Errorf("%+v\nexpected step %s to say %q", result, c.step, c.says)
			}
		})
	}
}

func TestSourceUsesItsOwnLogin(t *testing.T) {
	t.Setenv("VCS_USERNAME", "everyone")
	t.Setenv("VCS_PASSWORD", "known")
	var mu sync.Mutex
	logins := map[string]bool{}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok {
			mu.Lock()
			logins[r.URL.Path+" "+user+" "+password] = true
			mu.Unlock()
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(host.Close)
	dir := filepath.Join(t.TempDir(), "job")
	for name, source := range map[string]string{"private": "s1", "shared": ""} {
		j := cfs.Job{ID: "j", Layers: []cfs.JobLayer{{CloneURL: host.URL + "/" + name, Source: source, Commit: strings.Repeat("ab", 20)}}}
		if err := job.Create(dir+name, spec(j, Settings{}), files(j, newSite(t).Settings, map[string]Login{"s1": {Username: "u1", Password: "it's $p1"}})); err != nil {
			t.Fatal(err)
		}
		if err := Clone(t.Context(), Dir(dir+name), io.Discard); err == nil || !strings.Contains(err.Error(), "Authentication failed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := map[string]bool{"/private/info/refs u1 it's $p1": true, "/shared/info/refs everyone known": true}
	if diff := cmp.Diff(want, logins); diff != "" {
		t.Error(diff)
	}
}
