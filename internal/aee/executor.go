package aee

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/job/local"
)

// ExecutorConfig says where and how sessions run.
type ExecutorConfig struct {
	// Dir holds a directory for each job. Only one executor uses it at a time.
	Dir string
	// Program is the command line up to and including "aee"; empty: this executable.
	Program []string
	// Settings go with each job.
	Settings Settings
	// Token gives what a job shows to the gateway; nil: nothing.
	Token func(cfs.Job) string
	// Repository gives the credentials of a source; cfs.Service.Repository does.
	// nil: sources have none.
	Repository func(ctx context.Context, source string) (cfs.Repository, error)
	// Parallel is how many jobs run at a time. Jobs that may be held for
	// debugging do not count. 0: twice the processors, at least 4.
	Parallel int
	// KeepFinished is how many finished jobs keep their records, logs and results.
	// 0: 1,000.
	KeepFinished int
	// Succession is for local.Executor.
	Succession local.Succession
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where trouble goes; nil is slog.Default.
	Log *slog.Logger
}

// jobs is what runs the jobs of sessions: processes of this machine, or Jobs of
// Kubernetes. Their directories are on this machine.
type jobs interface {
	State(id string) job.State
	Started(id string) bool
	Dir(id string) (d job.Dir, ok bool)
	Keep(shelf job.Shelf)
	Left(ctx context.Context, id string) (job.Dir, error)
	Follow(id string) (changed <-chan struct{}, stop func())
	Changed() <-chan string
	Stop(ctx context.Context, id string) error
	Open() error
	Close()
}

// Executor is a cfs.Executor.
type Executor struct {
	jobs
	cfg   ExecutorConfig
	start func(context.Context, cfs.Job, map[string]Login) error
	// heldIn is where the environment of a failed session is.
	heldIn func(id string) string
}

var (
	_ cfs.Executor = (*Executor)(nil)
	_ cfs.Accounts = (*Executor)(nil)
)

// NewExecutor returns an executor on processes of this machine; Open sets it to
// work.
func NewExecutor(cfg ExecutorConfig) (*Executor, error) {
	if len(cfg.Program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		cfg.Program = []string{self, "aee"}
	}
	s := &cfg.Settings // whose paths must mean the same to every process
	for _, path := range []*string{&s.CacheDir, &s.TrustDir, &s.ConfigDir, &s.CAFile} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	jobs, err := local.New(local.Config{Dir: cfg.Dir, Program: cfg.Program, Clean: Clean, Parallel: cfg.Parallel,
		Variables:    gitVariables,
		KeepFinished: cmp.Or(cfg.KeepFinished, 1000), Now: cfg.Now, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	jobs.Succeed(cfg.Succession)
	e := &Executor{jobs: jobs, cfg: cfg}
	e.start = func(_ context.Context, j cfs.Job, logins map[string]Login) error {
		return jobs.Start(spec(j, cfg.Settings), files(j, cfg.settingsOf(j), logins))
	}
	e.heldIn = func(id string) string {
		d, _ := jobs.Dir(id)
		return string(d)
	}
	return e, nil
}

// settingsOf are the settings of a job, with what it shows to the gateway.
func (c *ExecutorConfig) settingsOf(j cfs.Job) Settings {
	s := c.Settings
	if c.Token != nil {
		s.Token = c.Token(j)
		s.VCS.Token = s.Token
	}
	return s
}

// Start implements cfs.Executor.
func (e *Executor) Start(ctx context.Context, j cfs.Job) error {
	if e.Started(j.ID) {
		return nil
	}
	logins, err := e.logins(ctx, j)
	if err != nil {
		return err
	}
	return e.start(ctx, j, logins)
}

// logins are the credentials of the job's sources.
func (e *Executor) logins(ctx context.Context, j cfs.Job) (map[string]Login, error) {
	logins := map[string]Login{}
	layers := j.Layers
	if j.Inventory != nil {
		layers = append(slices.Clone(layers), *j.Inventory)
	}
	for _, l := range layers {
		if l.Source == "" || e.cfg.Repository == nil {
			continue
		}
		r, err := e.cfg.Repository(ctx, l.Source)
		if err != nil {
			return nil, fmt.Errorf("credentials of source %s: %w", l.Source, err)
		}
		if r.Secret != nil {
			logins[l.Source] = Login{Username: r.Secret.Username, Password: r.Secret.Password}
		}
	}
	return logins, nil
}

// State implements cfs.Executor.
func (e *Executor) State(_ context.Context, id string) (cfs.JobState, error) {
	s := e.jobs.State(id)
	return cfs.JobState{Phase: s.Phase, Step: s.Step, Message: s.Message, Waiting: waitingFor(s.Waits),
		Started: s.Started, Ended: s.Ended}, nil
}

// Account implements cfs.Accounts.
func (e *Executor) Account(id string) job.Account {
	d, ok := e.jobs.Dir(id)
	if !ok {
		return job.Account{}
	}
	return d.Account()
}

// waitingFor is what a step waits for in the words of its session; nil if it
// goes on.
func waitingFor(waits []job.Wait) *cfs.Waiting {
	if len(waits) == 0 {
		return nil
	}
	w := &cfs.Waiting{Until: waits[0].Next}
	words := make([]string, len(waits))
	for i, one := range waits {
		why := strings.Join(strings.Fields(one.Why), " ")
		words[i] = one.What + ": " + why
		if one.Of > 0 {
			words[i] += fmt.Sprintf(" (try %d of %d)", one.Tries, one.Of)
		}
		if one.Next.Before(w.Until) {
			w.Until = one.Next
		}
	}
	w.Reason = strings.Join(words, "; ")
	return w
}
