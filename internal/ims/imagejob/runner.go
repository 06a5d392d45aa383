package imagejob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/local"
	"github.com/drover-hpc/drover/internal/s3"
)

// jobs is what runs image jobs: processes of this machine, or Jobs of Kubernetes.
// Their directories are on this machine.
type jobs interface {
	State(id string) job.State
	Stop(ctx context.Context, id string) error
	Changed() <-chan string
	Keep(shelf job.Shelf)
	Left(ctx context.Context, id string) (job.Dir, error)
	Open() error
	Close()
}

// Runner runs jobs.
type Runner struct {
	jobs
	dir      string
	settings Settings
	start    func(context.Context, ims.JobOrder) error
	refuse   func(ims.JobOrder, Settings) error
}

var _ ims.Runner = (*Runner)(nil)

// Config says where and how jobs run.
type Config struct {
	// Dir holds a directory for each job. Only one runner uses it at a time.
	Dir string
	// Program is the command line up to and including "ims-job"; empty: this
	// executable.
	Program []string
	// Settings go with each job, and the credentials that this gives it; nil: those
	// of the settings.
	Settings    Settings
	Credentials func(ims.JobOrder) s3.Credentials
	// Parallel is how many jobs work at a time; those that wait for a user do
	// not count. 0: half the processors, at least 2, as packing takes them all.
	Parallel int
	// Succession is for local.Executor.
	Succession local.Succession
}

// NewRunner returns a runner on processes of this machine; Open sets it to work.
func NewRunner(cfg Config) (*Runner, error) {
	if len(cfg.Program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		cfg.Program = []string{self, "ims-job"}
	}
	for _, path := range []*string{&cfg.Dir, &cfg.Settings.Cache} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = max(2, runtime.NumCPU()/2)
	}
	jobs, err := local.New(local.Config{Dir: cfg.Dir, Program: cfg.Program, Clean: Clean, Parallel: cfg.Parallel})
	if err != nil {
		return nil, err
	}
	jobs.Succeed(cfg.Succession)
	start := func(_ context.Context, o ims.JobOrder) error {
		return jobs.Start(job.Spec{ID: o.ID}, files(o, cfg.Settings.with(cfg.Credentials, o)))
	}
	return &Runner{jobs: jobs, dir: cfg.Dir, settings: cfg.Settings, start: start, refuse: refuse}, nil
}

// Refuse implements ims.Runner.
func (r *Runner) Refuse(o ims.JobOrder) error { return r.refuse(o, r.settings) }

// Start implements ims.Runner.
func (r *Runner) Start(ctx context.Context, o ims.JobOrder) error { return r.start(ctx, o) }

// Progress implements ims.Runner.
func (r *Runner) Progress(id string) ims.JobProgress {
	p := ims.JobProgress{State: r.State(id)}
	d := job.Dir(filepath.Join(r.dir, id))
	if shell, err := job.Read[ims.SSHAddress](d, shellFile); err == nil && !p.Over() {
		p.Shell = &shell
	}
	if manifest, err := job.Read[ims.Link](d, productFile); err == nil && p.Over() {
		p.Manifest = &manifest
	}
	return p
}

// Jobs implements ims.Runner.
func (r *Runner) Jobs() (ids []string, err error) {
	entries, err := os.ReadDir(r.dir)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

// logTail is how much of a step's output Logs has.
const logTail = 64 << 10

// Logs implements ims.Runner.
func (r *Runner) Logs(ctx context.Context, id string) ([]ims.JobLog, error) {
	d, err := r.Left(ctx, id)
	if err != nil {
		return nil, err
	}
	steps, err := d.Steps()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("logs of job %s: %w", id, err)
	}
	var out []ims.JobLog
	for _, s := range steps {
		l := ims.JobLog{Step: s.Name, Started: ims.Time{Time: s.Started}, Exit: s.Exit, Text: job.Clean(job.Tail(d.Log(s.Name), logTail))}
		if !s.Ended.IsZero() {
			l.Ended = &ims.Time{Time: s.Ended}
		}
		out = append(out, l)
	}
	return out, nil
}
