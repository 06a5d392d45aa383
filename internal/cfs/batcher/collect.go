package batcher

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
)

// collect puts the components with the ids (nil: all) that are pending into
// open batches, and takes those that no longer are out of them.
func (b *Batcher) collect(ctx context.Context, ids []string, options cfs.Options) error {
	pending, err := b.cfg.CFS.Assess(ctx, ids, true)
	if err != nil {
		return err
	}
	still := make(map[string]bool, len(pending))
	for i := range pending {
		still[pending[i].ID] = true
	}
	if ids == nil {
		for id := range b.openOf {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if !still[id] {
			b.leave(id)
		}
	}
	for i := range pending {
		b.join(pending[i], options)
	}
	b.open = slices.DeleteFunc(b.open, func(o *open) bool { return len(o.members) == 0 })
	return nil
}

// join puts the component into the batch of its group that has room, if it is
// to be in one.
func (b *Batcher) join(a cfs.Assessment, options cfs.Options) {
	if !decide(b.look(&a, options), b.cfg.Quiet).collect {
		b.leave(a.ID)
		return
	}
	g := groupOf(&a)
	if at := b.openOf[a.ID]; at != nil {
		if at.group == g {
			at.members[a.ID] = a
			return
		}
		b.leave(a.ID)
	}
	now := b.cfg.Now()
	i := slices.IndexFunc(b.open, func(o *open) bool { return o.group == g && len(o.members) < options.BatchSize })
	if i < 0 {
		i = len(b.open)
		b.open = append(b.open, &open{group: g, opened: now, members: map[string]cfs.Assessment{}})
	}
	b.open[i].members[a.ID], b.open[i].joined = a, now
	b.openOf[a.ID] = b.open[i]
}

func (b *Batcher) leave(id string) {
	if at := b.openOf[id]; at != nil {
		delete(at.members, id)
		delete(b.openOf, id)
	}
}

// send makes a session of each batch that is due, and has the loop look again
// when the next one is.
func (b *Batcher) send(ctx context.Context, options cfs.Options) error {
	if len(b.open) == 0 {
		return nil
	}
	now := b.cfg.Now()
	room, err := b.room(ctx)
	if err != nil {
		return err
	}
	var later []*open
	next := time.Duration(-1)
	for _, o := range b.open {
		due, _ := o.due(options.BatchSize, seconds(options.BatchWindow), b.cfg.Quiet, room)
		if wait := due.Sub(now); wait > 0 {
			later = append(later, o)
			if next < 0 || wait < next {
				next = wait
			}
			continue
		}
		if err := b.post(ctx, o, now, options); err != nil {
			b.open = slices.DeleteFunc(b.open, func(o *open) bool { return len(o.members) == 0 })
			return err
		}
		room.active++
	}
	b.open = later
	if next >= 0 {
		b.again(next)
	}
	return nil
}

// post stores the session and the batch together.
func (b *Batcher) post(ctx context.Context, o *open, now time.Time, options cfs.Options) error {
	request, batch := o.request("batcher-"+b.cfg.NewID(), now)
	err := b.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if _, err := b.cfg.CFS.CreateSession(ctx, request, cfs.CreateOptions{}); err != nil {
			return err
		}
		return b.batches.Put(ctx, batch)
	})
	for _, m := range batch.Members {
		delete(b.openOf, m.ID)
	}
	o.members = nil // whatever comes now, this batch is over
	delete(b.refused, o.group.config)
	if fault.Is(err, fault.Invalid) {
		b.refused[o.group.config] = err.Error()
		slog.Error("no session could be made for pending components; the next look at all will try again",
			"configuration", o.group.config, "components", len(batch.Members), "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	b.assign(batch)
	b.loop.At(batch.Session, time.Now().Add(seconds(options.BatcherPendingTimeout)))
	return nil
}

// again has the loop run after the wait.
func (b *Batcher) again(wait time.Duration) { b.loop.At("", time.Now().Add(wait)) }
