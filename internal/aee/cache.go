package aee

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// useLock is held, shared, by whoever makes checkouts from the cache.
const useLock = "use.lock"

// trimMirrors removes the mirrors that were not used for the longest time, so
// that at most max stay, and what killed clones left. A mirror stays as long as
// a checkout in one of the job directories below jobs borrows its objects. While
// another job makes checkouts nothing is removed: that job will trim.
func trimMirrors(dir, jobs string, max int) error {
	unlock, err := lock(filepath.Join(dir, useLock), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	mirrors, err := filepath.Glob(filepath.Join(dir, "*.git"))
	if err != nil {
		return fmt.Errorf("trim mirrors: %w", err)
	}
	remove, err := filepath.Glob(filepath.Join(dir, newMirror+"*"))
	if err != nil {
		return fmt.Errorf("trim mirrors: %w", err)
	}
	if len(mirrors) > max {
		borrowed := borrowedMirrors(jobs)
		slices.SortFunc(mirrors, func(a, b string) int { return lastUse(a).Compare(lastUse(b)) })
		for _, m := range mirrors[:len(mirrors)-max] {
			if !borrowed[filepath.Base(m)] {
				remove = append(remove, m, m+".lock")
			}
		}
	}
	var errs []error
	for _, path := range remove {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// borrowedMirrors are the names of those whose objects checkouts borrow, as
// git notes it.
func borrowedMirrors(jobs string) map[string]bool {
	borrowed := map[string]bool{}
	dirs, _ := filepath.Glob(filepath.Join(jobs, "*"))
	for _, dir := range dirs {
		work := string(Dir(dir).Work())
		for _, checkout := range []string{"layer*", "hosts"} {
			gitDir := filepath.Join(work, checkout, ".git")
			for range maxNesting + 1 { // its submodules', and theirs
				notes, _ := filepath.Glob(filepath.Join(gitDir, "objects/info/alternates"))
				for _, note := range notes {
					name, _ := filepath.Rel(work, note)
					text, _ := Dir(dir).ReadWorkFile(name)
					for line := range strings.Lines(string(text)) {
						borrowed[filepath.Base(filepath.Dir(strings.TrimSpace(line)))] = true // <mirror>/objects
					}
				}
				gitDir = filepath.Join(gitDir, "modules", "*")
			}
		}
	}
	return borrowed
}

// lastUse is when the mirror was last checked out from; the zero time if it is
// gone.
func lastUse(mirror string) time.Time {
	info, err := os.Stat(mirror)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// lock takes the file's lock as how says (syscall.LOCK_EX, ...).
func lock(path string, how int) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("lock mirrors: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock mirrors: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock mirrors %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
