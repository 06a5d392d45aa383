package batcher

import (
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
)

// outcome is how a batch ended; waiting is that it did not.
type outcome int

const (
	waiting outcome = iota
	succeeded
	failed  // the session ended without success
	gone    // somebody deleted the session
	overdue // the session does not start though there is room
)

// judge tells how the batch ended from its session's status; exists is false
// if there is no such session. stuck says that a pending session has waited
// long enough.
func judge(run cfs.RunStatus, exists, stuck bool) outcome {
	switch {
	case !exists:
		return gone
	case run.Succeeded == cfs.SucceededFalse, run.Succeeded == cfs.SucceededUnknown:
		return failed
	case run.Status == cfs.StageComplete:
		return succeeded
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
//   - it failed before any node did: the first layer counts as failed on each,
//     so that a broken repository does not make sessions for ever.
func settle(b *Batch, how outcome, now []cfs.Assessment) []cfs.ComponentPatch {
	if how != succeeded && how != failed {
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
	status := cfs.LayerSkipped
	if how == failed {
		status = cfs.LayerFailed
	}
	var out []cfs.ComponentPatch
	for i, s := range a.Statuses {
		if s != cfs.Pending {
			continue
		}
		l := a.Layers[i]
		out = append(out, cfs.ComponentPatch{ID: a.ID, StateAppend: &cfs.AppendInput{CloneURL: l.CloneURL, Playbook: l.Playbook,
			Commit: l.Commit, Status: string(status), SessionName: session}})
		if how == failed {
			break
		}
	}
	return out
}

// backoff stops the sending of sessions while none of the last twenty
// succeeded.
type backoff struct {
	ring  [20]bool // true is a failure
	next  int
	pause time.Duration
	until time.Time
}

// firstPause is that of the first back-off.
const firstPause = time.Minute

// add records how a batch ended.
func (b *backoff) add(failure bool) {
	b.ring[b.next%len(b.ring)] = failure
	b.next++
}

// update is called after a look in which batches ended.
func (b *backoff) update(now time.Time, limit time.Duration) {
	if slices.Contains(b.ring[:], false) {
		b.pause, b.until = 0, time.Time{}
		return
	}
	if now.Before(b.until) {
		return
	}
	b.pause = min(max(2*b.pause, firstPause), limit)
	b.until = now.Add(b.pause)
}
