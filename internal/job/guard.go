package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// serverLock is the file in the directory of jobs that a live server has
// locked. It is no job's name.
const serverLock = ".server"

// untilFile is the file in the directory of jobs that says to when they may go
// on; without it there is no such time. It is no job's name.
const untilFile = ".until"

// Limit has the jobs in the directory end at a time, unless a later one is told
// before; zero: there is none. A server that drives by a lease tells it again and
// again: jobs must not outlast the lease, whatever becomes of the server.
func Limit(jobs string, until time.Time) error {
	path := filepath.Join(jobs, untilFile)
	if until.IsZero() {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.WriteFile(path+".new", []byte(until.UTC().Format(time.RFC3339Nano)), 0o600); err != nil {
		return fmt.Errorf("tell jobs to when they may go on: %w", err)
	}
	return os.Rename(path+".new", path)
}

// overdue tells whether the time that Limit told has come.
func overdue(jobs string, now time.Time) bool {
	text, err := os.ReadFile(filepath.Join(jobs, untilFile))
	if err != nil {
		return false
	}
	until, err := time.Parse(time.RFC3339Nano, string(text))
	return err == nil && !now.Before(until)
}

// lookAfter is the period in which a supervisor looks after its directory and
// its server.
const lookAfter = time.Second

// Attend tells the supervisors of the jobs in the directory that a server is
// there, until the result is closed or this process dies, however it dies.
func Attend(jobs string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(jobs, serverLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("tell jobs of their server: %w", err)
	}
	// Shared: the next server may come before this one is quite gone.
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		f.Close()
		return nil, fmt.Errorf("tell jobs of their server: lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// attended reports whether a server is there for the jobs in the directory.
func attended(jobs string) bool {
	f, err := os.Open(filepath.Join(jobs, serverLock))
	if err != nil {
		return false
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock)
	return err == nil && lock.Type != unix.F_UNLCK
}

// errNoPlace is why a job ends whose time Limit has told.
var errNoPlace = errors.New("the job's server no longer leads, or has gone: another server on the database may have its place")

// guard looks after a job while it runs.
type guard struct {
	Plan
	outside string // as it was last known
}

// start returns a context that is done when the job has to end. release ends
// the guard and returns why the job had to end, nil if it had not.
func (g *guard) start(ctx context.Context) (guarded context.Context, release func() error) {
	guarded, end := context.WithCancelCause(ctx)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		why := g.watch(guarded, stop)
		end(why)
		ended <- why
	}()
	return guarded, sync.OnceValue(func() error {
		close(stop)
		return <-ended
	})
}

// watch returns why the job has to end: it has no directory, had no server for
// the timeout, or may go on no longer. It returns nil when stop closes or ctx is done.
func (g *guard) watch(ctx context.Context, stop <-chan struct{}) error {
	tick := time.NewTicker(min(lookAfter, g.Orphan/4))
	defer tick.Stop()
	for seen := time.Now(); ; {
		if g.Outside != nil {
			g.outside = cmp.Or(g.Outside(), g.outside)
		}
		switch jobs := g.Dir.jobs(); {
		case g.gone():
			return fmt.Errorf("the job's directory %s is gone", g.Dir)
		case overdue(jobs, time.Now()):
			return errNoPlace
		case attended(jobs):
			seen = time.Now()
		case time.Since(seen) >= g.Orphan:
			return fmt.Errorf("no server came for the jobs in %s for %v (job-orphan-timeout)", jobs, g.Orphan)
		}
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g *guard) gone() bool {
	_, err := os.Stat(string(g.Dir))
	return errors.Is(err, fs.ErrNotExist)
}

// sweep ends what the steps left running of a job that had to end.
func (g *guard) sweep(why error) error {
	if why == nil && !g.gone() {
		return nil
	}
	var err error
	if job := os.Getenv(Variable); job != "" {
		err = EndProcesses(job)
	}
	if g.gone() && g.outside != "" {
		err = errors.Join(err, os.RemoveAll(g.outside))
	}
	return err
}
