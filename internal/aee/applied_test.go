package aee

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/docpage"
	"github.com/drover-hpc/drover/internal/need"
)

// ranPlaybook is what a playbook left: marks, the report, the exit.
type ranPlaybook struct {
	construct construct
	strategy  string
	version   string
	marks     map[string]int
	statuses  map[string]string
	exit      int
	output    string
}

var tableHosts = []string{"a", "b", "c", "d"}

// TestAppliedIsWhoGotToTheEndOfThePlay judges the reports by marks that hosts
// leave at the end of their plays, for each construct under each strategy. It
// takes the installed Ansible and a newer one; ANSIBLE_MATRIX names more, as
// VERSION=DIRECTORY with spaces between, and has all strategies run all
// constructs and the table written to the file ANSIBLE_TABLE.
func TestAppliedIsWhoGotToTheEndOfThePlay(t *testing.T) {
	versions, all := ansibleVersions(t)
	var table []ranPlaybook
	path := os.Getenv("PATH")
	for _, v := range versions {
		t.Setenv("PATH", v.bin+":"+path)
		table = append(table, runConstructs(t, v.name, all)...)
	}
	for _, r := range table {
		t.Run(r.version+"/"+strings.ReplaceAll(r.construct.name, "`", "")+"/"+r.strategyName(), r.judge)
	}
	if file := os.Getenv("ANSIBLE_TABLE"); file != "" && !t.Failed() {
		if err := writeTable(file, table); err != nil {
			t.Fatal(err)
		}
	}
}

func runConstructs(t *testing.T, version string, all bool) []ranPlaybook {
	var ran []ranPlaybook
	for _, c := range constructs {
		for _, s := range []string{"", "linear", "free", "host_pinned", "cfs_free"} {
			if s == "" || all || c.core && s == "free" {
				ran = append(ran, ranPlaybook{construct: c, strategy: s, version: version})
			}
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range ran {
		group.Go(func() error { return ran[i].run(t) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return ran
}

// run plays the construct as the ansible step of a job does.
func (r *ranPlaybook) run(t *testing.T) error {
	s := newSite(t)
	dir, marks := filepath.Join(t.TempDir(), "job"), t.TempDir()
	d, out := Dir(dir), &bytes.Buffer{}
	job := cfs.Job{ID: "job", Session: "s", Target: cfs.TargetSpec, Groups: localHosts(tableHosts...), RecordState: true,
		Layers: []cfs.JobLayer{{CloneURL: "http://git/x", Playbook: "site.yml"}}}
	if err := create(dir, job, s.Settings); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"layer0/site.yml":          r.construct.playbook(r.strategy),
		"layer0/.git/HEAD":         strings.Repeat("ab", 20),
		"hosts/group_vars/all.yml": "ansible_connection: local\nansible_remote_tmp: " + t.TempDir() + "\nmarks: " + marks + "\n",
		"hosts/02-nobody.ini":      "[nobody]\n",
	} {
		if err := os.MkdirAll(filepath.Dir(d.Path(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(d.Path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := Inventory(context.Background(), Dir(dir), out); err != nil {
		return err
	}
	if err := Ansible(t.Context(), Dir(dir), out); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return fmt.Errorf("%s under %s: %w\n%s", r.construct.name, r.strategyName(), err, out)
		}
		r.exit = exit.ExitCode()
	}
	r.output, r.statuses, r.marks = out.String(), s.statuses(), map[string]int{}
	for _, h := range tableHosts {
		if text, err := os.ReadFile(filepath.Join(marks, h)); err == nil {
			r.marks[h] = bytes.Count(text, []byte("\n"))
		}
	}
	return nil
}

func (r ranPlaybook) judge(t *testing.T) {
	for _, h := range tableHosts {
		end, status := r.marks[h] >= r.construct.marksOf(h), r.statuses[h]
		switch {
		case status == "applied" && !end:
			t.Errorf("%s is applied, with %d marks of %d", h, r.marks[h], r.construct.marksOf(h))
		case status != "applied" && end && !r.construct.broken:
			t.Errorf("%s is %q, with all marks", h, status)
		case status != "applied" && end && r.exit == 0:
			t.Errorf("%s is %q although all ended well", h, status)
		case status == "" && r.marks[h] > 0 && !strings.Contains(r.construct.name, "undefined `hosts:`"):
			t.Errorf("%s left a mark and is not reported", h)
		case strings.Contains(r.construct.failed, h) && status != "failed":
			t.Errorf("%s is %q, expected failed", h, status)
		}
	}
	if len(r.statuses) > 0 && r.exit != 0 && !strings.Contains(fmt.Sprint(r.statuses), "failed") {
		t.Errorf("exit %d, and no host failed: %v", r.exit, r.statuses)
	}
	if t.Failed() {
		t.Logf("exit %d, marks %v, reported %v\n%s", r.exit, r.marks, r.statuses, r.output)
	}
}

func (r ranPlaybook) strategyName() string {
	if r.strategy == "" {
		return "cfs_linear"
	}
	return r.strategy
}

// cell is the run in the table: a letter for each host, then the exit.
func (r ranPlaybook) cell() string {
	letters := map[string]string{"": "-", "applied": "A", "failed": "F", "incomplete": "I"}
	text := ""
	for _, h := range tableHosts {
		text += letters[r.statuses[h]]
	}
	return fmt.Sprintf("%s %d", text, r.exit)
}

type ansibleVersion struct{ name, bin string }

// ansibleVersions are those to test, and whether it is the whole matrix.
func ansibleVersions(t *testing.T) (versions []ansibleVersion, all bool) {
	if list := os.Getenv("ANSIBLE_MATRIX"); list != "" {
		for _, one := range strings.Fields(list) {
			name, bin, _ := strings.Cut(one, "=")
			versions = append(versions, ansibleVersion{name, bin})
		}
		return versions, true
	}
	installed, err := exec.LookPath("ansible-playbook")
	need.Met(t, err)
	said, err := exec.Command("../../scripts/need.sh", "ansible-new").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("an Ansible newer than Debian 12's: %w\n%s", err, said)
	}
	need.Met(t, err)
	newer := strings.TrimSpace(string(said))
	newer = newer[strings.LastIndex(newer, "\n")+1:]
	return []ansibleVersion{{"installed", filepath.Dir(installed)}, {"new", newer}}, false
}

// writeTable puts the table into the page's generated block. Strategies with
// the same verdicts share a row.
func writeTable(file string, table []ranPlaybook) error {
	var versions []string
	rows, strategies := map[string]map[string]string{}, map[string][]string{}
	for _, r := range table {
		if !slices.Contains(versions, r.version) {
			versions = append(versions, r.version)
		}
		key := r.construct.name + "|" + r.strategyName()
		if rows[key] == nil {
			rows[key] = map[string]string{}
			strategies[r.construct.name] = append(strategies[r.construct.name], r.strategyName())
		}
		rows[key][r.version] = r.cell()
	}
	text := "| construct | strategy | " + strings.Join(versions, " | ") + " |\n|---|---" + strings.Repeat("|---", len(versions)) + "|\n"
	for _, c := range constructs {
		same, order := map[string][]string{}, []string{}
		for _, s := range strategies[c.name] {
			cells := ""
			for _, v := range versions {
				cells += " " + rows[c.name+"|"+s][v] + " |"
			}
			if same[cells] == nil {
				order = append(order, cells)
			}
			same[cells] = append(same[cells], s)
		}
		for _, cells := range order {
			who := strings.Join(same[cells], ", ")
			if len(order) == 1 {
				who = "each"
			}
			text += "| " + c.name + " | " + who + " |" + cells + "\n"
		}
	}
	return docpage.Part{File: file, By: "make ansible-matrix"}.Write(text)
}
