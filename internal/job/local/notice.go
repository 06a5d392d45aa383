package local

import (
	"errors"

	"github.com/fsnotify/fsnotify"

	"github.com/drover-hpc/drover/internal/job"
)

// notice has each change of a running job's records told at once. Without it,
// for want of the kernel's watches, whoever follows a job sees it at the next
// look.
func (e *Executor) notice() {
	notices, err := fsnotify.NewWatcher()
	if err != nil {
		e.cfg.Log.Warn("cannot watch the records of jobs; what they wait for is told late", "error", err)
		return
	}
	e.notices = notices
	e.watches.Go(func() {
		for {
			select {
			case <-e.closed:
				notices.Close()
				return
			case event := <-notices.Events:
				if id, ok := ofLogs(event.Name); ok {
					e.Followers.Wake(id)
				} else if job.Records(event.Name) {
					e.Tell(job.OfRecord(event.Name))
					e.dispatch() // a job that begins to wait leaves its room to others
				}
			case err := <-notices.Errors: // such as too many at once: the next look sees
				e.cfg.Log.Warn("changes of jobs were missed", "error", err)
			}
		}
	})
}

// noticeJob begins with the job's records, of which some may be there already.
func (e *Executor) noticeJob(id string) {
	e.noticeLogs(id)
	if e.notices == nil {
		return
	}
	d := e.dir(id)
	err := e.notices.Add(string(d))
	if work := d.Work(); work != d {
		err = errors.Join(err, e.notices.Add(string(work)))
	}
	if err != nil {
		e.cfg.Log.Warn("cannot watch the records of a job; what it waits for is told late", "job", id, "error", err)
		return
	}
	e.Tell(id)
}

// ignoreJob ends it; the directory may be gone, and its watch with it.
func (e *Executor) ignoreJob(id string) {
	if e.notices != nil {
		e.notices.Remove(string(e.dir(id)))        //nolint:errcheck // gone with the directory
		e.notices.Remove(string(e.dir(id).Work())) //nolint:errcheck // the same
	}
}
