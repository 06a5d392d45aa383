package operators

import (
	"context"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// The session-completion operator selects running sessions of which no node is
// enabled or staged any more, completes them and keeps their final status.
func (o *Operators) completionLoop() {
	o.loop("session completion", bos.Options.Polling, o.runCompletion, bos.ComponentsTable, bos.SessionsTable)
}

func (o *Operators) runCompletion(ctx context.Context, _ bos.Options, w events.Wake) error {
	// Keys of sessions have a slash; most hints are of components.
	if w.All || slices.ContainsFunc(w.Keys, func(k string) bool { return strings.Contains(k, "/") }) {
		running, err := o.Service.Sessions(ctx, "", bos.SessionFilter{Status: bos.SessionRunning})
		if err != nil {
			return err
		}
		o.running = running
	}
	for i := range o.running {
		s := &o.running[i]
		active, err := o.Service.Active(ctx, s)
		if err == nil && active == 0 {
			err = o.complete(ctx, s)
		}
		if err != nil && !fault.Is(err, fault.NotFound) { // it may have been deleted
			return err
		}
	}
	return nil
}

func (o *Operators) complete(ctx context.Context, s *bos.Session) error {
	return o.Service.DB.InTx(ctx, func(ctx context.Context) error {
		active, err := o.Service.Active(ctx, s) // a node may have been enabled meanwhile
		if err != nil || active > 0 {
			return err
		}
		now := o.Now()
		r, err := o.Service.ChangeSession(ctx, s.Name, s.Tenant, func(r *bos.Session) error {
			if r.Status.Status != bos.SessionRunning {
				return store.ErrUnchanged
			}
			r.Status.Status, r.Status.EndTime = bos.SessionComplete, now
			return nil
		})
		if err != nil || r.Status.Status != bos.SessionComplete {
			return err
		}
		_, err = o.Service.SaveStatus(ctx, s.Name, s.Tenant)
		return err
	})
}
