package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParametersDifferAsWords(t *testing.T) {
	for _, one := range []struct {
		now, then      string
		added, removed []string
	}{
		{"quiet console=ttyS0", "console=ttyS0  quiet", nil, nil},
		{"quiet console=ttyS0", "debug console=ttyS0", []string{"debug"}, []string{"quiet"}},
		{"console=tty0", "console=tty0 console=tty0", []string{"console=tty0"}, nil},
		{"a a b", "a", nil, []string{"a", "b"}},
		{"", "a b", []string{"a", "b"}, nil},
	} {
		added, removed := parameters(one.now, one.then)
		if !slices.Equal(added, one.added) || !slices.Equal(removed, one.removed) {
			t.Errorf("%q -> %q: added %q, removed %q", one.now, one.then, added, removed)
		}
	}
}

func TestLayersTellWhatRuns(t *testing.T) {
	ran := []Layer{
		{Repository: "r1", Playbook: "site.yml", Commit: "c1", Applied: true},
		{Repository: "r2", Playbook: "site.yml", Commit: "c2", Applied: true},
		{Repository: "r3", Playbook: "site.yml", Commit: "c3"},
		{Repository: "r9", Playbook: "site.yml", Commit: "c9", Applied: true},
	}
	wanted := []Layer{
		{Name: "same", Repository: "r1", Playbook: "site.yml", Commit: "c1"},
		{Name: "moved", Repository: "r2", Playbook: "site.yml", Commit: "c2b"},
		{Name: "failed before", Repository: "r3", Playbook: "site.yml", Commit: "c3"},
		{Name: "another playbook", Repository: "r1", Playbook: "other.yml", Commit: "c1"},
	}
	change := func(i int, from string, runs bool) Change {
		w := wanted[i]
		return Change{Name: w.Name, Repository: w.Repository, Playbook: w.Playbook, From: from, To: w.Commit, Runs: runs}
	}
	want := []Change{change(0, "c1", false), change(1, "c2", true), change(2, "c3", true), change(3, "", true)}
	if diff := cmp.Diff(want, Compare(ran, wanted, false)); diff != "" {
		t.Error(diff)
	}
	want = []Change{change(0, "", true), change(1, "", true), change(2, "", true), change(3, "", true)}
	if diff := cmp.Diff(want, Compare(ran, wanted, true)); diff != "" {
		t.Errorf("of a node that boots: %s", diff)
	}
}

func node(name, power string) Group { return Group{Nodes: []string{name}, Now: Now{Power: power}} }

func TestNodesThatAreAlikeAreToldTogether(t *testing.T) {
	got := together([]Group{node("x1c0s10b0n0", "on"), node("x1c0s2b0n0", "on"), node("x1c0s1b0n0", "off")})
	want := []Group{{Nodes: []string{"x1c0s2b0n0", "x1c0s10b0n0"}, Now: Now{Power: "on"}}, node("x1c0s1b0n0", "off")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDifferencesNameTheNodesAndWhatChanged(t *testing.T) {
	before := &Plan{Groups: together([]Group{node("x1c0s0b0n0", "on"), node("x1c0s1b0n0", "on"), node("x1c0s2b0n0", "on"), node("x1c0s3b0n0", "off")})}
	after := &Plan{Groups: together([]Group{node("x1c0s0b0n0", "off"), node("x1c0s1b0n0", "off"), node("x1c0s3b0n0", "off"), node("x1c0s4b0n0", "off")})}
	want := []string{"x1c0s2b0n0: no longer dealt with", "x1c0s4b0n0: not in the plan", "x1c0s[0-1]b0n0: power was on, is off"}
	if diff := cmp.Diff(want, differences(before, after)); diff != "" {
		t.Error(diff)
	}
	if same := differences(before, before); same != nil {
		t.Errorf("of itself: %q", same)
	}
}
