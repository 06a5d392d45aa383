package aee

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// BenchmarkCage tells what cages add to a session that makes no image: its three steps,
// of a program that does nothing, by turns in cages and without.
func BenchmarkCage(b *testing.B) {
	caged, plain := newCagedSite(b).Settings, newSite(b).Settings
	took, used := map[bool][]time.Duration{}, map[bool][]time.Duration{}
	for b.Loop() {
		for _, settings := range []Settings{plain, caged} {
			dir := filepath.Join(b.TempDir(), "cfs-1")
			if err := create(dir, cfs.Job{ID: "cfs-1", Session: "s1"}, settings); err != nil {
				b.Fatal(err)
			}
			begun, before := time.Now(), processor(b)
			if err := supervise(b.Context(), Dir(dir), []string{"/bin/true"}); err != nil {
				b.Fatal(err)
			}
			in := settings.Cage != nil
			took[in], used[in] = append(took[in], time.Since(begun)), append(used[in], processor(b)-before)
			if r, err := Dir(dir).Result(); err != nil || r.Phase != job.Succeeded {
				b.Fatalf("%+v, %v", r, err)
			}
		}
	}
	// The best of each: what else the machine does comes on top of the others.
	for name, times := range map[string]map[bool][]time.Duration{"elapsed": took, "processor": used} {
		with, without := slices.Min(times[true]), slices.Min(times[false])
		b.ReportMetric(float64(with.Microseconds())/1000, "ms-"+name+"-caged")
		b.ReportMetric(float64(without.Microseconds())/1000, "ms-"+name+"-uncaged")
		b.ReportMetric(float64((with-without).Microseconds())/1000, "ms-"+name+"-more")
	}
}

// processor is the time that this process and those that it waited for have had.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		sum += usage.Utime.Nano() + usage.Stime.Nano()
	}
	return time.Duration(sum)
}
