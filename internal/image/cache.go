package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cache keeps folders under the hash of what went into them; those used last,
// a bounded number of each kind.
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
	now := time.Now()
	os.Chtimes(dir, now, now) //nolint:errcheck // then it goes sooner
	return dir, release, nil
}

// keptEntries is how many entries of a kind stay.
const keptEntries = 8

// trim removes the entries of the kind that were not used for the longest time,
// but none that is in use.
func (c cache) trim(kind string) error {
	locks, err := filepath.Glob(filepath.Join(c.dir, kind, "*.lock"))
	if err != nil {
		return err
	}
	type entry struct {
		dir  string
		used time.Time
	}
	var list []entry
	for _, l := range locks {
		dir := strings.TrimSuffix(l, ".lock")
		if info, err := os.Stat(dir); err == nil {
			list = append(list, entry{dir, info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return b.used.Compare(a.used) })
	for _, e := range list[min(keptEntries, len(list)):] {
		err = errors.Join(err, remove(e.dir))
	}
	return err
}

// remove deletes the entry unless a build holds it. Its lock file stays: one
// who waits for it must not wait for a file that nobody else can find.
func remove(dir string) error {
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	return os.RemoveAll(dir)
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
