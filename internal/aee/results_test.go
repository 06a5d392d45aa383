package aee

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// allResults are those that the job recorded.
func allResults(t *testing.T, d Dir) []cfs.TaskResult {
	t.Helper()
	r, err := openResults(d)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.page(cfs.ResultFilter{}, 0, 10_000)
	if err != nil || page.More {
		t.Fatal(page.More, err)
	}
	return page.Results
}

func TestEachResultOfATaskIsRecorded(t *testing.T) {
	versions, _ := ansibleVersions(t)
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			t.Setenv("PATH", v.bin+":"+os.Getenv("PATH"))
			recordsEachResult(t)
		})
	}
}

func recordsEachResult(t *testing.T) {
	s := newSite(t)
	first, firstCommit := repository(t, map[string]string{"site.yml": `
- name: all sorts
  hosts: Compute
  gather_facts: false
  tasks:
    - name: fine
      ping:
    - name: moved
      command: "true"
    - name: only on {{ wanted }}
      debug: {msg: hello}
      when: inventory_hostname == wanted
    - name: ignored
      command: sh -c "echo no such disk >&2; exit 3"
      ignore_errors: true
      when: inventory_hostname == "a"
    - block:
        - name: breaks
          fail: {msg: "broken on {{ inventory_hostname }}"}
          when: inventory_hostname == "a"
      rescue:
        - name: mended
          debug: {msg: again}
  vars: {wanted: b}
`})
	second, secondCommit := repository(t, map[string]string{"more.yml": `
- hosts: Compute
  gather_facts: false
  tasks:
    - name: the end
      fail: {msg: "{{ inventory_hostname }} is full"}
    - name: away
      ping:
`})
	dir, result := s.run(t, cfs.Job{ID: "cfs-1", Session: "s1", Target: cfs.TargetSpec, Groups: localHosts("a", "b"), Inventory: localVars(t),
		RecordState: true, Layers: []cfs.JobLayer{{Index: 1, Name: "one", CloneURL: first, Commit: firstCommit, Playbook: "site.yml"},
			{Index: 4, Name: "two", CloneURL: second, Commit: secondCommit, Playbook: "more.yml"}}})
	all := allResults(t, dir)
	got := map[string]string{}
	for i, one := range all {
		message := strings.Replace(one.Message, "The command exited with a non-zero return code.", "non-zero return code", 1) // since 2.20
		got[fmt.Sprintf("%d %s/%s %s", one.Layer, one.Play, one.Task, one.Host)] = strings.TrimSpace(string(one.Status) + " " + message)
		if one.Time.IsZero() || one.Duration < 0 || one.Duration > 600 || !strings.HasPrefix(one.Path, "site.yml:") && !strings.HasPrefix(one.Path, "more.yml:") || i > 0 && one.ID <= all[i-1].ID {
			t.Errorf("%+v", one)
		}
	}
	if diff := cmp.Diff(map[string]string{
		"1 all sorts/fine a": "ok", "1 all sorts/fine b": "ok", "1 all sorts/moved a": "changed", "1 all sorts/moved b": "changed",
		"1 all sorts/only on b a": "skipped", "1 all sorts/only on b b": "ok",
		"1 all sorts/ignored a": "ignored non-zero return code\nno such disk", "1 all sorts/ignored b": "skipped",
		"1 all sorts/breaks a": "rescued broken on a", "1 all sorts/breaks b": "skipped", "1 all sorts/mended a": "ok",
		"4 Compute/the end a": "failed a is full", "4 Compute/the end b": "failed b is full",
	}, got); diff != "" {
		t.Error(diff)
	}
	if want := "task 'the end' failed on a,b (2 hosts): a is full"; result.Phase != job.Failed || !strings.Contains(result.Message, want) {
		t.Errorf("%+v, expected %q", result, want)
	}
}

func TestResultsArePagedAndFiltered(t *testing.T) {
	d := writeResults(t, `["0.1","a","ok",1.5,0.5]`, `["0.1","b","failed",2,0.5,"no"]`, `["0.1","c","ok",2,0]`, `["0.1","d","changed",2,0]`)
	r, err := openResults(d)
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	after := int64(0)
	for page := (cfs.ResultPage{More: true}); page.More; {
		if page, err = r.page(cfs.ResultFilter{Statuses: []cfs.Outcome{"ok", "changed"}}, after, 2); err != nil || len(page.Results) == 0 {
			t.Fatal(page, err)
		}
		for _, one := range page.Results {
			hosts, after = append(hosts, one.Host), one.ID
		}
		hosts = append(hosts, "|")
	}
	if got := strings.Join(hosts, " "); got != "a c | d |" {
		t.Errorf("pages: %s", got)
	}
	page, err := r.page(cfs.ResultFilter{Hosts: []string{"b"}}, 0, 10)
	if err != nil || len(page.Results) != 1 || page.Results[0].Message != "no" || page.Results[0].Task != "t" {
		t.Errorf("%+v, %v", page, err)
	}
	counts, err := r.hosts()
	if diff := cmp.Diff([]cfs.HostResults{{Host: "a", OK: 1}, {Host: "b", Failed: 1}, {Host: "c", OK: 1}, {Host: "d", Changed: 1}}, counts, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// writeResults is a job directory with the record.
func writeResults(t *testing.T, lines ...string) Dir {
	t.Helper()
	d := Dir(t.TempDir())
	if err := os.Mkdir(d.Path(resultsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"tasks.jsonl": `{"id":"0.1","play":"p","task":"t","path":"site.yml:1"}` + "\n",
		"results.jsonl": strings.Join(lines, "\n") + "\n" + `["0.1","half`} {
		if err := os.WriteFile(d.Path(resultsDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestTheTaskThatBeganLastIsTold(t *testing.T) {
	d := writeResults(t)
	name := d.Path(resultsDir, "tasks.jsonl")
	long := strings.Repeat("x", 100)
	for text, want := range map[string]*cfs.Begun{
		"": nil,
		`{"id":"0.1","play":"p","task":"t"}` + "\n":                                                                  {Play: "p", Name: "t"},
		`{"id":"0.1","play":"p","task":"t"}` + "\n" + `{"left_out":7}` + "\n" + `{"id":"1.1","play":"q","ta`:         {Play: "p", Name: "t"},
		strings.Repeat(`{"id":"0.1","play":"`+long+`","task":"t"}`+"\n", 1000) + `{"id":"2.9","task":"last"}` + "\n": {Layer: 2, Name: "last"},
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := begun(d); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.80s: %+v %v", text, got, err)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if got, err := begun(d); got != nil || err != nil {
		t.Errorf("of no record: %+v %v", got, err)
	}
}

func TestRecordOfResultsIsBoundedAndKeepsWhatWentWrong(t *testing.T) {
	s := newSite(t)
	s.MaxResults = 1000 // two dozen lines
	repo, commit := repository(t, map[string]string{"site.yml": `
- hosts: Compute
  gather_facts: false
  tasks:
    - debug:
    - debug:
    - debug:
    - fail: {msg: last}
      when: inventory_hostname == "h1"
`})
	hosts := make([]string, 8)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%d", i)
	}
	dir, result := s.run(t, cfs.Job{Target: cfs.TargetSpec, Groups: localHosts(hosts...), Inventory: localVars(t),
		RecordState: true, Layers: []cfs.JobLayer{{CloneURL: repo, Commit: commit, Playbook: "site.yml"}}})
	r, err := openResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.page(cfs.ResultFilter{}, 0, 1000)
	info, serr := os.Stat(dir.Path(resultsDir, "results.jsonl"))
	if err != nil || serr != nil || info.Size() > 1250 || int64(len(page.Results))+page.LeftOut != 32 || page.LeftOut == 0 {
		t.Errorf("%d results, %d left out, %v, %v, %v", len(page.Results), page.LeftOut, err, info, serr)
	}
	if !strings.Contains(result.Message, "failed on h1: last") {
		t.Errorf("%+v", result)
	}
}

func TestAllFailedHostsAreTold(t *testing.T) {
	one := func(task, host, message string) cfs.TaskResult {
		return cfs.TaskResult{Task: task, Host: host, Status: cfs.OutcomeFailed, Message: message}
	}
	gone := one("ping", "x1000c0s0b0n3", "no route")
	gone.Status = cfs.OutcomeUnreachable
	var many []cfs.TaskResult
	for i := range 3000 {
		many = append(many, one(fmt.Sprintf("t%d", i%30), fmt.Sprintf("x%dc0s0b0n0", 1000+i*7), strings.Repeat("m", 5000)))
	}
	for name, c := range map[string]struct {
		wrong []cfs.TaskResult
		want  string
	}{
		"none": {nil, ""},
		"alike but for the name": {[]cfs.TaskResult{one("one", "x1000c0s0b0n1", "disk of x1000c0s0b0n1"), one("one", "x1000c0s0b0n0", "disk of x1000c0s0b0n0")},
			"task 'one' failed on x1000c0s0b0n[0-1] (2 hosts): disk of x1000c0s0b0n0"},
		"several kinds": {[]cfs.TaskResult{gone, one("b", "x1", "m"), one("b", "x2", "m")},
			"task 'b' failed on x[1-2] (2 hosts): m\ntask 'ping' did not reach x1000c0s0b0n3: no route"},
	} {
		if got := describeFailures(c.wrong); got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
	text := describeFailures(many)
	if !strings.Contains(text, "and 10 more kinds of failure on") || !strings.Contains(text, "(1000 hosts)") || len(text) > (maxKinds+1)*(maxFailures+maxNames+200) {
		t.Errorf("%d bytes: %.300s ... %s", len(text), text, text[max(0, len(text)-200):])
	}
}
