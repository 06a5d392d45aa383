package aee

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// The steps of a job, in order.
const (
	StepClone     = "clone"
	StepInventory = "inventory"
	StepAnsible   = "ansible"
	StepTeardown  = "teardown"
)

// JobVariable is in the environment of each process of a job; its value is the
// job's id.
const JobVariable = "DROVER_JOB"

// messageTail is how much of a failing step's output its message keeps.
const messageTail = 2000

// Supervise runs the steps of the job in dir as child processes of this one:
// program is the command that takes "STEP --job DIR". A failing step ends the
// job, but teardown always runs. So does a job's directory that is gone, or a
// server that does not come back in time. It returns an error only if the job
// could not be supervised; how the job ended is in its result. A second
// supervisor of the same job ends without doing anything.
func Supervise(ctx context.Context, dir string, program []string) error {
	runtime.LockOSThread() // Pdeathsig of the steps follows this thread
	defer runtime.UnlockOSThread()
	d := Dir(dir)
	settings, err := d.Settings()
	if err != nil {
		return err
	}
	s := supervisor{dir: d, program: program, maxLog: settings.MaxLog}
	s.started = time.Now().UTC()
	first, err := d.claim(s.started)
	if err != nil || !first {
		return err
	}
	result := Result{Phase: cfs.JobSucceeded, Started: s.started}
	g := guard{dir: d, timeout: settings.OrphanTimeout}
	guarded, release := g.start(ctx)
	defer release()
	for _, name := range []string{StepClone, StepInventory, StepAnsible} {
		exit, err := s.step(guarded, name)
		if err != nil {
			result.Phase, result.Step, result.Exit = cfs.JobFailed, name, exit
			result.Message = failureMessage(d, name, cmp.Or(release(), err))
			break
		}
	}
	if err := g.sweep(release()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if _, err := s.step(ctx, StepTeardown); err != nil {
		fmt.Fprintln(os.Stderr, failureMessage(d, StepTeardown, err))
	}
	result.Ended = time.Now().UTC()
	return d.SetResult(result)
}

type supervisor struct {
	dir     Dir
	program []string
	maxLog  int64
	started time.Time
	steps   []Step
}

// step runs one step to its end. err is nil if it exited with 0.
func (s *supervisor) step(ctx context.Context, name string) (exit int, err error) {
	s.steps = append(s.steps, Step{Name: name, Started: time.Now().UTC()})
	if err := writeJSON(s.dir.path("steps.json"), s.steps); err != nil {
		return -1, err
	}
	out, err := openLog(s.dir.Log(name), s.maxLog)
	if err != nil {
		return -1, err
	}
	defer out.Close()
	argv := append(append([]string{}, s.program[1:]...), name, "--job", string(s.dir))
	cmd := exec.CommandContext(ctx, s.program[0], argv...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second // a daemon left behind may hold the pipe
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	last := &s.steps[len(s.steps)-1]
	last.Ended, last.Exit = time.Now().UTC(), -1
	if cmd.ProcessState != nil {
		last.Exit = cmd.ProcessState.ExitCode()
	}
	if werr := writeJSON(s.dir.path("steps.json"), s.steps); err == nil {
		err = werr
	}
	return last.Exit, err
}

// claim makes this process the job's only supervisor, for ever. It reports
// whether it did.
func (d Dir) claim(now time.Time) (bool, error) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		return false, err
	}
	mine := d.path(fmt.Sprintf(".supervisor-%d", os.Getpid()))
	if err := writeJSON(mine, Supervisor{PID: os.Getpid(), Start: start, Started: now}); err != nil {
		return false, err
	}
	defer os.Remove(mine)
	err = os.Link(mine, d.path("supervisor.json"))
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

func failureMessage(d Dir, step string, err error) string {
	text := readTail(d.Log(step), 256<<10)
	if step == StepAnsible {
		if line := failedTask(text); line != "" {
			return fmt.Sprintf("%s (%v): %s", step, err, line)
		}
	}
	if len(text) > messageTail {
		text = text[len(text)-messageTail:]
	}
	return fmt.Sprintf("%s (%v): %s", step, err, trimLines(text))
}

const usage = "usage: drover aee run|clone|inventory|ansible|teardown --job DIR"

// Run is the command "drover aee": args are the step's name (or "run") and
// "--job DIR". program is the command line up to and including "aee", with
// which "run" starts the steps. The result is the exit status.
func Run(ctx context.Context, program, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		fmt.Fprintln(stdout, usage)
		return 0
	}
	if len(args) != 3 || args[1] != "--job" {
		fmt.Fprintln(stderr, usage)
		return 2
	}
	if info, err := os.Stat(args[2]); err != nil || !info.IsDir() {
		fmt.Fprintf(stderr, "no job directory %q\n", args[2])
		return 2
	}
	var err error
	switch args[0] {
	case "run":
		err = Supervise(ctx, args[2], program)
	case StepClone:
		err = Clone(ctx, args[2], stdout)
	case StepInventory:
		err = Inventory(ctx, args[2], stdout)
	case StepAnsible:
		err = Ansible(ctx, args[2], stdout)
	case StepTeardown:
		err = Teardown(ctx, args[2], stdout)
	default:
		fmt.Fprintf(stderr, "no step %q\n%s\n", args[0], usage)
		return 2
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, err)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	return 1
}
