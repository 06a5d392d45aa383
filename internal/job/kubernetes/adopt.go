package kubernetes

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/drover-hpc/drover/internal/job"
)

// adopt looks after a Job that another server made, whose directory is not here:
// what becomes of it and its logs are learnt from the cluster. What its steps
// report is not, for want of the token. found: there is such a Job.
func (e *Executor) adopt(id string) (found bool, err error) {
	ctx, cancel := context.WithTimeout(e.ctx, 10*time.Second)
	defer cancel()
	j, err := e.cluster.Job(ctx, id)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	spec := j.Spec.Template.Spec
	var steps []stepContainer
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range list {
			if at := slices.Index(c.Command, "pod"); at >= 0 && at+1 < len(c.Command) {
				steps = append(steps, stepContainer{Step: c.Command[at+1], Container: c.Name})
			}
		}
	}
	d := e.dir(id)
	err = job.Create(string(d), job.Spec{ID: id}, map[string]any{stepsFile: steps})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if err := d.Write(sentFile, struct{}{}); err != nil {
		return false, err
	}
	e.attend(id)
	return true, nil
}
