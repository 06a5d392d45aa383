package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/drover-hpc/drover/internal/aee"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
)

// Config says where and how jobs run.
type Config struct {
	// Dir holds a directory for each job. Only one executor uses it at a time.
	Dir string
	// Program is the command line up to and including "aee"; empty: this executable.
	Program []string
	// Settings go with each job.
	Settings aee.Settings
	// Repository gives the credentials of a source; cfs.Service.Repository does.
	// nil: sources have none.
	Repository func(ctx context.Context, source string) (cfs.Repository, error)
	// Parallel is how many jobs run at a time; further ones wait. Jobs that
	// may be held for debugging do not count. 0: twice the processors, at least 4.
	Parallel int
	// KeepFinished is how many finished jobs keep their records and logs. 0: 200.
	KeepFinished int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where trouble goes; nil is slog.Default.
	Log *slog.Logger
}

// Executor is a cfs.Executor on child processes.
type Executor struct {
	cfg     Config
	changed chan string
	closed  chan struct{}
	there   io.Closer // tells jobs that there is a server
	notices *fsnotify.Watcher
	watches sync.WaitGroup

	mu      sync.Mutex
	waiting []waiting
	running map[string]*process
}

var _ cfs.Executor = (*Executor)(nil)

// waiting is a job without a process.
type waiting struct {
	id   string
	free bool // does not count as running
}

// process is a job's supervisor.
type process struct {
	pid  int
	free bool
	cmd  *exec.Cmd     // nil if another server started it
	gone chan struct{} // closed when its end has been dealt with
}

var validID = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// New returns an executor; Open sets it to work.
func New(cfg Config) (*Executor, error) {
	if len(cfg.Program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		cfg.Program = []string{self, "aee"}
	}
	s := &cfg.Settings // whose paths must mean the same to every process
	for _, path := range []*string{&cfg.Dir, &s.CacheDir, &s.TrustDir, &s.ConfigDir, &s.CAFile} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = max(4, 2*runtime.NumCPU())
	}
	if cfg.KeepFinished == 0 {
		cfg.KeepFinished = 200
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create directory of jobs: %w", err)
	}
	return &Executor{cfg: cfg, changed: make(chan string, 4096), closed: make(chan struct{}), running: map[string]*process{}}, nil
}

// Open takes up the jobs that an earlier executor left: it watches those that
// run, starts those that wait, and records those that died as lost.
func (e *Executor) Open() error {
	entries, err := os.ReadDir(e.cfg.Dir)
	if err != nil {
		return fmt.Errorf("read directory of jobs: %w", err)
	}
	if e.there, err = aee.Attend(e.cfg.Dir); err != nil {
		return err
	}
	e.notice()
	var queue []fs.FileInfo
	for _, entry := range entries {
		id := entry.Name()
		if !entry.IsDir() {
			continue
		}
		if !validID.MatchString(id) {
			os.RemoveAll(filepath.Join(e.cfg.Dir, id)) // half made
			continue
		}
		if _, err := e.dir(id).Result(); err == nil {
			continue
		}
		s, err := e.dir(id).Supervisor()
		switch {
		case err == nil && s.Alive():
			e.adopt(id, s)
		case err == nil:
			e.finish(id)
		default:
			if info, err := entry.Info(); err == nil {
				queue = append(queue, info)
			}
		}
	}
	slices.SortFunc(queue, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range queue {
		e.enqueue(info.Name())
	}
	e.dispatch()
	return nil
}

// Close ends watching. The jobs go on, for as long as jobs do without a server.
func (e *Executor) Close() {
	close(e.closed)
	e.watches.Wait()
	if e.there != nil {
		e.there.Close()
	}
}

// Start implements cfs.Executor.
func (e *Executor) Start(ctx context.Context, job cfs.Job) error {
	if !validID.MatchString(job.ID) {
		return fault.New(fault.Invalid, "job id %q: expected lower-case letters, digits, '-' and '.'", job.ID)
	}
	if _, err := os.Stat(string(e.dir(job.ID))); err == nil {
		return nil
	}
	logins, err := e.logins(ctx, job)
	if err != nil {
		return err
	}
	err = aee.Create(string(e.dir(job.ID)), job, e.cfg.Settings, logins)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	e.enqueue(job.ID)
	e.dispatch()
	return nil
}

// logins are the credentials of the job's sources.
func (e *Executor) logins(ctx context.Context, job cfs.Job) (map[string]aee.Login, error) {
	logins := map[string]aee.Login{}
	layers := job.Layers
	if job.Inventory != nil {
		layers = append(slices.Clone(layers), *job.Inventory)
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
			logins[l.Source] = aee.Login{Username: r.Secret.Username, Password: r.Secret.Password}
		}
	}
	return logins, nil
}

// State implements cfs.Executor.
func (e *Executor) State(_ context.Context, id string) (cfs.JobState, error) {
	if !validID.MatchString(id) {
		return cfs.JobState{Phase: cfs.JobLost}, nil
	}
	return e.state(id)
}

// Changed implements cfs.Executor.
func (e *Executor) Changed() <-chan string { return e.changed }

// Stop implements cfs.Executor.
func (e *Executor) Stop(ctx context.Context, id string) error {
	if !validID.MatchString(id) {
		return nil
	}
	e.mu.Lock()
	e.waiting = slices.DeleteFunc(e.waiting, func(w waiting) bool { return w.id == id })
	p := e.running[id]
	e.mu.Unlock()
	if p != nil {
		if err := kill(id, p.pid); err != nil {
			return fmt.Errorf("stop job %s: %w", id, err)
		}
		select {
		case <-p.gone:
		case <-e.closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := errors.Join(aee.Clean(e.dir(id)), os.RemoveAll(string(e.dir(id)))); err != nil {
		return fmt.Errorf("stop job %s: %w", id, err)
	}
	return nil
}

func (e *Executor) dir(id string) aee.Dir { return aee.Dir(filepath.Join(e.cfg.Dir, id)) }

func (e *Executor) enqueue(id string) {
	job, err := e.dir(id).Job()
	if err != nil {
		e.cfg.Log.Error("job cannot start", "job", id, "error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = append(e.waiting, waiting{id: id, free: job.DebugWait > 0})
}

// dispatch starts waiting jobs as long as there is room. A job that itself
// waits, such as for a git server, takes none.
func (e *Executor) dispatch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	busy := 0
	for id, p := range e.running {
		if !p.free && (len(e.waiting) == 0 || !e.stuck(id)) {
			busy++
		}
	}
	var left []waiting
	for _, w := range e.waiting {
		if !w.free && busy >= e.cfg.Parallel {
			left = append(left, w)
			continue
		}
		if err := e.spawn(w); err != nil {
			e.record(w.id, aee.Result{Phase: cfs.JobFailed, Message: err.Error(), Ended: e.cfg.Now().UTC()})
			continue
		}
		if !w.free {
			busy++
		}
		e.tell(w.id)
	}
	e.waiting = left
}

// stuck tells whether the running job waits for something.
func (e *Executor) stuck(id string) bool {
	waits, err := e.dir(id).Waits()
	return err == nil && len(waits) > 0
}

// spawn starts the job's supervisor in a session of its own, so that neither
// the server's end nor the terminal's signals reach it.
func (e *Executor) spawn(w waiting) error {
	out, err := os.OpenFile(e.dir(w.id).Log("run"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start job: %w", err)
	}
	defer out.Close()
	argv := append(slices.Clone(e.cfg.Program[1:]), "run", "--job", string(e.dir(w.id)))
	cmd := exec.Command(e.cfg.Program[0], argv...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), aee.JobVariable+"="+w.id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start job: %w", err)
	}
	// Until it is waited for, a child's id is its own.
	alive := func() bool { _, err := aee.StartTime(cmd.Process.Pid); return err == nil }
	e.watch(w.id, &process{pid: cmd.Process.Pid, free: w.free, cmd: cmd}, alive)
	return nil
}
