package local

import (
	"path/filepath"
	"sync"
)

// followers are those who read the logs of jobs while they grow. The
// directories of logs are watched only for them.
type followers struct {
	mu  sync.Mutex
	job map[string]map[chan struct{}]bool
}

// Follow returns a channel that receives after the job's records or logs
// changed, until stop is called. Hints only, and none without the kernel's
// watches: whoever follows looks now and then as well.
func (e *Executor) Follow(id string) (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	e.followers.mu.Lock()
	if e.followers.job[id] == nil {
		e.followers.job[id] = map[chan struct{}]bool{}
	}
	e.followers.job[id][c] = true
	e.followers.mu.Unlock()
	e.noticeLogs(id)
	return c, func() { e.leave(id, c) }
}

func (e *Executor) leave(id string, c chan struct{}) {
	e.followers.mu.Lock()
	defer e.followers.mu.Unlock()
	delete(e.followers.job[id], c)
	if len(e.followers.job[id]) == 0 {
		delete(e.followers.job, id)
		if e.notices != nil {
			e.notices.Remove(e.logs(id)) //nolint:errcheck // it may be gone, or never was
		}
	}
}

// wake tells the job's followers.
func (e *Executor) wake(id string) {
	e.followers.mu.Lock()
	defer e.followers.mu.Unlock()
	for c := range e.followers.job[id] {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// noticeLogs has the growth of the job's logs told, if anybody follows them and
// they are there.
func (e *Executor) noticeLogs(id string) {
	e.followers.mu.Lock()
	defer e.followers.mu.Unlock()
	if e.notices != nil && len(e.followers.job[id]) > 0 {
		e.notices.Add(e.logs(id)) //nolint:errcheck // not there yet: it is tried again when the job starts
	}
}

func (e *Executor) logs(id string) string { return e.dir(id).Path("log") }

// ofLogs is the job to whose logs the file belongs.
func ofLogs(path string) (id string, ok bool) {
	logs := filepath.Dir(path)
	return filepath.Base(filepath.Dir(logs)), filepath.Base(logs) == "log"
}
