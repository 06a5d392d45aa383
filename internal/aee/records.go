package aee

import (
	"context"
	"errors"
	"io/fs"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

var _ cfs.Records = (*Executor)(nil)

// results opens the job's record.
func (e *Executor) results(id string) (*results, error) {
	d, ok := e.Dir(id)
	if !ok {
		return nil, fault.New(fault.NotFound, "no job has the id '%s'", id)
	}
	return openResults(d)
}

// Results implements cfs.Records.
func (e *Executor) Results(_ context.Context, id string, f cfs.ResultFilter, after int64, limit int) (cfs.ResultPage, error) {
	r, err := e.results(id)
	if err != nil {
		return cfs.ResultPage{}, err
	}
	return r.page(f, after, limit)
}

// HostResults implements cfs.Records.
func (e *Executor) HostResults(_ context.Context, id string) ([]cfs.HostResults, error) {
	r, err := e.results(id)
	if err != nil {
		return nil, err
	}
	return r.hosts()
}

// Steps implements cfs.Records.
func (e *Executor) Steps(_ context.Context, id string) ([]cfs.JobStep, error) {
	d, ok := e.Dir(id)
	if !ok {
		return nil, nil
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
func (e *Executor) Log(id, step string) cfs.Log {
	d, _ := e.Dir(id)
	changed, stop := e.Follow(id)
	return &jobLog{Reader: d.ReadLogs(step), changed: changed, stop: stop}
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
