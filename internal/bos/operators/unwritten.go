package operators

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// acceptedWithin is how late it may stand in the record that a BMC has the
// request. A node that is up before that is written once for both.
const acceptedWithin = 5 * time.Second

// unwritten are the nodes of which no more is known than onlyAccepted, which waits
// to be written with what comes next. Times count from when it was known.
type unwritten struct {
	within time.Duration
	since  map[string]time.Time
}

// onlyAccepted tells whether all that is new is that the BMC has the request,
// and the token that BSS gave. Whoever restarts learns both again.
func onlyAccepted(before, after bos.Component) bool {
	was, is := before.Engine.Call, after.Engine.Call
	if is.ID != was.ID || is.State != was.State && is.State != bos.CallAccepted {
		return false
	}
	after.Engine.Call, after.Engine.Former = before.Engine.Call, before.Engine.Former
	after.LastAction.LastUpdated, after.EventStats, after.DesiredState.BSSToken = before.LastAction.LastUpdated, before.EventStats, before.DesiredState.BSSToken
	after.Engine.LaterSince, after.Engine.RefusedSince = before.Engine.LaterSince, before.Engine.RefusedSince
	return after == before
}

// wait tells until when the change waits; zero is not at all.
func (u *unwritten) wait(before *bos.Component, after bos.Component, now time.Time) (until time.Time) {
	if !onlyAccepted(*before, after) {
		return time.Time{}
	}
	since, waits := u.since[before.ID]
	if !waits {
		since = now
		u.since[before.ID] = now
	}
	if until = since.Add(u.within); !now.Before(until) {
		return time.Time{}
	}
	return until
}

func (u *unwritten) forget(id string) { delete(u.since, id) }
