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
		Step: step}
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

// tell says why a step failed, if a disk is full: which one.
func (w *work) tell(_, output string) string {
	var host unix.Statfs_t
	full := strings.Contains(output, "No space left on device") || strings.Contains(output, "no space left on device")
	if err := unix.Statfs(string(w.Dir), &host); err == nil && int64(host.Bavail)*host.Bsize < leastFree {
		return fmt.Sprintf("the disk of %s is full: %s", w.Dir, ending(output))
	}
	if full {
		return fmt.Sprintf("the image needs more room than the job was granted, %d GiB (build_env_size): %s", w.order.BuildSize, ending(output))
	}
	return ""
}

// ending is the last of what a step said.
func ending(output string) string {
	const most = 600
	if len(output) > most {
		output = output[len(output)-most:]
	}
	return job.Clean(output)
}
