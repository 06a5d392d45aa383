package aee

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// BenchmarkCage tells what cages add to a session: the same four steps of a
// program that does nothing, by turns in cages and without.
func BenchmarkCage(b *testing.B) {
	caged, plain := newCagedSite(b).Settings, newSite(b).Settings
	took := map[bool][]time.Duration{}
	for b.Loop() {
		for _, settings := range []Settings{plain, caged} {
			dir := filepath.Join(b.TempDir(), "cfs-1")
			if err := create(dir, cfs.Job{ID: "cfs-1", Session: "s1"}, settings); err != nil {
				b.Fatal(err)
			}
			begun := time.Now()
			if err := supervise(b.Context(), Dir(dir), []string{"/bin/true"}); err != nil {
				b.Fatal(err)
			}
			in := settings.Cage != nil
			took[in] = append(took[in], time.Since(begun))
			if r, err := Dir(dir).Result(); err != nil || r.Phase != job.Succeeded {
				b.Fatalf("%+v, %v", r, err)
			}
		}
	}
	median := func(in bool) float64 {
		slices.Sort(took[in])
		return float64(took[in][len(took[in])/2].Microseconds()) / 1000
	}
	b.ReportMetric(median(true), "ms/caged")
	b.ReportMetric(median(false), "ms/uncaged")
	b.ReportMetric(median(true)-median(false), "ms/cage")
}
