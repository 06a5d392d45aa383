package server

import (
	"context"

	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/ims"
)

// imageJobs is IMS as the operator of CFS needs it.
type imageJobs struct{ ims *ims.Client }

var _ operator.ImageJobs = imageJobs{}

func (i imageJobs) Unfinished(ctx context.Context) ([]operator.ImageJob, error) {
	all, err := i.ims.Jobs(ctx)
	var out []operator.ImageJob
	for _, j := range all {
		if j.Type == ims.Customize && !j.Status.Final() && len(j.Containers) == 1 {
			out = append(out, operator.ImageJob{ID: j.ID, Session: j.Containers[0].Name, Created: j.Created.Time})
		}
	}
	return out, err
}

func (i imageJobs) Delete(ctx context.Context, id string) error { return i.ims.DeleteJob(ctx, id) }
