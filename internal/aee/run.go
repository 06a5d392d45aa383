package aee

import (
	"context"
	"fmt"
	"io"
	"os"

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
	return job.Supervise(ctx, job.Plan{Dir: d, Program: program, Steps: []string{StepClone, StepInventory, StepAnsible},
		Last: StepTeardown, Orphan: settings.OrphanTimeout, MaxLog: settings.MaxLog,
		Tell:    func(step, _ string) string { return tell(d, step) },
		Outside: func() string { return findControlDir(d) }})
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
	if text, err := os.ReadFile(d.Path(unreported)); err == nil && words != "" {
		words += "\n" + string(text)
	}
	return withCollection(job.Tail(d.Log(step), readOutput), words, movedPlugin)
}
