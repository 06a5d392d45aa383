package batcher

import (
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/journal"
)

// outcome is how a batch ended; waiting is that it did not.
type outcome int

const (
	waiting outcome = iota
	succeeded
	unproven // the session counts as successful, but its job did not succeed
	failed   // the session ended without success
	gone     // somebody deleted the session
	overdue  // the session does not start though there is room
)

// judge tells how the batch ended from its session's status; exists is false
// if there is no such session. stuck says that a pending session has waited
// long enough.
func judge(run cfs.Progress, exists, stuck bool) outcome {
	switch {
	case !exists:
		return gone
	case run.Succeeded == cfs.SucceededFalse, run.Succeeded == cfs.SucceededUnknown:
		return failed
	case run.Status == cfs.StageComplete && run.Phase == job.Succeeded:
		return succeeded
	case run.Status == cfs.StageComplete:
		return unproven
	case run.Status == cfs.StagePending && stuck:
		return overdue
	}
	return waiting
}

// settle returns what is to be written for members that are still pending
// after their session, although nothing changed for them since it was made:
//
//   - it succeeded: Ansible had nothing to do there, so the layers are skipped.
//     A node whose state was cleared meanwhile (it booted) is not among them.
//   - it is unproven: nobody knows that a playbook ran and passed the node by, so
//     the first layer counts as failed.
//   - it failed before any node did: the first layer counts as failed on each,
//     so that a broken repository does not make sessions for ever.
func settle(b *Batch, how outcome, now []cfs.Assessment) []cfs.ComponentPatch {
	if how != succeeded && how != unproven && how != failed {
		return nil
	}
	fresh := slices.ContainsFunc(now, func(a cfs.Assessment) bool {
		n := len(a.State)
		return n > 0 && a.State[n-1].Status == cfs.LayerFailed && a.State[n-1].SessionName == b.Session
	})
	if how == failed && fresh {
		return nil
	}
	var out []cfs.ComponentPatch
	for _, a := range now {
		i := slices.IndexFunc(b.Members, func(m Member) bool { return m.ID == a.ID })
		if i < 0 || a.Status != cfs.Pending || a.Generation != b.Members[i].Generation ||
			!slices.Equal(layerIDs(a.Layers), b.Members[i].Layers) {
			continue
		}
		out = append(out, settleOne(b.Session, how, &a)...)
	}
	return out
}

func settleOne(session string, how outcome, a *cfs.Assessment) []cfs.ComponentPatch {
	status := cfs.LayerFailed
	if how == succeeded {
		status = cfs.LayerSkipped
	}
	var out []cfs.ComponentPatch
	for i, s := range a.Statuses {
		if s != cfs.Pending {
			continue
		}
		l := a.Layers[i]
		out = append(out, cfs.ComponentPatch{ID: a.ID, StateAppend: &cfs.AppendInput{CloneURL: l.CloneURL, Playbook: l.Playbook,
			Commit: l.Commit, Status: string(status), SessionName: session}})
		if how != succeeded {
			break
		}
	}
	return out
}

// missed are the journal's words on the members without a report of a session
// that counts as successful.
func missed(b *Batch, how outcome, patches []cfs.ComponentPatch) (out []journal.Entry) {
	if how != unproven {
		return nil
	}
	for _, p := range patches {
		out = append(out, journal.Entry{Node: p.ID, Source: "cfs", Kind: "configuration", Session: b.Session, Failed: true,
			Text: "session '" + b.Session + "' ended without a report of this component"})
	}
	return out
}

// note counts a batch's end for its configuration, as it was when the batch was
// sent: other layers begin anew.
func (b *Batcher) note(batch *Batch, how outcome, now time.Time, limit time.Duration) {
	if len(batch.Members) == 0 {
		return
	}
	layers := batch.Members[0].Layers
	at := b.backoffs[batch.Config]
	if how == succeeded {
		delete(b.backoffs, batch.Config) // twenty more may fail now, as at the start
		return
	}
	if at == nil || !slices.Equal(at.layers, layers) {
		at = &backoff{layers: layers}
		b.backoffs[batch.Config] = at
	}
	at.fail(now, limit)
	if wait := at.until.Sub(now); wait > 0 {
		b.loop.At(batch.Config, time.Now().Add(wait))
	}
}

// backoff keeps those who failed with one configuration out of further sessions
// after twenty failures without a success between.
type backoff struct {
	layers   []layerID // that failed
	failures int
	pause    time.Duration
	until    time.Time
}

const (
	// patience is how many failures lead to a back-off, firstPause how long
	// that takes at first.
	patience   = 20
	firstPause = time.Minute
)

// fail records a failure.
func (b *backoff) fail(now time.Time, limit time.Duration) {
	b.failures++
	if b.failures < patience || now.Before(b.until) {
		return
	}
	b.pause = min(max(2*b.pause, firstPause), limit)
	b.until = now.Add(b.pause)
}
