package operators

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// completion is the operator that selects running sessions of which no node is
// enabled or staged any more, completes them and keeps their final status.
type completion struct {
	loop     *events.Loop
	sessions sessions
	now      clock
	log      *slog.Logger
	// running are the running sessions, as of the last change of any session.
	running []bos.Session
	// busy is for each of them, by tenant/name, a node that it still has to deal
	// with: until that one changes the session is not over.
	busy map[string]string
}

func (o *completion) spec() Spec {
	return Spec{Name: "session-completion", Inputs: []string{bos.ComponentsTable, bos.SessionsTable}, Resync: bos.Options.Polling,
		Outputs: []string{"sessions: from running to complete, final status", "components of a cancelled session, if that was interrupted: failed, enabled to false"}}
}

func (o *completion) run(ctx context.Context, _ bos.Options, w events.Wake) error {
	// Keys of sessions have a slash; most hints are of components.
	if w.All || slices.ContainsFunc(w.Keys, func(k string) bool { return strings.Contains(k, "/") }) {
		running, err := o.sessions.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionRunning})
		if err != nil {
			return err
		}
		o.running = running
	}
	busy := make(map[string]string, len(o.running))
	for i := range o.running {
		s := &o.running[i]
		key := s.Tenant + "/" + s.Name
		node := o.busy[key]
		if _, changed := slices.BinarySearch(w.Keys, node); node != "" && !changed && !w.All {
			busy[key] = node
			continue
		}
		node, err := o.sessions.BusyNode(ctx, s, node)
		if err == nil && node != "" && s.Cancelled() && w.All { // whoever cancelled it was interrupted
			err = o.sessions.StopNodes(ctx, s, nil)
		}
		if err == nil && node == "" {
			err = o.complete(ctx, s)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !fault.Is(err, fault.NotFound) { // it may have been deleted
			o.loop.Later(key, err)
		} else if node != "" {
			busy[key] = node
		}
	}
	o.busy = busy
	return nil
}

func (o *completion) complete(ctx context.Context, s *bos.Session) error {
	var is bos.ExtendedStatus
	err := o.sessions.InTx(ctx, func(ctx context.Context) error {
		is = bos.ExtendedStatus{}
		active, err := o.sessions.Active(ctx, s) // a node may have been enabled meanwhile
		if err != nil || active > 0 {
			return err
		}
		now := o.now()
		r, err := o.sessions.ChangeSession(ctx, s.Name, s.Tenant, func(r *bos.Session) error {
			if r.Status.Status != bos.SessionRunning {
				return store.ErrUnchanged
			}
			r.Status.Status, r.Status.EndTime = bos.SessionComplete, now
			return nil
		})
		if err != nil || r.Status.Status != bos.SessionComplete {
			return err
		}
		if is, err = o.sessions.SaveStatus(ctx, s.Name, s.Tenant); err != nil {
			return err
		}
		return o.sessions.NoteBoots(ctx, s)
	})
	if err == nil && is.Status == bos.SessionComplete {
		failed := 0
		for _, of := range is.ErrorSummary {
			failed += of.Count
		}
		o.log.Info("session is complete", "session", s.Name, "operation", s.Operation, "nodes", is.ManagedComponentsCount, "failed", failed,
			"took", o.now().Sub(s.Status.StartTime).Round(time.Second))
	}
	return err
}
