package aee

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/drover-hpc/drover/internal/job"
)

func TestWhatIsKeptOfASessionHasItsResultsWhereverItsStepsWrote(t *testing.T) {
	for _, apart := range []bool{false, true} {
		d := Dir(filepath.Join(t.TempDir(), "one"))
		if err := job.Create(string(d), job.Spec{ID: "one", Apart: apart}, nil); err != nil {
			t.Fatal(err)
		}
		at, err := filepath.Rel(string(d), d.Work().Path(resultsDir))
		if err != nil || !slices.Contains(LeftBehind, at) {
			t.Errorf("apart %t: %s is not among %v, %v", apart, at, LeftBehind, err)
		}
	}
}
