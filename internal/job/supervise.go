package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Variable is in the environment of each process of a job; its value is the
// job's id.
const Variable = "DROVER_JOB"

// messageTail is how much of a failing step's output its message keeps.
const messageTail = 2000

// Plan is what a supervisor runs.
type Plan struct {
	Dir Dir
	// Program is the command that takes "STEP --job DIR".
	Program []string
	// Steps are run one after another; the first that fails ends the job.
	Steps []string
	// Last is run always, whatever became of the steps; its failure is that of
	// a job whose steps succeeded. Empty: none.
	Last string
	// Orphan is how long the job goes on without a server; 0: 1 hour.
	Orphan time.Duration
	// MaxLog bounds the log of each step, in bytes; 0: 8 MiB.
	MaxLog int64
	// Tell says why a step failed, from the end of its output; "", or nil:
	// that end says it.
	Tell func(step, output string) string
	// Outside names a directory outside the job's that must go with it; "" or
	// nil: there is none. It is asked again and again while the job runs.
	Outside func() string
	// Before is called before each step; its error is the step's. nil: nothing is
	// to be done.
	Before func(step string) error
	// Environ is the environment of a step; nil: that of the supervisor.
	Environ func(step string) []string
	// Confine has a step's command see and use no more than it may; nil: it sees
	// and uses what the supervisor may. over is asked when it has ended: why it was
	// ended, nil if it ended by itself.
	Confine func(step string, cmd *exec.Cmd) (over func() error, err error)
	// Time is how long a step may run, and what to call that; 0: as long as it
	// takes.
	Time func(step string) (limit time.Duration, name string)
	// After is called once all steps have ended, before the result is there.
	After func() error
}

// Supervise runs the steps as child processes of this one. A job's directory
// that is gone, or a server that does not come back in time, ends the job. It
// returns an error only if the job could not be supervised; how the job ended
// is in its result. A second supervisor of the same job ends without doing
// anything.
func Supervise(ctx context.Context, p Plan) error {
	runtime.LockOSThread() // Pdeathsig of the steps follows this thread
	defer runtime.UnlockOSThread()
	p.Orphan = cmp.Or(p.Orphan, time.Hour)
	s := supervisor{Plan: p, maxLog: cmp.Or(p.MaxLog, 8<<20)}
	s.started = time.Now().UTC()
	first, err := p.Dir.claim(s.started)
	if err != nil || !first {
		return err
	}
	result := Result{Phase: Succeeded, Started: s.started}
	g := guard{Plan: p}
	guarded, release := g.start(ctx)
	defer release()
	for _, name := range p.Steps {
		exit, err := s.step(guarded, name)
		if err != nil {
			result.Phase, result.Step, result.Exit = Failed, name, exit
			why := release()
			result.Message, result.Limit = s.message(name, cmp.Or(why, err)), limitOf(err)
			if errors.Is(why, errNoPlace) { // nothing was wrong with it
				result.Phase = Lost
			}
			break
		}
	}
	if err := g.sweep(release()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if p.Last != "" {
		exit, err := s.step(ctx, p.Last)
		switch {
		case err == nil:
		case result.Phase == Succeeded:
			result.Phase, result.Step, result.Exit, result.Message = Failed, p.Last, exit, s.message(p.Last, err)
		default:
			fmt.Fprintln(os.Stderr, s.message(p.Last, err))
		}
	}
	if p.After != nil {
		if err := p.After(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	result.Ended = time.Now().UTC()
	return p.Dir.SetResult(result)
}

type supervisor struct {
	Plan
	maxLog  int64
	started time.Time
	steps   []Step
}

// step runs one step to its end. err is nil if it exited with 0.
func (s *supervisor) step(ctx context.Context, name string) (exit int, err error) {
	s.steps = append(s.steps, Step{Name: name, Started: time.Now().UTC()})
	out, err := s.begin(name)
	if err != nil {
		return -1, err
	}
	defer out.Close()
	last := &s.steps[len(s.steps)-1]
	last.Exit = -1
	if s.Before != nil {
		err = s.Before(name)
	}
	if err == nil {
		last.Exit, err = s.command(ctx, name, out)
	}
	last.Ended = time.Now().UTC()
	if werr := s.Dir.Write("steps.json", s.steps); err == nil {
		err = werr
	}
	return last.Exit, err
}

// command runs a step's process to its end, which is that of a limit if it
// goes beyond one.
func (s *supervisor) command(ctx context.Context, name string, out io.Writer) (exit int, err error) {
	ctx, cancel := s.limited(ctx, name)
	defer cancel()
	argv := append(slices.Clone(s.Program[1:]), name, "--job", string(s.Dir))
	cmd := exec.CommandContext(ctx, s.Program[0], argv...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second // a daemon left behind may hold the pipe
	if s.Environ != nil {
		cmd.Env = s.Environ(name)
	}
	over := func() error { return nil }
	if s.Confine != nil {
		if over, err = s.Confine(name, cmd); err != nil {
			return -1, err
		}
	}
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	exit = -1
	if cmd.ProcessState != nil {
		exit = cmd.ProcessState.ExitCode()
	}
	why := over()
	if late := (lateError{}); err != nil && errors.As(context.Cause(ctx), &late) {
		why = late
		if job := os.Getenv(Variable); job != "" && s.Confine == nil {
			why = errors.Join(why, EndProcesses(job))
		}
	}
	return exit, cmp.Or(why, err)
}

// lateError is that a step ran for too long.
type lateError struct {
	limit time.Duration
	name  string
}

func (e lateError) Error() string {
	return fmt.Sprintf("ended: it ran for more than %v (%s)", e.limit, e.name)
}

func (e lateError) Limit() string { return e.name }

// limitOf is the limit by which a step was ended, as its option is called; empty: by
// none.
func limitOf(err error) string {
	var ended interface{ Limit() string }
	if errors.As(err, &ended) {
		return ended.Limit()
	}
	return ""
}

// limited is ctx for as long as the step may run.
func (s *supervisor) limited(ctx context.Context, step string) (context.Context, context.CancelFunc) {
	if s.Time == nil {
		return ctx, func() {}
	}
	limit, name := s.Time(step)
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, lateError{limit, name})
}

// begin records that the step begins and opens its log. The last step, which
// clears up, is run without: that may be what gives a full disk room again.
func (s *supervisor) begin(name string) (io.WriteCloser, error) {
	err := s.Dir.Write("steps.json", s.steps)
	if err == nil {
		var out *Log
		if out, err = openLog(s.Dir.Log(name), s.maxLog); err == nil {
			return out, nil
		}
	}
	if name == s.Last {
		fmt.Fprintln(os.Stderr, err)
		return nowhere{}, nil
	}
	return nil, err
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// message says why the step failed.
func (s *supervisor) message(step string, err error) string { return s.Dir.Why(step, err, s.Tell) }

// Why says why the step failed: how it ended, and what Plan.Tell or else the end
// of its output says.
func (d Dir) Why(step string, how error, tell func(step, output string) string) string {
	text := Tail(d.Log(step), 256<<10)
	if tell != nil {
		if words := tell(step, text); words != "" {
			return fmt.Sprintf("%s (%v): %s", step, how, words)
		}
	}
	if len(text) > messageTail {
		text = text[len(text)-messageTail:]
	}
	return fmt.Sprintf("%s (%v): %s", step, how, Clean(text))
}

// claim makes this process the job's only supervisor, for ever. It reports
// whether it did.
func (d Dir) claim(now time.Time) (bool, error) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		return false, err
	}
	mine := fmt.Sprintf(".supervisor-%d", os.Getpid())
	if err := d.Write(mine, Supervisor{PID: os.Getpid(), Start: start, Started: now}); err != nil {
		return false, err
	}
	defer os.Remove(d.Path(mine))
	err = os.Link(d.Path(mine), d.Path("supervisor.json"))
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// jobs is the directory that the job's lies in.
func (d Dir) jobs() string { return filepath.Dir(string(d)) }
