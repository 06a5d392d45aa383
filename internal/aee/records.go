package aee

import (
	"context"
	"errors"
	"io/fs"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

var _ cfs.Records = (*Executor)(nil)

// results opens the job's record.
func (e *Executor) results(ctx context.Context, id string) (*results, error) {
	d, err := e.Left(ctx, id)
	if err != nil {
		return nil, err
	}
	return openResults(d)
}

// Results implements cfs.Records.
func (e *Executor) Results(ctx context.Context, id string, f cfs.ResultFilter, after int64, limit int) (cfs.ResultPage, error) {
	r, err := e.results(ctx, id)
	if err != nil {
		return cfs.ResultPage{}, err
	}
	return r.page(f, after, limit)
}

// HostResults implements cfs.Records.
func (e *Executor) HostResults(ctx context.Context, id string) ([]cfs.HostResults, error) {
	r, err := e.results(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.hosts()
}

// Begun implements cfs.Records.
func (e *Executor) Begun(ctx context.Context, id string) (*cfs.Begun, error) {
	if !job.ValidID(id) { // it has none yet
		return nil, nil
	}
	d, err := e.Left(ctx, id)
	if err != nil {
		return nil, err
	}
	return begun(d)
}

// Steps implements cfs.Records.
func (e *Executor) Steps(ctx context.Context, id string) ([]cfs.JobStep, error) {
	if !job.ValidID(id) { // it has none yet
		return nil, nil
	}
	d, err := e.Left(ctx, id)
	if err != nil {
		return nil, err
	}
	steps, err := d.Steps()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	out := make([]cfs.JobStep, len(steps))
	for i, s := range steps {
		out[i] = cfs.JobStep(s)
	}
	return out, err
}

// Log implements cfs.Records.
func (e *Executor) Log(ctx context.Context, id, step string) (cfs.Log, error) {
	d, err := e.Left(ctx, id)
	if err != nil {
		return nil, err
	}
	changed, stop := e.Follow(id)
	return &jobLog{Reader: d.ReadLogs(step), changed: changed, stop: stop}, nil
}

// jobLog is a job's log with what tells that it grew.
type jobLog struct {
	*job.Reader
	changed <-chan struct{}
	stop    func()
}

func (l *jobLog) Changed() <-chan struct{} { return l.changed }

func (l *jobLog) Close() {
	l.stop()
	l.Reader.Close()
}
