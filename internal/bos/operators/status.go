package operators

import (
	"context"
	"slices"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/store"
)

// status is the operator that decides. It moves each enabled component along
// as machine.Next says; what it decided is written before the others carry it
// out.
type status struct {
	loop       *events.Loop
	components components
	power      *view[bos.PowerStatus]
	config     *view[bos.Configuration]
	outcomes   *outcomes
	driven     driven
	effects    map[machine.Effect]effector
	names      *callNames
	now        clock
}

// driven tells which of the nodes have a power call under way.
type driven interface {
	drives(nodes []string) []string
}

func (s *status) spec() Spec {
	return Spec{Name: "status", Inputs: []string{bos.ComponentsTable}, Resync: bos.Options.Polling,
		Outputs: []string{"components: phase, override, last action, attempts, errors, the power call; enabled to false", "actual state, emptied before a power-on"}}
}

func (s *status) run(ctx context.Context, options bos.Options, w events.Wake) error {
	enabled := store.Query{Where: []store.Match{store.Is("enabled", "true")}}
	looked := w.Keys
	if w.All {
		looked = s.power.all()
		s.power.changed(looked)
		s.config.changed(s.config.all())
	} else {
		enabled.Keys = w.Keys
	}
	moving, err := s.components.Components(ctx, enabled)
	if err != nil {
		return err
	}
	if err := s.lookAway(ctx, options, looked, moving); err != nil {
		return err
	}
	for chunk := range slices.Chunk(moving, options.Batch()) {
		if err := s.decide(ctx, options, chunk); err != nil {
			return err
		}
	}
	return nil
}

// lookAway forgets what is known of those nodes that are no longer moving, and
// gives up the power calls of those that were disabled on their way.
func (s *status) lookAway(ctx context.Context, options bos.Options, looked []string, moving []bos.Component) error {
	still := make(map[string]bool, len(moving))
	for i := range moving {
		still[moving[i].ID] = true
	}
	gone := slices.DeleteFunc(slices.Clone(looked), func(id string) bool { return still[id] })
	s.power.forget(gone)
	s.config.forget(gone)
	s.outcomes.forget(gone)
	return s.abandon(ctx, options, s.driven.drives(gone))
}

func (s *status) abandon(ctx context.Context, options bos.Options, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var stopped []bos.Component
	_, _, err := s.components.Change(ctx, ids, func(c *bos.Component) error {
		if c.Enabled || !c.Engine.Call.Open() {
			return store.ErrUnchanged
		}
		r := machine.Next(*c, machine.Facts{}, options, s.now())
		*c = r.Component
		stopped = append(stopped, *c)
		return nil
	})
	if err == nil && len(stopped) > 0 {
		s.effects[machine.Abandon].hand(ctx, options, stopped)
	}
	return err
}

// decide asks the machine about each component, writes what it says, and then
// has the effects carried out.
func (s *status) decide(ctx context.Context, options bos.Options, chunk []bos.Component) error {
	ids := make([]string, len(chunk))
	for i := range chunk {
		ids[i] = chunk[i].ID
	}
	p := &pass{options: options, now: s.now(), facts: s.facts(ctx, ids), call: s.names.next(), results: make(map[string]machine.Result, len(chunk))}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var moved []string
	for i := range chunk {
		if p.next(chunk[i]).Component != chunk[i] {
			moved = append(moved, chunk[i].ID)
		}
	}
	_, gone, err := s.components.Change(ctx, moved, func(c *bos.Component) error {
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
	s.follow(ctx, p)
	return nil
}

// follow does what follows from a pass, now that it is written.
func (s *status) follow(ctx context.Context, p *pass) {
	effects := map[machine.Effect][]bos.Component{}
	var reread []string
	for id, r := range p.results {
		s.outcomes.recorded(id, p.heard[id])
		if r.Reread || r.Effect != machine.Nothing && r.Effect != machine.Configure {
			reread = append(reread, id)
		}
		if r.Effect != machine.Nothing {
			effects[r.Effect] = append(effects[r.Effect], r.Component)
		}
		if !r.Look.Equal(p.now.Add(p.options.Polling())) { // the resync looks then anyway
			s.loop.At(id, r.Look)
		}
	}
	s.power.changed(reread)
	for effect, list := range effects {
		s.effects[effect].hand(ctx, p.options, list)
	}
}
