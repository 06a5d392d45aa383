package cfs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
)

// What a plan says is what the change then comes to.
func TestAChangeOfAConfigurationIsPlanned(t *testing.T) {
	f := newFixture(t)
	f.configuration("site", "one", "two")
	f.configuration("other", "one")
	f.want(200, "PUT", "/v3/components", `[{"id":"x1","desired_config":"site","enabled":true},{"id":"x2","desired_config":"site","enabled":false},
		{"id":"x3","desired_config":"site","enabled":true},{"id":"x4","desired_config":"other","enabled":true}]`)
	for _, id := range []string{"x1", "x2"} {
		f.report(id, "one", "applied", "s")
		f.report(id, "two", "applied", "s")
	}
	one, two := "https://git/repo", commitOf("main")
	layer := func(playbook, from, to string) cfs.LayerChange {
		return cfs.LayerChange{Name: playbook, CloneURL: one, Playbook: playbook + ".yml", From: from, To: to}
	}
	branches := func() cfs.ConfigurationPlan {
		t.Helper()
		plan, err := f.service.PlanBranches(t.Context(), "site", "")
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	all := []string{"x1", "x2", "x3"}
	want := cfs.ConfigurationPlan{Name: "site", Components: all, Reconfigure: []string{}, Disabled: []string{},
		Layers: []cfs.LayerChange{layer("one", two, two), layer("two", two, two)}}
	if diff := cmp.Diff(want, branches()); diff != "" {
		t.Errorf("nothing new: %s", diff)
	}
	f.git.heads["main"] = commitOf("a newer one")
	want.Layers = []cfs.LayerChange{layer("one", two, f.git.heads["main"]), layer("two", two, f.git.heads["main"])}
	want.Reconfigure, want.Disabled = []string{"x1", "x3"}, []string{"x2"}
	if diff := cmp.Diff(want, branches()); diff != "" {
		t.Errorf("newer commits: %s", diff)
	}
	f.status("x1", "configured") // nothing was changed
	less, err := f.service.PlanConfiguration(t.Context(), cfs.Configuration{Name: "site", Layers: []cfs.Layer{{Name: "one", CloneURL: one, Playbook: "one.yml", Commit: two}}}, cfs.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want.Layers, want.Reconfigure, want.Disabled = []cfs.LayerChange{layer("one", two, two), layer("two", two, "")}, []string{"x3"}, []string{}
	if diff := cmp.Diff(want, less); diff != "" {
		t.Errorf("a layer less: %s", diff)
	}
	f.want(200, "PATCH", "/v3/configurations/site", "")
	f.status("x1", "pending")
	f.status("x2", "pending")
}

func TestAPlanOfAWrongConfigurationIsRefused(t *testing.T) {
	f := newFixture(t)
	for what, c := range map[string]cfs.Configuration{
		"no repository":     {Name: "site", Layers: []cfs.Layer{{Playbook: "site.yml"}}},
		"branch and commit": {Name: "site", Layers: []cfs.Layer{{CloneURL: "https://git/repo", Branch: "main", Commit: commitOf("main")}}},
	} {
		if plan, err := f.service.PlanConfiguration(t.Context(), c, cfs.PutOptions{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %+v, %v", what, plan, err)
		}
	}
	if _, err := f.service.PlanBranches(t.Context(), "none", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("of none: %v", err)
	}
	plan, err := f.service.PlanConfiguration(t.Context(), cfs.Configuration{Name: "new", Layers: []cfs.Layer{{CloneURL: "https://git/repo", Branch: "main"}}}, cfs.PutOptions{})
	if err != nil || len(plan.Components) != 0 || len(f.git.calls) != 0 {
		t.Errorf("nobody desires it: %+v, %v, asked %q", plan, err, f.git.calls)
	}
}
