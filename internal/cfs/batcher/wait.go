package batcher

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// look is what is known of a component when the batcher decides about it, and
// when somebody asks why nothing happens to it.
type look struct {
	component *cfs.Assessment
	options   cfs.Options
	now       time.Time
	// session is the one in flight that the component is a member of; "": none.
	// run is where it stands.
	session string
	run     cfs.Progress
	behind  *cfs.Waiting // what the session is not begun for, beside room
	backoff *backoff     // of its configuration; nil: none
	refused string       // why CFS last made no session of its configuration
	batch   *open        // that it is in
	room    room
}

// room is how many sessions are open and how many may run at a time.
type room struct {
	active, max int
	held        bool // none is started
}

func (r room) capacity() bool { return r.active < r.max }

// decision is what becomes of a component now.
type decision struct {
	// collect has it be in an open batch.
	collect bool
	// wait is why no session configures it now; nil: one does, or there is
	// nothing to do.
	wait *cfs.Waiting
}

func waits(until time.Time, format string, args ...any) decision {
	return decision{wait: &cfs.Waiting{Reason: fmt.Sprintf(format, args...), Until: until}}
}

// decide is the rule by which the batcher collects components, and the answer
// to whoever asks what a component waits for.
func decide(l *look, quiet time.Duration) decision {
	c := l.component
	switch {
	case l.session != "":
		return l.inSession()
	case c.Status != cfs.Pending:
		return l.notPending()
	case !c.Enabled:
		return waits(time.Time{}, "the component is disabled")
	case l.options.BatcherDisable:
		return waits(time.Time{}, "the batcher is disabled (option batcher_disable)")
	case l.backoff.holds(c, l.now):
		return waits(l.backoff.until, "%d sessions of configuration %s failed in a row", l.backoff.failures, c.DesiredConfig)
	}
	d := decision{collect: true, wait: &cfs.Waiting{Reason: "the batcher has not looked at it yet"}}
	if l.batch != nil {
		d.wait.Until, d.wait.Reason = l.batch.due(l.options.BatchSize, seconds(l.options.BatchWindow), quiet, l.room)
	}
	if l.refused != "" {
		d.wait.Reason = "no session could be made: " + l.refused
	}
	if l.room.held {
		d.wait.Reason += "; CFS starts no sessions (--cfs-hold-sessions)"
	}
	return d
}

// inSession: a component in flight is not collected before its session's end.
func (l *look) inSession() decision {
	switch {
	case l.run.Status != cfs.StagePending:
		return decision{}
	case l.room.held:
		return waits(time.Time{}, "session %s is not started: CFS starts none (--cfs-hold-sessions)", l.session)
	case l.behind != nil:
		return waits(l.behind.Until, "session %s is not begun: %s", l.session, l.behind.Reason)
	case l.room.active > l.room.max:
		return waits(time.Time{}, "session %s waits for its turn: %d sessions are open, %d run at a time", l.session, l.room.active, l.room.max)
	}
	return waits(time.Time{}, "session %s is about to start", l.session)
}

// notPending says why there is nothing to do, unless all is done or nothing is
// wanted.
func (l *look) notPending() decision {
	c := l.component
	switch {
	case c.DesiredConfig == "":
		return decision{}
	case c.Statuses == nil:
		return waits(time.Time{}, "configuration %s does not exist", c.DesiredConfig)
	case c.Status == cfs.Failed:
		return waits(time.Time{}, "it failed as often as it may: error_count %d, retry_policy %d", c.ErrorCount,
			c.RetryLimit(l.options.DefaultBatcherRetryPolicy))
	}
	i := slices.Index(c.Statuses, cfs.Unconfigured)
	if i < 0 {
		return decision{}
	}
	missing := "commit"
	if at := c.Layers[i]; at.CloneURL == "" {
		missing = "repository: source " + cmp.Or(at.Source, "none") + " is not known"
	}
	return waits(time.Time{}, "layer %d of configuration %s has no %s", i, c.DesiredConfig, missing)
}

// holds tells whether the back-off is the component's: it failed with the
// layers that led to it. Who failed nothing, or was changed since (which sets
// its error count to zero), has its try.
func (b *backoff) holds(a *cfs.Assessment, now time.Time) bool {
	return b != nil && a.ErrorCount > 0 && now.Before(b.until) && slices.Equal(b.layers, layerIDs(a.Layers))
}

// holdsAny tells whether there is a back-off now.
func (b *Batcher) holdsAny() bool {
	for _, at := range b.backoffs {
		if b.cfg.Now().Before(at.until) {
			return true
		}
	}
	return false
}
