package operator

import (
	"slices"
	"sync/atomic"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// Endings are how jobs end.
var Endings = [...]job.Phase{job.Succeeded, job.Failed, job.Lost}

// Figures are what became of jobs since the start. They are for who shows them.
type Figures struct {
	// Ended are those that did, by their place among Endings, Refused how often the
	// executor did not take one.
	Ended   [len(Endings)]atomic.Int64
	Refused atomic.Int64
	// Limited are those that went beyond a limit, by its place among cfs.JobLimits.
	Limited [len(cfs.JobLimits)]atomic.Int64
	// Took is how long steps took that came to a good end, and others, by their place
	// among cfs.JobSteps.
	Took, TookInVain [len(cfs.JobSteps)]*tally.Durations
}

func newFigures() *Figures {
	f := &Figures{}
	for i := range f.Took {
		f.Took[i], f.TookInVain[i] = tally.NewDurations(tally.Slow), tally.NewDurations(tally.Slow)
	}
	return f
}

// Figures are what became of jobs.
func (o *Operator) Figures() *Figures { return o.figures }

// ended counts a job that did, as the account says. A step that never ended by itself
// took no time of which anything is known.
func (f *Figures) ended(phase job.Phase, went job.Account) {
	if i := slices.Index(Endings[:], phase); i >= 0 {
		f.Ended[i].Add(1)
	}
	if i := slices.Index(cfs.JobLimits[:], went.Limit); i >= 0 {
		f.Limited[i].Add(1)
	}
	for _, step := range went.Steps {
		i := slices.Index(cfs.JobSteps[:], step.Name)
		if i < 0 || step.Ended.IsZero() {
			continue
		}
		took := f.Took[i]
		if step.Exit != 0 {
			took = f.TookInVain[i]
		}
		took.Took(step.Ended.Sub(step.Started))
	}
}
