package aee

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/jail"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/need"
)

// testUser is whom cages run as where the tests are root's.
const testUser = 60999

// newCagedSite is a site whose sessions run in cages, or a skipped test where
// the kernel grants none.
func newCagedSite(t testing.TB) *site {
	t.Helper()
	need.Met(t, jail.ProbeCage(filepath.Join(t.TempDir(), "probe"), testUser))
	s := newSite(t)
	s.Cage = &Cage{User: testUser}
	s.TrustDir = filepath.Join(t.TempDir(), "trust")
	return s
}

// here is the additional inventory that has Ansible stay on this machine, where
// that may be a cage.
func here(t testing.TB) *cfs.JobLayer {
	repo, commit := repository(t, map[string]string{"group_vars/all.yml": "ansible_connection: local\nansible_python_interpreter: /usr/bin/python3\n"})
	return &cfs.JobLayer{CloneURL: repo, Commit: commit}
}

// playing is the job of one play of tasks on this machine.
func playing(t testing.TB, tasks string) cfs.Job {
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: Compute\n  gather_facts: false\n  tasks:\n" + tasks})
	return cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: here(t),
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}}
}

func TestACagedSessionDoesItsWork(t *testing.T) {
	s := newCagedSite(t)
	j := playing(t, "    - copy: {dest: /tmp/x, content: x}\n    - shell: git -C \"$PWD\" log | grep change && test -s \"$ANSIBLE_PRIVATE_KEY_FILE\"\n")
	j.RecordState = true
	d, result := s.run(t, j)
	if result.Phase != job.Succeeded {
		t.Fatalf("%+v\n%s", result, readLog(d, StepAnsible))
	}
	if got := s.statuses()["a"]; got != "applied" {
		t.Errorf("reported %q", got)
	}
	if results := allResults(t, d); len(results) != 2 || results[0].Path != "site.yml:4" {
		t.Errorf("results %+v", results)
	}
	left, err := filepath.Glob(d.Path("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if name := filepath.Base(path); name == "ssh" || name == cageDir || name == "logins.json" {
			t.Errorf("%s is still there", name)
		}
	}
	if left, _ := filepath.Glob(d.Work().Path("layer*")); left != nil {
		t.Errorf("%v are still there", left)
	}
}

func TestACagedPlaySeesNothingOfTheServers(t *testing.T) {
	s := newCagedSite(t)
	t.Setenv("DROVER_SECRET_OF_THE_SERVER", "word")
	t.Setenv("VCS_PASSWORD", "word")
	data := filepath.Dir(s.CacheDir)
	database, other := filepath.Join(data, "drover.db"), filepath.Join(data, "jobs", "cfs-2", "ssh", "id_ecdsa")
	if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{database, other} {
		if err := os.WriteFile(path, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	everywhere := []string{"env | grep DROVER_SECRET", "env | grep VCS_PASS"}
	uncaged := []string{"cat " + database, "cat " + other, "ls " + s.TrustDir, "cat /etc/shadow", "ls /root", "touch " + s.CacheDir + "/x",
		"test -s {{ playbook_dir }}/../logins.json", "touch {{ playbook_dir }}/../job.json", "touch {{ playbook_dir }}/../ssh/x", "ls {{ playbook_dir }}/../log"}
	var play strings.Builder
	all := append(everywhere, uncaged...)
	for i, task := range all {
		fmt.Fprintf(&play, "    - {name: '%d', shell: %q, ignore_errors: true}\n", i, task)
	}
	failed := func() (names []string) {
		d, result := s.run(t, playing(t, play.String()))
		if result.Phase != job.Succeeded {
			t.Fatalf("%+v\n%s", result, readLog(d, StepAnsible))
		}
		for _, r := range allResults(t, d) {
			if r.Status == "failed" || r.Status == "ignored" {
				i, err := strconv.Atoi(r.Task)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, all[i])
			}
		}
		return names
	}
	if diff := cmp.Diff(all, failed()); diff != "" {
		t.Error(diff)
	}
	s.Cage = nil
	if diff := cmp.Diff(everywhere, failed()); diff != "" {
		t.Errorf("without a cage: %s", diff)
	}
}

func TestACagedSessionEndsAtItsLimits(t *testing.T) {
	s := newCagedSite(t)
	s.Cage.Memory, s.Cage.Processes, s.TimeLimit = 400<<20, 120, 5*time.Minute
	for script, want := range map[string]struct{ says, limit string }{
		`bash -c 'f() { f & f & wait; }; f'`:                                                   {"ansible (ended: it had more than 120 processes (session-processes))", cfs.JobLimits[1]},
		`python3 -c 'import time; x = [b"x" * (1 << 20) for _ in range(450)]; time.sleep(60)'`: {"ansible (ended: it used more than 400 MiB of memory (session-memory))", cfs.JobLimits[0]},
	} {
		d, result := s.run(t, playing(t, "    - shell: |\n        "+script+"\n"))
		if result.Phase != job.Failed || result.Step != StepAnsible || !strings.Contains(result.Message, want.says) || d.Account().Limit != want.limit {
			t.Errorf("%s: %+v\n%s", script, result, readLog(d, StepAnsible))
		}
	}
}

func TestASessionEndsWhenItsTimeIsOver(t *testing.T) {
	for name, s := range map[string]*site{"caged": newCagedSite(t), "uncaged": newSite(t)} {
		s.TimeLimit = 4 * time.Second
		t.Setenv(job.Variable, "late-"+name)
		d, result := s.run(t, playing(t, "    - command: setsid sleep 98765\n"))
		if result.Phase != job.Failed || result.Step != StepAnsible || !strings.Contains(result.Message, "ansible (ended: it ran for more than 4s (session-time))") || d.Account().Limit != cfs.JobLimits[2] {
			t.Errorf("%s: %+v\n%s", name, result, readLog(d, StepAnsible))
		}
		if left := job.Processes("late-" + name); len(left) > 1 {
			t.Errorf("%s: still there: %v", name, left)
		}
	}
}

// What a play puts where others read leads nowhere else.
func TestACagedPlayCannotLeadOthersAstray(t *testing.T) {
	s := newCagedSite(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(`["0.0","secret","failed",0,0,"word"]`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	d, result := s.run(t, playing(t, "    - shell: |\n        cd {{ playbook_dir }}/.. && ln -sf "+secret+" waits.json && rm -rf results && mkdir results && ln -s "+secret+
		" results/results.jsonl && echo "+kept+" > cp.path && rm -rf logins.json && ln -s / logins.json; mkfifo held.json; echo '{}' > result.json\n"))
	if result.Step == StepTeardown || result.Phase == "" {
		t.Errorf("%+v", result)
	}
	if r, err := openResults(d); err == nil {
		r.each(0, func(one *cfs.TaskResult) bool { //nolint:errcheck // it may well be refused
			t.Errorf("a result of %s", one.Host)
			return false
		})
	}
	if waits, err := d.Waits(); len(waits) > 0 {
		t.Errorf("%v, %v", waits, err)
	}
	if _, err := ReadHeld(string(d)); err == nil {
		t.Error("a pipe was read")
	}
	if err := Clean(d); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
