package pod

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/drover-hpc/drover/internal/job"
)

func lockFile(d job.Dir, step string) string { return d.Path("." + step + ".lock") }

// hold takes the step's lock. The file appears locked.
func hold(d job.Dir, step string) (release func(), err error) {
	f, err := os.CreateTemp(string(d), ".lock-")
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	if err == nil {
		err = os.Rename(f.Name(), lockFile(d, step))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// errNeverBegan is of a step whose container ended before it could take its lock.
var errNeverBegan = errors.New("it did not begin")

// await returns when the step has begun and its container has ended. A step that
// has not begun within the limit never will: its container was started before
// this one.
func await(ctx context.Context, d job.Dir, step string, limit time.Duration) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	changes, err := fsnotify.NewWatcher()
	if err == nil {
		defer changes.Close()
		err = changes.Add(string(d))
	}
	if err != nil {
		return fmt.Errorf("wait for step %s: %w", step, err)
	}
	for {
		f, err := os.Open(lockFile(d, step))
		if err == nil {
			defer f.Close()
			return await1(ctx, f, step)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("wait for step %s: %w", step, err)
		}
		select {
		case <-changes.Events:
		case err := <-changes.Errors:
			return fmt.Errorf("wait for step %s: %w", step, err)
		case <-late.C:
			return fmt.Errorf("wait for step %s: %w within %v", step, errNeverBegan, limit)
		case <-ctx.Done():
			return fmt.Errorf("wait for step %s: %w", step, ctx.Err())
		}
	}
}

// await1 returns when nobody holds the lock. With ctx the process is about to
// end, and what still waits with it.
func await1(ctx context.Context, f *os.File, step string) error {
	free := make(chan error, 1)
	go func() {
		for {
			err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
			if err != syscall.EINTR {
				free <- err
				return
			}
		}
	}()
	select {
	case err := <-free:
		if err != nil {
			return fmt.Errorf("wait for step %s: %w", step, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for step %s: %w", step, ctx.Err())
	}
}
