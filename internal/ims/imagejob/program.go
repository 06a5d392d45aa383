package imagejob

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
)

// Command is "drover ims-job". program is the command line up to and including
// "ims-job", with which "run" starts the steps.
func Command(program []string) job.Command {
	return job.Command{Name: "drover ims-job", Steps: allSteps(),
		Run:  func(ctx context.Context, d job.Dir) error { return supervise(ctx, d, program) },
		Step: step,
		Pod: func(ctx context.Context, step string, d job.Dir, out, errs io.Writer) (int, error) {
			return inPod(ctx, step, d, program, out, errs)
		}}
}

func supervise(ctx context.Context, d job.Dir, program []string) error {
	w, err := readWork(d)
	if err != nil {
		return err
	}
	return job.Supervise(ctx, job.Plan{Dir: d, Program: program, Steps: steps(w.order), Last: stepTeardown,
		Orphan: w.settings.OrphanTimeout, Tell: w.tell})
}

// mounted is in the environment of a step that has its volume; its value is the
// job's directory.
const mounted = "DROVER_IMAGE_VOLUME"

// step carries out a step. All but the last get the volume first: a mount
// namespace is that of one thread, so the program begins anew in it.
func step(ctx context.Context, name string, d job.Dir, out io.Writer) error {
	w, err := readWork(d)
	if err != nil {
		return err
	}
	if name == stepTeardown {
		return Clean(d)
	}
	if os.Getenv(mounted) != string(d) {
		return w.enterVolume()
	}
	err = w.carryOut(ctx, name, out)
	if err == nil {
		err = w.sync()
	}
	if err != nil {
		w.Write(whyFile, why{Step: name, Why: err.Error()}) //nolint:errcheck // its output says it too, with much else
	}
	return err
}

// why a step failed, as why.json has it.
type why struct {
	Step string `json:"step"`
	Why  string `json:"why"`
}

func (w *work) carryOut(ctx context.Context, name string, out io.Writer) error {
	switch name {
	case ims.StepFetch:
		return w.fetch(ctx, out)
	case ims.StepUnpack:
		return w.unpack(ctx, out)
	case ims.StepBuild:
		return w.build(ctx, out)
	case ims.StepShell:
		return w.shell(ctx, out, w.order.Jail)
	case ims.StepPack:
		return w.pack(ctx, out)
	case ims.StepUpload:
		return w.upload(ctx, out)
	}
	return fmt.Errorf("no step %q", name)
}

// sync makes sure that all of the step's work is on the volume: what the
// kernel could not write later, since the disk is full, nobody would be told.
func (w *work) sync() error {
	dir, err := os.Open(w.volume())
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("write the job's volume: %w", err)
	}
	return nil
}

// enterVolume mounts the volume where nobody else sees it and begins the
// program anew; it returns only if it could not.
func (w *work) enterVolume() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace for the job: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := w.mountVolume(); err != nil {
		return err
	}
	err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), mounted+"="+string(w.Dir)))
	return fmt.Errorf("begin the step in its namespace: %w", err)
}

// mountVolume mounts the volume, which is made at the first step. It is
// removed with the job's directory, so it needs no journal; and as it is
// sparse, nothing is to be written ahead, and what is deleted is given back.
func (w *work) mountVolume() error {
	file := w.Path(volumeFile)
	if _, err := os.Stat(file); err != nil {
		if err := makeVolume(file, int64(w.order.BuildSize)<<30); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(w.volume(), 0o700); err != nil {
		return err
	}
	said, err := exec.Command("mount", "-o", "loop,noinit_itable,discard", file, w.volume()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount the job's volume: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return nil
}

func makeVolume(file string, size int64) error {
	fresh := file + ".new"
	err := os.WriteFile(fresh, nil, 0o600)
	if err == nil {
		err = os.Truncate(fresh, size)
	}
	if err != nil {
		return fmt.Errorf("make the job's volume: %w", err)
	}
	said, err := exec.Command("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", fresh).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make the job's volume: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return os.Rename(fresh, file)
}

// Clean removes all but the records and logs. It may be repeated.
func Clean(d job.Dir) error {
	for _, name := range []string{volumeFile, volumeFile + ".new", "volume", settingsFile, shellFile, "waits.json"} {
		if err := os.RemoveAll(d.Path(name)); err != nil {
			return fmt.Errorf("clean job directory: %w", err)
		}
	}
	return nil
}

// leastFree is how much of the host's disk has to be free for a failure to
// have another reason than that.
const leastFree = 16 << 20

// tell says why a step failed, and which disk is full if one is.
func (w *work) tell(step, output string) string {
	reason := ending(output)
	if own, err := job.Read[why](w.Dir, whyFile); err == nil && own.Step == step {
		reason = own.Why
	}
	var host unix.Statfs_t
	if err := unix.Statfs(string(w.Dir), &host); err == nil && int64(host.Bavail)*host.Bsize < leastFree {
		return fmt.Sprintf("the disk of %s is full: %s", w.Dir, reason)
	}
	if strings.Contains(strings.ToLower(reason), "no space left on device") {
		return fmt.Sprintf("the image needs more room than the job was granted, %d GiB (build_env_size): %s", w.order.BuildSize, reason)
	}
	return reason
}

// ending is the last lines of what a program said.
func ending(output string) string {
	const most, longest = 6, 1000
	lines := strings.Split(job.Clean(output), "\n")
	text := strings.Join(lines[max(0, len(lines)-most):], "\n")
	return text[max(0, len(text)-longest):]
}
