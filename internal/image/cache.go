package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// cache keeps folders under the hash of what went into them.
//
//	DIR/base/HASH     a complete entry
//	DIR/base/HASH~    one being made; what a killed build left is removed by the next
//	DIR/base/HASH.lock
type cache struct{ dir string }

// entry returns the folder of the key. One that does not exist, or shall be
// made anew, is made by fill, by one process at a time. The folder is not
// replaced before release is called.
func (c cache) entry(ctx context.Context, kind, key string, anew bool, fill func(dir string) error) (dir string, release func(), err error) {
	dir = filepath.Join(c.dir, kind, key)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", nil, fmt.Errorf("the cache of images: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, fmt.Errorf("the cache of images: %w", err)
	}
	release = func() { lock.Close() }
	if err := ensure(ctx, lock, dir, anew, fill); err != nil {
		release()
		return "", nil, err
	}
	return dir, release, nil
}

// ensure makes the entry under an exclusive lock and leaves it under a shared
// one.
func ensure(ctx context.Context, lock *os.File, dir string, anew bool, fill func(dir string) error) error {
	if err := flock(ctx, lock, unix.LOCK_SH); err != nil {
		return err
	}
	if exists(dir) && !anew {
		return nil
	}
	if err := flock(ctx, lock, unix.LOCK_EX); err != nil {
		return err
	}
	if !exists(dir) || anew { // another process may have been faster
		if err := replace(dir, fill); err != nil {
			return err
		}
	}
	return flock(ctx, lock, unix.LOCK_SH)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// replace fills a folder aside and puts it where dir is.
func replace(dir string, fill func(dir string) error) error {
	temp := dir + "~"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return err
	}
	if err := fill(temp); err != nil {
		os.RemoveAll(temp) //nolint:errcheck // the error of fill says more
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

// flock waits for the lock, or until ctx is done.
func flock(ctx context.Context, f *os.File, how int) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
