package aee

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// The steps of a job, in order.
const (
	StepClone     = "clone"
	StepInventory = "inventory"
	StepAnsible   = "ansible"
	StepTeardown  = "teardown"
)

// Command is "drover aee". program is the command line up to and including
// "aee", with which "run" starts the steps.
func Command(program []string) job.Command {
	return job.Command{Name: "drover aee", Steps: []string{StepClone, StepInventory, StepAnsible, StepTeardown},
		Run:  func(ctx context.Context, d Dir) error { return supervise(ctx, d, program) },
		Step: step,
		Pod: func(ctx context.Context, name string, d Dir, out, errs io.Writer) (int, error) {
			return inPod(ctx, name, d, program, out, errs)
		}}
}

func supervise(ctx context.Context, d Dir, program []string) error {
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	j, err := readJob(d)
	if err != nil {
		return err
	}
	k := &keeper{dir: d, job: j, settings: settings}
	plan := job.Plan{Dir: d, Program: program, Steps: []string{StepClone, StepInventory, StepAnsible},
		Orphan: settings.OrphanTimeout, MaxLog: settings.MaxLog,
		Tell:   func(step, _ string) string { return tell(d, step) },
		Before: k.before, After: k.after, Environ: k.environ,
		Time: func(step string) (time.Duration, string) { return k.timeLimit(step), "session-time" }}
	if len(j.Images) > 0 { // those that are open have to be closed
		plan.Last = StepTeardown
	}
	if k.caged() {
		plan.Confine = k.confine
	} else {
		plan.Outside = func() string { return findControlDir(d) }
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.keepCertificate(ctx)
	k.forwardRelease(ctx)
	return job.Supervise(ctx, plan)
}

// timeLimit is how long the step may run; one that may be held has that time
// on top.
func (k *keeper) timeLimit(step string) time.Duration {
	if k.settings.TimeLimit > 0 && step == StepAnsible {
		return k.settings.TimeLimit + max(k.job.DebugWait, 0)
	}
	return k.settings.TimeLimit
}

func step(ctx context.Context, name string, d Dir, out io.Writer) error {
	switch name {
	case StepClone:
		return Clone(ctx, d, out)
	case StepInventory:
		return Inventory(ctx, d, out)
	case StepAnsible:
		return Ansible(ctx, d, out)
	case StepTeardown:
		return Teardown(ctx, d, out)
	}
	return fmt.Errorf("no step %q", name)
}

// readOutput is how much of a failed step's output is read, in bytes from its
// end.
const readOutput = 256 << 10

// tell says why a step failed, where its output's end does not say it best.
func tell(d Dir, step string) string {
	if step != StepAnsible {
		return ""
	}
	words := failures(d)
	if text, err := d.ReadWorkFile(unreported); err == nil && words != "" {
		words += "\n" + string(text)
	}
	return withCollection(job.Tail(d.Log(step), readOutput), words, movedPlugin)
}
