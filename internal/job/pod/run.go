package pod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/job"
)

// Plan is what a container does.
type Plan struct {
	Dir job.Dir
	// Program is the command that takes "STEP --job DIR".
	Program []string
	Step    string
	// Given is the directory with the job's files, which this step copies to Dir;
	// empty: an earlier one did.
	Given string
	// After is the step to wait for; empty: none. Always runs the step whatever
	// became of that one, else it has to have exited with 0.
	After  string
	Always bool
	// Begins is how long that one's container may take to begin; 0: 5 minutes.
	Begins time.Duration
	// Grown and Replaced are the files that the server is to have: those to which
	// lines are appended, and those that are written anew.
	Grown, Replaced []string
	// Client reaches the server; nil: http.DefaultClient.
	Client *http.Client
	// Patience is how long the last of the records may take to reach the server;
	// 0: 5 minutes.
	Patience time.Duration
}

// Run carries the plan out and returns the step's exit status; err says why the
// step was not run.
func Run(ctx context.Context, p Plan, stdout, stderr io.Writer) (exit int, err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	if p.Given != "" {
		if err := take(p.Given, p.Dir); err != nil {
			return 1, fmt.Errorf("take over the job's files: %w", err)
		}
	}
	release, err := hold(p.Dir, p.Step)
	if err != nil {
		return 1, fmt.Errorf("begin step %s: %w", p.Step, err)
	}
	defer release()
	if p.After != "" {
		err := await(ctx, p.Dir, p.After, cmp.Or(p.Begins, 5*time.Minute))
		if err != nil && !(p.Always && errors.Is(err, errNeverBegan)) {
			return 1, err
		}
		if before := ended(p.Dir, p.After); before != 0 && !p.Always {
			return 1, fmt.Errorf("step %s is not run: step %s did not succeed", p.Step, p.After)
		}
	}
	report, err := job.Read[Report](p.Dir, ReportFile)
	if err != nil {
		return 1, fmt.Errorf("read where records go: %w", err)
	}
	c := &courier{plan: p, report: report, sent: map[string]int64{}, told: map[string]string{}}
	finish := c.start(stderr)
	exit, err = p.step(ctx, stdout, stderr)
	finish()
	return exit, err
}

// step runs the step as a child, and records it.
func (p *Plan) step(ctx context.Context, stdout, stderr io.Writer) (exit int, err error) {
	steps, err := p.Dir.Steps()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 1, err
	}
	steps = append(steps, job.Step{Name: p.Step, Started: time.Now().UTC()})
	if err := p.Dir.Write("steps.json", steps); err != nil {
		return 1, err
	}
	argv := append(slices.Clone(p.Program), p.Step, "--job", string(p.Dir))
	exit, err = child(ctx, argv, stdout, stderr)
	last := &steps[len(steps)-1]
	last.Ended, last.Exit = time.Now().UTC(), exit
	return exit, errors.Join(err, p.Dir.Write("steps.json", steps))
}

// ended is the exit status of the step, -1 if it left none.
func ended(d job.Dir, step string) int {
	steps, err := d.Steps()
	if err != nil {
		return -1
	}
	for _, s := range steps {
		if s.Name == step && !s.Ended.IsZero() {
			return s.Exit
		}
	}
	return -1
}

// take copies the files, which in a volume of a Secret are links.
func take(from string, to job.Dir) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") { // the volume's own
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(to.Path(entry.Name()), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
