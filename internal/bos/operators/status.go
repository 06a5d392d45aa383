package operators

import (
	"context"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// The status operator selects enabled components and moves each along as
// machine.Next says. It alone decides; what it decided is written before the
// others carry it out.
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
	o.outcomes.forget(gone)
}

// decide asks the machine about each component, writes what it says, and then
// has the effects carried out.
func (o *Operators) decide(ctx context.Context, options bos.Options, chunk []bos.Component) error {
	ids := make([]string, len(chunk))
	for i := range chunk {
		ids[i] = chunk[i].ID
	}
	p := &pass{o: o, options: options, now: o.Now(), facts: o.facts(ctx, ids), call: o.newCall(), results: make(map[string]machine.Result, len(chunk))}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var moved []string
	for i := range chunk {
		if p.next(chunk[i]).Component != chunk[i] {
			moved = append(moved, chunk[i].ID)
		}
	}
	_, gone, err := o.Service.Change(ctx, moved, func(c *bos.Component) error {
		r := p.next(*c)
		if r.Component == *c {
			return store.ErrUnchanged
		}
		*c = r.Component
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		delete(p.results, id)
	}
	p.finish(ctx)
	return nil
}

// pass is one look at a number of components.
type pass struct {
	o       *Operators
	options bos.Options
	now     time.Time
	facts   func(id string) machine.Facts
	call    string
	results map[string]machine.Result
	heard   map[string]*machine.Outcome
}

func (p *pass) next(c bos.Component) machine.Result {
	f := p.facts(c.ID)
	f.CallID = p.call
	r := machine.Next(c, f, p.options, p.now)
	p.results[c.ID] = r
	if f.Outcome != nil {
		if p.heard == nil {
			p.heard = map[string]*machine.Outcome{}
		}
		p.heard[c.ID] = f.Outcome
	}
	return r
}

// finish does what follows from the results, now that they are written.
func (p *pass) finish(ctx context.Context) {
	o := p.o
	effects := map[machine.Effect][]bos.Component{}
	var reread []string
	for id, r := range p.results {
		o.outcomes.recorded(id, p.heard[id])
		if r.Reread || r.Effect != machine.Nothing && r.Effect != machine.Configure {
			reread = append(reread, id)
		}
		if r.Effect != machine.Nothing {
			effects[r.Effect] = append(effects[r.Effect], r.Component)
		}
		if !r.Look.Equal(p.now.Add(p.options.Polling())) { // the resync looks then anyway
			o.status.at(id, r.Look)
		}
	}
	o.sight.power.changed(reread)
	for effect, list := range effects {
		if effect == machine.Configure {
			o.configure(ctx, p.options, list)
		} else {
			o.actions[effect].hand(ctx, p.options, list)
		}
	}
}
