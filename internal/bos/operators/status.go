package operators

import (
	"context"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// The status operator selects enabled components and moves each along as
// bos.Decide says. It is the only one that changes phases.
func (o *Operators) statusLoops() {
	o.status = o.loop("status", bos.Options.Polling, o.runStatus, bos.ComponentsTable)
	watch := func(name, table string, changed func([]string) []string, all func() []string) {
		if table == "" {
			return
		}
		o.loop(name, never, func(_ context.Context, _ bos.Options, w events.Wake) error {
			keys := w.Keys
			if w.All {
				keys = all()
			}
			o.status.now(changed(keys))
			return nil
		}, table)
	}
	watch("power", o.PowerTable, o.sight.power.changed, o.sight.power.all)
	watch("configurations", o.ConfigurationTable, o.sight.config.changed, o.sight.config.all)
}

func (o *Operators) runStatus(ctx context.Context, options bos.Options, w events.Wake) error {
	enabled := store.Query{Where: []store.Match{store.Is("enabled", "true")}}
	looked := w.Keys
	if w.All {
		looked = o.sight.power.all()
		o.sight.power.changed(looked)
		o.sight.config.changed(o.sight.config.all())
	} else {
		enabled.Keys = w.Keys
	}
	moving, err := o.Service.Components(ctx, enabled)
	if err != nil {
		return err
	}
	o.lookAway(looked, moving)
	for chunk := range slices.Chunk(moving, options.Batch()) {
		if err := o.decide(ctx, options, chunk); err != nil {
			return err
		}
	}
	return nil
}

// lookAway forgets what is known of those nodes that are no longer moving.
func (o *Operators) lookAway(looked []string, moving []bos.Component) {
	still := make(map[string]bool, len(moving))
	for i := range moving {
		still[moving[i].ID] = true
	}
	gone := slices.DeleteFunc(slices.Clone(looked), func(id string) bool { return still[id] })
	o.sight.power.forget(gone)
	o.sight.config.forget(gone)
}

func (o *Operators) decide(ctx context.Context, options bos.Options, chunk []bos.Component) error {
	ids := make([]string, len(chunk))
	for i := range chunk {
		ids[i] = chunk[i].ID
	}
	seen, err := o.sight.of(ctx, ids)
	if err != nil {
		return err
	}
	now := o.Now()
	var moved []string
	var still []bos.Component
	for i := range chunk {
		d := bos.Decide(chunk[i], seen[chunk[i].ID], options, now)
		o.status.at(chunk[i].ID, d.Until)
		if d.Component != chunk[i] {
			moved = append(moved, chunk[i].ID)
		} else {
			still = append(still, chunk[i])
		}
	}
	after, _, err := o.Service.Change(ctx, moved, func(c *bos.Component) error {
		d := bos.Decide(*c, seen[c.ID], options, now)
		o.status.at(c.ID, d.Until)
		if d.Component == *c {
			return store.ErrUnchanged
		}
		*c = d.Component
		return nil
	})
	o.route(append(still, after...), seen, options, now)
	return err
}

// route hands components to the operators whose turn it is. Every change of a
// component comes by here, so the others need not look at all changes.
func (o *Operators) route(list []bos.Component, seen map[string]bos.Observation, options bos.Options, now time.Time) {
	turn := map[*alarm][]string{}
	for i := range list {
		c := &list[i]
		if c.Enabled && c.Computed() == bos.StatusConfiguring {
			if cfs := seen[c.ID].Config; cfs != nil && c.NeedsConfiguring(*cfs) {
				turn[o.configuration] = append(turn[o.configuration], c.ID)
			}
			continue
		}
		for _, a := range o.actions {
			due, at := c.Wants(a.name, options, now)
			if due {
				turn[a.alarm] = append(turn[a.alarm], c.ID)
			}
			a.alarm.at(c.ID, at)
		}
	}
	for whose, ids := range turn {
		whose.now(ids)
	}
}
