package aee

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/job"
)

// Held is the environment in which a session failed, for as long as it is
// held.
type Held struct {
	Dir     string    `json:"dir"`     // of the layer
	Env     []string  `json:"env"`     // of the playbook, for runs that are not the session's
	Command []string  `json:"command"` // that failed
	Until   time.Time `json:"until"`
}

// releaseFile, in the job's directory, ends a hold.
const releaseFile = "complete"

// heldFile is in the job's directory while its environment is held. It is
// readable for its owner alone: the environment leads to the nodes.
const heldFile = "held.json"

// ReadHeld returns the environment that the job in the directory is held in; an
// error that is fs.ErrNotExist means that it is not.
func ReadHeld(dir string) (Held, error) { return job.ReadWork[Held](Dir(dir), heldFile) }

// hold keeps a failed session's environment for a look around: for the time
// that the job says, or until the file "complete" appears in its directory. cmd
// is what failed, nil if it did not come to that.
func hold(ctx context.Context, d Dir, cmd *exec.Cmd, of cfs.Job, why error, out io.Writer) error {
	wait := of.DebugWait
	if wait <= 0 {
		return nil
	}
	if cmd != nil {
		if err := d.Write(heldFile, Held{Dir: cmd.Dir, Env: unrecorded(cmd.Env), Command: cmd.Args, Until: time.Now().Add(wait).UTC()}); err != nil {
			return fmt.Errorf("hold the session: %w", err)
		}
		defer os.Remove(d.Path(heldFile))
		if err := d.Write(podHeld, Held{Until: time.Now().Add(wait).UTC()}); err != nil {
			return fmt.Errorf("hold the session: %w", err)
		}
		defer os.Remove(d.Path(podHeld))
	}
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	release := cmp.Or(settings.Release, d.Path(releaseFile))
	fmt.Fprintf(out, "%v\nfiles stay in %s for %v, or until the file %s exists\n", why, d, wait, release)
	if cmd != nil {
		fmt.Fprintf(out, "to look around:  %s\n", cmp.Or(settings.Enter, "drover cfs sessions shell "+of.Session))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for deadline := time.Now().Add(wait); time.Now().Before(deadline) && ctx.Err() == nil; <-tick.C {
		if _, err := os.Stat(release); err == nil {
			return nil
		}
	}
	return nil
}

// unrecorded is the playbook's environment without what has a run report to
// the session: its results, and how far hosts got. What somebody runs by hand
// while the session is held is not what the session did.
func unrecorded(env []string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "CFS_RESULTS" || name == "CFS_RESULTS_MAX" || name == "CFS_UNREPORTED" || name == "DISABLE_STATE_RECORDING"
	})
	return append(kept, "DISABLE_STATE_RECORDING="+pythonBool(true))
}

// Held implements cfs.Records.
func (e *Executor) Held(_ context.Context, id string) (*cfs.Held, error) {
	d, ok := e.Dir(id)
	if !ok {
		return nil, nil
	}
	if e.jobs.State(id).Over() {
		return nil, nil // who was killed left the file
	}
	h, err := job.ReadWork[Held](d, podHeld)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &cfs.Held{Directory: e.heldIn(id), Until: h.Until}, err
}
