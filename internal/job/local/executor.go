package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// Config says where and how jobs run.
type Config struct {
	// Dir holds a directory for each job. Only one executor uses it at a time.
	Dir string
	// Program is the command that takes "run --job DIR".
	Program []string
	// Clean removes what a job that did not end by itself left behind; it may
	// be called again and again. nil: nothing is left but its processes.
	Clean func(job.Dir) error
	// Parallel is how many jobs run at a time; further ones wait. Free jobs do
	// not count. 0: twice the processors, at least 4.
	Parallel int
	// KeepFinished is how many finished jobs keep their records and logs. 0: 200.
	KeepFinished int
	// Variables are those that jobs have of the server's environment beside the
	// usual ones, as job.Environ takes them.
	Variables []string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is where trouble goes; nil is slog.Default.
	Log *slog.Logger
}

// Executor runs jobs as child processes.
type Executor struct {
	*job.Spool
	cfg     Config
	closed  chan struct{}
	there   io.Closer // tells jobs that there is a server
	notices *fsnotify.Watcher
	watches sync.WaitGroup

	mu      sync.Mutex
	waiting []waiting
	running map[string]*process
	quiet   time.Time       // zero once it has come
	late    bool            // what waits since before Open is given up
	missed  map[string]bool // asked for while it was quiet, without a trace
}

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

// New returns an executor; Open sets it to work.
func New(cfg Config) (*Executor, error) {
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
	if cfg.Clean == nil {
		cfg.Clean = func(job.Dir) error { return nil }
	}
	spool, err := job.OpenSpool(cfg.Dir)
	return &Executor{Spool: spool, cfg: cfg, closed: make(chan struct{}), running: map[string]*process{}, missed: map[string]bool{}}, err
}

// Open takes up the jobs that an earlier executor left: it watches those that
// run, starts those that wait, and records those that died as lost.
func (e *Executor) Open() error {
	unfinished, err := e.Unfinished()
	if err != nil {
		return err
	}
	if e.there, err = job.Attend(e.Path()); err != nil {
		return err
	}
	e.notice()
	for _, id := range unfinished {
		s, err := e.dir(id).Supervisor()
		switch {
		case err == nil && s.Alive():
			e.adopt(id, s)
		case err == nil:
			e.finish(id)
		case e.late:
			e.record(id, job.Result{Phase: job.Lost, Message: "another server led before it began", Ended: e.cfg.Now().UTC()})
		default:
			e.enqueue(id)
		}
	}
	e.dispatch()
	if !e.quiet.IsZero() {
		left := e.quiet.Sub(e.cfg.Now())
		e.watches.Go(func() { e.keepQuiet(left) })
	}
	return nil
}

// Succession is what one who takes a server's place has to heed; the zero value
// is of who takes nobody's.
type Succession struct {
	// Quiet is to when jobs may run that another machine has started, and that are
	// to go on here if they left no trace: until then none is started, and none is
	// lost.
	Quiet time.Time
	// Late: another server has led since jobs were accepted here. Those that have
	// not begun never do: others have been made for them.
	Late bool
}

// Succeed is for before Open.
func (e *Executor) Succeed(s Succession) { e.quiet, e.late = s.Quiet, s.Late }

// keepQuiet starts what waits, and tells what is lost, once jobs of another
// machine have ended.
func (e *Executor) keepQuiet(left time.Duration) {
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.closed:
		return
	}
	e.mu.Lock()
	e.quiet = time.Time{}
	missed := slices.Collect(maps.Keys(e.missed))
	clear(e.missed)
	e.mu.Unlock()
	e.dispatch()
	for _, id := range missed {
		e.Tell(id)
	}
}

// missing is the state of a job that left no trace here.
func (e *Executor) missing(id string) job.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.quiet.IsZero() {
		return job.State{Phase: job.Lost, Message: "no trace of the job"}
	}
	e.missed[id] = true
	return job.State{Phase: job.Running}
}

// Close ends watching. The jobs go on, for as long as jobs do without a server.
func (e *Executor) Close() {
	close(e.closed)
	e.watches.Wait()
	if e.there != nil {
		e.there.Close()
	}
}

// Start launches the job; files are its program's, by name. Starting an ID
// that was started before, by this process or an earlier one, changes nothing:
// a job never runs twice.
func (e *Executor) Start(spec job.Spec, files map[string]any) error {
	if !job.ValidID(spec.ID) {
		return fault.New(fault.Invalid, "job id %q: expected lower-case letters, digits, '-' and '.'", spec.ID)
	}
	err := job.Create(string(e.dir(spec.ID)), spec, files)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	e.enqueue(spec.ID)
	e.dispatch()
	return nil
}

// Started reports whether the job was started, and its traces are there.
func (e *Executor) Started(id string) bool {
	return e.Has(id)
}

// State tells where the job stands. An ID that was never started, or whose
// traces are gone, is lost: never a guess.
func (e *Executor) State(id string) job.State {
	if !job.ValidID(id) {
		return job.State{Phase: job.Lost}
	}
	return e.state(id)
}

func (e *Executor) dir(id string) job.Dir {
	d, _ := e.Dir(id)
	return d
}

// End ends the job if it runs, which makes it lost; its traces stay. Unknown
// IDs are fine.
func (e *Executor) End(ctx context.Context, id string) error {
	if !job.ValidID(id) {
		return nil
	}
	e.mu.Lock()
	queued := len(e.waiting)
	e.waiting = slices.DeleteFunc(e.waiting, func(w waiting) bool { return w.id == id })
	queued -= len(e.waiting)
	p := e.running[id]
	e.mu.Unlock()
	if queued > 0 {
		e.record(id, job.Result{Phase: job.Lost, Message: "ended before it began", Ended: e.cfg.Now().UTC()})
	}
	if p == nil {
		return nil
	}
	if err := kill(id, p.pid); err != nil {
		return fmt.Errorf("end job %s: %w", id, err)
	}
	select {
	case <-p.gone:
	case <-e.closed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Stop ends the job if it runs and removes its traces. Unknown IDs are fine.
func (e *Executor) Stop(ctx context.Context, id string) error {
	if err := e.End(ctx, id); err != nil || !job.ValidID(id) {
		return err
	}
	if err := errors.Join(e.cfg.Clean(e.dir(id)), e.Remove(id)); err != nil {
		return fmt.Errorf("stop job %s: %w", id, err)
	}
	return nil
}

func (e *Executor) enqueue(id string) {
	spec, err := e.dir(id).Spec()
	if err != nil {
		e.cfg.Log.Error("job cannot start", "job", id, "error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = append(e.waiting, waiting{id: id, free: spec.Free})
}

// dispatch starts waiting jobs as long as there is room. A job that itself
// waits, such as for a git server, takes none.
func (e *Executor) dispatch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.quiet.IsZero() {
		return
	}
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
			e.record(w.id, job.Result{Phase: job.Failed, Message: err.Error(), Ended: e.cfg.Now().UTC()})
			continue
		}
		if !w.free {
			busy++
		}
		e.Tell(w.id)
	}
	e.waiting = left
}

// stuck tells whether the running job waits for something.
func (e *Executor) stuck(id string) bool {
	waits, err := e.dir(id).Waits()
	return err == nil && len(waits) > 0
}

// niceness is that of jobs' processes (setpriority(2)): a tenth of the weight of others.
const niceness = 10

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
	cmd.Env = append(job.Environ(os.Environ(), e.cfg.Variables...), job.Variable+"="+w.id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start job: %w", err)
	}
	// All that jobs run at once may want every processor: the server, its lease and whoever
	// asks it go first.
	if err := syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, niceness); err != nil {
		slog.Debug("a job's processes are as important as the server's", "job", w.id, "error", err)
	}
	// Until it is waited for, a child's id is its own.
	alive := func() bool { _, err := job.StartTime(cmd.Process.Pid); return err == nil }
	e.watch(w.id, &process{pid: cmd.Process.Pid, free: w.free, cmd: cmd}, alive)
	return nil
}
