package aee

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// What no machine has is asked of real Ansibles of several ages, which word it
// differently.
func TestMissingCollectionIsNamedAndWhereToPutIt(t *testing.T) {
	const head = "- hosts: all\n  gather_facts: false\n"
	versions, _ := ansibleVersions(t)
	for _, v := range versions {
		for name, playbook := range map[string]string{
			"module":     head + "  tasks:\n    - nowhere.atall.thing:\n",
			"included":   head + "  tasks:\n    - ping:\n    - include_tasks: more.yml\n",
			"filter":     head + "  tasks:\n    - debug: {msg: \"{{ 1 | nowhere.atall.thing }}\"}\n",
			"test":       head + "  tasks:\n    - debug: {msg: \"{{ 1 is nowhere.atall.thing }}\"}\n",
			"lookup":     head + "  tasks:\n    - debug: {msg: \"{{ lookup('nowhere.atall.thing', 1) }}\"}\n",
			"connection": head + "  tasks:\n    - ping:\n      vars: {ansible_connection: nowhere.atall.thing}\n",
			"become":     head + "  become: true\n  become_method: nowhere.atall.thing\n  tasks: [ping: ]\n",
			"role":       head + "  roles: [nowhere.atall.thing]\n",
			"strategy":   head + "  strategy: nowhere.atall.thing\n  tasks: [ping: ]\n",
		} {
			t.Run(v.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				for file, text := range map[string]string{"site.yml": playbook, "more.yml": "- nowhere.atall.thing:\n"} {
					if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.CommandContext(t.Context(), filepath.Join(v.bin, "ansible-playbook"), "-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter=/usr/bin/python3", "site.yml")
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
				out, err := cmd.CombinedOutput()
				if err == nil {
					t.Fatalf("it succeeded:\n%s", out)
				}
				const want = "the collection nowhere.atall is not installed"
				if got := withCollection(string(out), "", movedPlugin); !strings.Contains(got, want) {
					t.Errorf("%s\nsays %q, expected %q", out, got, want)
				}
			})
		}
	}
}

func TestSessionSaysWhichCollectionIsMissing(t *testing.T) {
	s := newSite(t)
	repo, commit := repository(t, map[string]string{"site.yml": "- hosts: all\n  tasks:\n    - nowhere.atall.thing:\n"})
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t),
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	for _, want := range []string{"the collection nowhere.atall is not installed", "collections/ansible_collections/nowhere/atall beside the playbook", "site.yml"} {
		if result.Phase != job.Failed || result.Step != StepAnsible || !strings.Contains(result.Message, want) {
			t.Errorf("%+v\nexpected it to say %q", result, want)
		}
	}
}

// A collection of the layer's own is where the advice says, and is found.
func TestCollectionBesideThePlaybookIsUsed(t *testing.T) {
	s := newSite(t)
	role := "collections/ansible_collections/nowhere/atall/"
	mark := filepath.Join(t.TempDir(), "mark")
	repo, commit := repository(t, map[string]string{
		"site.yml":                          "- hosts: all\n  gather_facts: false\n  roles: [nowhere.atall.thing]\n",
		role + "roles/thing/tasks/main.yml": "- copy: {dest: '" + mark + "', content: here}\n",
	})
	_, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts("a"), Inventory: localVars(t),
		Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	if text, err := os.ReadFile(mark); result.Phase != job.Succeeded || err != nil || string(text) != "here" {
		t.Errorf("%+v\nmark %q, %v", result, text, err)
	}
}

func TestShortNamesAreLookedUpInAnsiblesOwnTable(t *testing.T) {
	versions, _ := ansibleVersions(t)
	path := os.Getenv("PATH")
	for _, v := range versions {
		t.Setenv("PATH", v.bin+":"+path)
		for a, want := range map[absent]string{
			{"modules", "mount"}: "ansible.posix.mount", {"filter", "ipaddr"}: "ansible.netcommon.ipaddr",
			{"lookup", "hashi_vault"}: "community.hashi_vault.hashi_vault", {"modules", "no_such_thing"}: "",
		} {
			if got := movedPlugin(a); got != want {
				t.Errorf("%s: %v is %q, expected %q", v.name, a, got, want)
			}
		}
	}
}

func TestAdviceIsGivenForCollectionsOnly(t *testing.T) {
	moved := func(a absent) string {
		if a == (absent{"modules", "mount"}) {
			return "ansible.posix.mount"
		}
		return ""
	}
	for name, c := range map[string]struct{ output, told, want string }{
		"short name": {layerMark + "0\nERROR! couldn't resolve module/action 'mount'. This\n", "", "found no mount (ansible.posix.mount): the collection ansible.posix is"},
		"misspelt":   {"ERROR! couldn't resolve module/action 'cpoy'. This\n", "told", "told"},
		"built in":   {"couldn't resolve module/action 'ansible.builtin.cpoy'", "told", "told"},
		"earlier layer": {"couldn't resolve module/action 'a.b.c'\n" + layerMark + "1\nfatal: [x]: FAILED!\n", "told",
			"told"},
		"nothing": {"fatal: [x]: FAILED!", "told", "told"},
		"both":    {"No filter named 'a.b.c'", "task 'x' failed", "\ntask 'x' failed"},
		"first of several": {"No filter named 'a.b.c' and couldn't resolve module/action 'd.e.f'", "",
			"the collection a.b is"},
	} {
		got := withCollection(c.output, c.told, moved)
		if c.want == "told" && got != "told" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}
