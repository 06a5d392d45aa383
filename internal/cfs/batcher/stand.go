package batcher

import (
	"context"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
)

// Stand is where a component stands with the batcher.
type Stand struct {
	Session string       `json:"session,omitempty" doc:"The batcher's session that the component is in"`
	Waiting *cfs.Waiting `json:"waiting,omitempty" doc:"Why no session configures the component now; absent if one does, or if there is nothing to do"`
}

// Stand tells where the component stands, by the rule that the batcher decides
// by.
func (b *Batcher) Stand(ctx context.Context, id string) (Stand, error) {
	found, err := b.cfg.CFS.Assess(ctx, []string{id}, false)
	if err != nil {
		return Stand{}, err
	}
	if len(found) == 0 {
		return Stand{}, fault.Titled(fault.NotFound, "Component not found.", "component '%s' does not exist", id)
	}
	options, err := b.cfg.CFS.Options(ctx)
	if err != nil {
		return Stand{}, err
	}
	room, err := b.room(ctx)
	if err != nil {
		return Stand{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.look(&found[0], options)
	l.room = room
	if l.session != "" {
		progress, err := b.cfg.CFS.Progress(ctx, []string{l.session})
		if err != nil {
			return Stand{}, err
		}
		l.run = progress[l.session]
		if l.behind, err = b.cfg.CFS.Behind(ctx, l.session); err != nil {
			return Stand{}, err
		}
	}
	return Stand{Session: l.session, Waiting: decide(l, b.cfg.Quiet).wait}, nil
}

// look gathers what the batcher remembers of the component.
func (b *Batcher) look(a *cfs.Assessment, options cfs.Options) *look {
	return &look{component: a, options: options, now: b.cfg.Now(), session: b.assigned[a.ID],
		backoff: b.backoffs[a.DesiredConfig], refused: b.refused[a.DesiredConfig], batch: b.openOf[a.ID]}
}

func (b *Batcher) room(ctx context.Context) (room, error) {
	active, err := b.cfg.CFS.BusySessions(ctx)
	return room{active: active, max: b.cfg.MaxJobs, held: b.cfg.Held}, err
}
