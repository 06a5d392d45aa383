package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Command is a program that is run as jobs: "NAME run --job DIR" supervises
// the steps, "NAME STEP --job DIR" is one of them.
type Command struct {
	Name  string // as users type it, for messages: "drover aee"
	Steps []string
	Run   func(ctx context.Context, d Dir) error
	Step  func(ctx context.Context, step string, d Dir, out io.Writer) error
	// Pod runs a step as a container and returns its exit status: "NAME pod STEP
	// --job DIR". nil: there is no such command.
	Pod func(ctx context.Context, step string, d Dir, out, errs io.Writer) (int, error)
}

// Main carries out the arguments after the name. The result is the exit
// status: that of the outside program which failed in a step, else 1, and 2
// for wrong usage.
func (c Command) Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	usage := fmt.Sprintf("usage: %s run|%s --job DIR", c.Name, strings.Join(c.Steps, "|"))
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		fmt.Fprintln(stdout, usage)
		return 0
	}
	inPod := c.Pod != nil && len(args) == 4 && args[0] == "pod" && slices.Contains(c.Steps, args[1])
	if inPod {
		args = args[1:]
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
	switch {
	case inPod:
		exit, err := c.Pod(ctx, args[0], Dir(args[2]), stdout, stderr)
		if err != nil {
			fmt.Fprintln(stderr, err)
		}
		return exit
	case args[0] == "run":
		err = c.Run(ctx, Dir(args[2]))
	case slices.Contains(c.Steps, args[0]):
		err = c.Step(ctx, args[0], Dir(args[2]), stdout)
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
