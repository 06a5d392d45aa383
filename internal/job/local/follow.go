package local

import "path/filepath"

// Follow returns a channel that receives after the job's records or logs
// changed, until stop is called. Hints only, and none without the kernel's
// watches: whoever follows looks now and then as well. The directories of logs
// are watched only for those who follow.
func (e *Executor) Follow(id string) (changed <-chan struct{}, stop func()) {
	c := e.Followers.Join(id)
	e.noticeLogs(id)
	return c, func() {
		e.Followers.Leave(id, c, func() {
			if e.notices != nil {
				e.notices.Remove(e.logs(id)) //nolint:errcheck // it may be gone, or never was
			}
		})
	}
}

// noticeLogs has the growth of the job's logs told, if anybody follows them and
// they are there.
func (e *Executor) noticeLogs(id string) {
	e.Followers.If(id, func() {
		if e.notices != nil {
			e.notices.Add(e.logs(id)) //nolint:errcheck // not there yet: it is tried again when the job starts
		}
	})
}

func (e *Executor) logs(id string) string { return e.dir(id).Path("log") }

// ofLogs is the job to whose logs the file belongs.
func ofLogs(path string) (id string, ok bool) {
	logs := filepath.Dir(path)
	return filepath.Base(filepath.Dir(logs)), filepath.Base(logs) == "log"
}
