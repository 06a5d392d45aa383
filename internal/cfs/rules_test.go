package cfs

import (
	"fmt"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAssess(t *testing.T) {
	layer := JobLayer{CloneURL: "u", Playbook: "p", Commit: "c"}
	state := func(commit string, status LayerStatus) []StateLayer {
		return []StateLayer{{CloneURL: "u", Playbook: "p", Commit: commit, Status: status}}
	}
	policy := func(n int) *int { return &n }
	for _, c := range []struct {
		name   string
		c      Component
		layers []JobLayer
		known  bool
		want   ConfigurationStatus
	}{
		{"no configuration, no state", Component{}, nil, false, Unconfigured},
		{"no configuration, state", Component{State: state("c", LayerFailed)}, nil, false, Configured},
		{"unknown configuration", Component{DesiredConfig: "d"}, nil, false, Unconfigured},
		{"no layers", Component{DesiredConfig: "d"}, nil, true, Configured},
		{"nothing ran", Component{DesiredConfig: "d"}, []JobLayer{layer}, true, Pending},
		{"applied", Component{DesiredConfig: "d", State: state("c", LayerApplied)}, []JobLayer{layer}, true, Configured},
		{"skipped", Component{DesiredConfig: "d", State: state("c", LayerSkipped)}, []JobLayer{layer}, true, Configured},
		{"incomplete", Component{DesiredConfig: "d", State: state("c", LayerIncomplete)}, []JobLayer{layer}, true, Pending},
		{"other commit", Component{DesiredConfig: "d", State: state("old", LayerApplied)}, []JobLayer{layer}, true, Pending},
		{"failed, may go on", Component{DesiredConfig: "d", ErrorCount: 1, State: state("c", LayerFailed)}, []JobLayer{layer}, true, Pending},
		{"failed, capped", Component{DesiredConfig: "d", ErrorCount: 2, State: state("c", LayerFailed)}, []JobLayer{layer}, true, Failed},
		{"failed, no limit", Component{DesiredConfig: "d", ErrorCount: 9, RetryPolicy: policy(-1), State: state("c", LayerFailed)}, []JobLayer{layer}, true, Pending},
		{"pending, capped", Component{DesiredConfig: "d", ErrorCount: 2}, []JobLayer{layer}, true, Failed},
		{"policy 0", Component{DesiredConfig: "d", RetryPolicy: policy(0)}, []JobLayer{layer}, true, Failed},
		{"configured, capped", Component{DesiredConfig: "d", ErrorCount: 2, State: state("c", LayerApplied)}, []JobLayer{layer}, true, Configured},
		{"no commit", Component{DesiredConfig: "d"}, []JobLayer{{CloneURL: "u", Playbook: "p"}, layer}, true, Unconfigured},
		{"the lowest counts", Component{DesiredConfig: "d", State: state("c", LayerApplied)}, []JobLayer{layer, {CloneURL: "u", Playbook: "q", Commit: "c"}}, true, Pending},
	} {
		if got, _ := assess(&c.c, c.layers, c.known, 2); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// However reports come, the state has one entry per repository and playbook,
// the newest last, and the error count is that of failures since a success.
func TestReportsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r record
		errors := 0
		for i := range rapid.IntRange(1, 30).Draw(t, "reports") {
			in := AppendInput{CloneURL: rapid.SampledFrom([]string{"u", "v"}).Draw(t, "url"),
				Playbook: rapid.SampledFrom([]string{"p", "q"}).Draw(t, "playbook"),
				Commit:   rapid.SampledFrom([]string{"a", "b_failed", "c_incomplete", "d_applied"}).Draw(t, "commit"),
				Status:   rapid.SampledFrom([]string{"", "applied", "failed", "skipped"}).Draw(t, "status"), SessionName: fmt.Sprint(i)}
			if err := (change{patch: ComponentPatch{StateAppend: &in}, countErrors: true}).apply(&r); err != nil {
				t.Fatal(err)
			}
			last := r.State[len(r.State)-1]
			if last.SessionName != in.SessionName || last.CloneURL != in.CloneURL || last.Playbook != in.Playbook || len(last.Commit) != 1 {
				t.Fatalf("the newest entry is %+v", last)
			}
			switch last.Status {
			case LayerFailed:
				errors++
			case LayerApplied:
				errors = 0
			}
			if r.ErrorCount != errors {
				t.Fatalf("error count %d, want %d", r.ErrorCount, errors)
			}
		}
		seen := map[[2]string]bool{}
		for _, l := range r.State {
			key := [2]string{l.CloneURL, l.Playbook}
			if seen[key] {
				t.Fatalf("two entries for %v", key)
			}
			seen[key] = true
		}
	})
}

// A session never goes back, whatever is patched and reported in whatever order.
func TestSessionOnlyAdvances(t *testing.T) {
	phases := []job.Phase{job.Waiting, job.Running, job.Succeeded, job.Failed, job.Lost}
	rapid.Check(t, func(t *rapid.T) {
		s := NewSession{Name: "s"}.record(Job{}, time.Unix(0, 0))
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			before := s.Status.Session
			s.follow(JobState{Phase: rapid.SampledFrom(phases).Draw(t, "phase"), Ended: time.Unix(9, 0)})
			after := s.Status.Session
			if before.Status == StageComplete && after.Status != StageComplete || before.Status == StageRunning && after.Status == StagePending {
				t.Fatalf("%s became %s", before.Status, after.Status)
			}
			if (after.Status == StageComplete) != (after.Succeeded != SucceededNone) {
				t.Fatalf("status %s with succeeded %s", after.Status, after.Succeeded)
			}
		}
	})
}

func TestStateKeepsTimesOfWhatIsUnchanged(t *testing.T) {
	r := record{Component: Component{State: []StateLayer{{CloneURL: "u", Playbook: "p", Commit: "c", Status: LayerApplied, LastUpdated: "old"}}}}
	in := []StateInput{{CloneURL: "u", Playbook: "p", Commit: "c", Status: "applied"}, {CloneURL: "u", Playbook: "q", Commit: "c_failed"}}
	if err := (change{patch: ComponentPatch{State: &in}, now: time.Unix(0, 0)}).apply(&r); err != nil {
		t.Fatal(err)
	}
	want := []StateLayer{{CloneURL: "u", Playbook: "p", Commit: "c", Status: LayerApplied, LastUpdated: "old"},
		{CloneURL: "u", Playbook: "q", Commit: "c", Status: LayerFailed, LastUpdated: "1970-01-01T00:00:00Z"}}
	if diff := cmp.Diff(want, r.State); diff != "" {
		t.Error(diff)
	}
	if r.Generation != 1 {
		t.Error("the generation must count")
	}
}

func TestPassthrough(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "-e a=b": true, "--extra-vars a=b": true, "--extra-vars=a=b --tags x,y": true, "-f 5": true, "-f5": true, "--forks=5": true,
		"--skip-tags x --start-at-task y -t z": true,
		"-e @vars/site.yml":                    true, "-e a={{b|default(0)}}": true, "-e q=lookup": true,
		"-e @/etc/hostname": false, "-e@/etc/hostname": false, "-e=@/etc/hostname": false, "--extra-vars=@../x": false, "-e @~/x": false, "-e @$HOME/x": false, "-e @'/etc/hostname'": false,
		"-e a={{lookup('file','/etc/hostname')}}": false, "-e a={{0+q('pipe','id')}}": false, "-e {a:'{%if(query('env','A'))%}'}": false,
		"--check": false, "-e": false, "-f x": false, "-C": false, "--tags x -i /etc/passwd": false, "site.yml": false, "--tagsx y": false,
	} {
		if err := checkPassthrough(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSelectLayers(t *testing.T) {
	layers := []JobLayer{{Index: 0, Name: "a"}, {Index: 1}, {Index: 2, Name: "ab"}}
	for limit, want := range map[string][]int{"": {0, 1, 2}, "2,0": {0, 2}, "1": {1}, "7": {}, "ab": {2}, "ab,a": {0, 2}, "b": {}, "a,1": {0}} {
		got := []int{}
		for _, l := range selectLayers(layers, limit) {
			got = append(got, l.Index)
		}
		if !cmp.Equal(got, want) {
			t.Errorf("%q: %v, want %v", limit, got, want)
		}
	}
}
