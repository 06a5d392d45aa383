package imagejob

import (
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
)

// The steps of a job are containers that run one after another.
func TestJobAsAPod(t *testing.T) {
	o := ims.JobOrder{ID: "job-1", Type: ims.Customize}
	w := podWork(o, Settings{})
	var names []string
	for _, c := range append(w.First, w.Together...) {
		names = append(names, c.Step)
		if c.Env[0].Name != podAddress || c.Env[0].ValueFrom.FieldRef.FieldPath != "status.podIP" {
			t.Errorf("%s: %+v", c.Step, c.Env)
		}
	}
	if !slices.Equal(names, steps(o)) || len(w.Together) != 1 || !w.Privileged {
		t.Errorf("%v, of which %d at the end, privileged: %v", names, len(w.Together), w.Privileged)
	}
}

func TestWhereAPodsShellListens(t *testing.T) {
	t.Setenv(podAddress, "10.1.2.3")
	if got := (Settings{}).withDefaults().Host; got != "10.1.2.3" {
		t.Error(got)
	}
}

func TestRecipesThatNoPodBuilds(t *testing.T) {
	if err := refuseInPod(ims.JobOrder{Type: ims.Create, Recipe: "packer"}, Settings{}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := refuseInPod(ims.JobOrder{Type: ims.Create, Recipe: RecipeKiwi}, Settings{}); err != nil {
		t.Error(err) // whether its pod has kiwi-ng the pod tells
	}
}

func TestWhyAStepOfAPodFailed(t *testing.T) {
	d := job.Dir(t.TempDir())
	if err := d.Write(whyFile, why{Step: "unpack", Why: "no squashfs"}); err != nil {
		t.Fatal(err)
	}
	if got := tellInPod(d, "unpack"); got != "no squashfs" {
		t.Error(got)
	}
	if got := tellInPod(d, "pack"); got != "" {
		t.Errorf("of another step: %q", got)
	}
}
