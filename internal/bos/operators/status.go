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

// status is the operator that decides. It moves each enabled component along
// as machine.Next says; what it decided is written before the others carry it
// out.
type status struct {
	loop       *events.Loop
	components components
	power      *view[bos.PowerStatus]
	config     *view[bos.Configuration]
	outcomes   *outcomes
	given      *given
	driven     driven
	effects    map[machine.Effect]effector
	names      *callNames
	options    func(context.Context) (bos.Options, error)
	now        clock
	// hinted: PCS and CFS tell of every change, so that nothing is looked at
	// again and again that stands as it should.
	hinted    bool
	unwritten *unwritten
	// again is when nodes are asked for again of which it is not known where
	// they stand.
	again map[string]time.Time
	looks []look    // the memory of passes
	large time.Time // when the last large one was
}

// The memory of large passes, of more than so many nodes, is kept as long as they
// come: with thousands of nodes on their way one follows the other.
const (
	keptLooks = 250
	keptFor   = 10 * time.Second
)

// hintedResync is the time between looks at everything where hints tell of
// each change: it repairs what nobody expects to be lost.
const hintedResync = 5 * time.Minute

// resync is the time between looks at everything: the published polling where
// another service gives no hints.
func resync(hinted bool) func(bos.Options) time.Duration {
	if !hinted {
		return bos.Options.Polling
	}
	return func(options bos.Options) time.Duration { return max(options.Polling(), hintedResync) }
}

// driven tells which of the nodes have a power call under way.
type driven interface {
	drives(nodes []string) []string
}

func (s *status) spec() Spec {
	return Spec{Name: "status", Inputs: []string{bos.ComponentsTable, bos.OptionsTable}, Resync: resync(s.hinted),
		Outputs: []string{"components: phase, override, last action, attempts, errors, the power call; enabled to false; desired BSS token", "actual state, emptied before a power-on"}}
}

func (s *status) run(ctx context.Context, options bos.Options, w events.Wake) error {
	enabled := store.Query{Where: []store.Match{store.Is("enabled", "true")}}
	looked := w.Keys
	switch {
	case w.All:
		looked = s.power.all()
		s.power.changed(looked)
		s.config.changed(s.config.all())
	case !slices.Contains(w.Keys, bos.OptionsKey): // else waits may have another end
		enabled.Keys = w.Keys
	}
	moving, err := s.components.ShownComponents(ctx, enabled)
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
func (s *status) lookAway(ctx context.Context, options bos.Options, looked []string, moving []*bos.Component) error {
	still := make(map[string]bool, len(moving))
	for _, c := range moving {
		still[c.ID] = true
	}
	gone := slices.DeleteFunc(slices.Clone(looked), func(id string) bool { return still[id] })
	s.power.forget(gone)
	s.config.forget(gone)
	s.outcomes.forget(gone)
	s.given.forget(gone)
	for _, id := range gone {
		s.unwritten.forget(id)
		delete(s.again, id)
	}
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
func (s *status) decide(ctx context.Context, options bos.Options, chunk []*bos.Component) error {
	p := s.pass(ctx, options, chunk)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var moved []string
	for i, before := range chunk {
		r := p.next(*before, func(*bos.Component) {})
		switch {
		case r.Component == *before:
		case s.waits(before, r, p.now):
			p.looks[i].over = true
		default:
			moved = append(moved, before.ID)
		}
	}
	_, gone, err := s.components.ChangeBySteps(ctx, moved, func(c *bos.Component, step func()) error {
		stepped := false
		r := p.next(*c, func(to *bos.Component) {
			*c, stepped = *to, true
			step()
		})
		if !stepped && r.Component == *c {
			return store.ErrUnchanged
		}
		*c = r.Component
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		p.of[id].over = true
	}
	s.follow(ctx, p)
	switch {
	case len(s.looks) > keptLooks:
		s.large = p.now
	case cap(s.looks) > keptLooks && p.now.Sub(s.large) > keptFor:
		s.looks = nil
	}
	return nil
}

// waits tells whether the result is written with what comes next, and has the
// node looked at when it may wait no longer.
func (s *status) waits(before *bos.Component, r *machine.Result, now time.Time) bool {
	if r.Effect != machine.Nothing || r.Reread {
		return false
	}
	until := s.unwritten.wait(before, r.Component, now)
	if until.IsZero() {
		return false
	}
	if r.Look.Before(until) {
		until = r.Look
	}
	s.loop.At(before.ID, until)
	return true
}

// askAgain has the node looked at within a polling period, however often it is
// looked at meanwhile.
func (s *status) askAgain(id string, p *pass) {
	if p.now.Before(s.again[id]) {
		return
	}
	s.again[id] = p.now.Add(p.options.Polling())
	s.loop.At(id, s.again[id])
}

// follow does what follows from a pass, now that it is written.
func (s *status) follow(ctx context.Context, p *pass) {
	effects := p.effects()
	var reread, unknown []string
	for i := range p.looks {
		l := &p.looks[i]
		if l.over {
			continue
		}
		r := &l.result
		id := r.Component.ID
		s.outcomes.recorded(id, l.heard)
		s.given.recorded(&r.Component)
		s.unwritten.forget(id)
		if r.Reread || r.Effect != machine.Nothing && r.Effect != machine.Configure {
			reread = append(reread, id)
		}
		if r.Effect != machine.Nothing {
			effects[r.Effect] = append(effects[r.Effect], r.Component)
		}
		if s.hinted && !l.known && r.Component.Enabled { // that it is known again may not be hinted
			unknown = append(unknown, id)
			s.askAgain(id, p)
		} else {
			delete(s.again, id)
		}
		if !r.Look.Equal(p.now.Add(p.options.Polling())) { // the resync looks then, or a hint comes
			s.loop.At(id, r.Look)
		}
	}
	s.power.changed(append(reread, unknown...))
	s.config.changed(unknown)
	for effect, list := range effects {
		s.effects[effect].hand(ctx, p.options, list)
	}
}
