package operators

import (
	"context"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
)

// pass is one look at a number of components.
type pass struct {
	*status
	options             bos.Options
	now                 time.Time
	call                string // the ID of a power call that is decided in it
	powerErr, configErr error  // a service that does not answer is a fact too
	looks               []look // in the order of the components
	of                  map[string]*look
}

// look is what is known of a component in a pass, and what was found.
type look struct {
	power  *seen[bos.PowerStatus]
	config *seen[bos.Configuration]
	result machine.Result
	heard  *machine.Outcome
	known  bool // PCS and CFS said where it stands
	over   bool // nothing follows from it: it waits, or the component has gone
}

// pass begins one. Only one is under way at a time: they share their memory.
func (s *status) pass(ctx context.Context, options bos.Options, chunk []*bos.Component) *pass {
	p := &pass{status: s, options: options, now: s.now(), call: s.names.next(), of: make(map[string]*look, len(chunk))}
	s.looks = slices.Grow(s.looks[:0], len(chunk))[:len(chunk)]
	p.looks = s.looks
	ids := make([]string, len(chunk))
	for i, c := range chunk {
		ids[i] = c.ID
	}
	var power []*seen[bos.PowerStatus]
	var config []*seen[bos.Configuration]
	power, p.powerErr = s.power.get(ctx, ids)
	config, p.configErr = s.config.get(ctx, ids)
	for i, id := range ids {
		p.looks[i] = look{power: power[i], config: config[i]}
		p.of[id] = &p.looks[i]
	}
	return p
}

// maxSteps bounds the steps taken at once; the longest way is two.
const maxSteps = 4

// next has the machine say where the component stands, and what it says next
// as long as it knows enough to go on at once: what lasts no time is not
// written by itself. step is told after each step but the last.
func (p *pass) next(c bos.Component, step func(*bos.Component)) *machine.Result {
	l := p.of[c.ID]
	f := machine.Facts{Outcome: p.outcomes.of(&c), Power: powerFact(l.power, p.powerErr), Config: configFact(l.config, p.configErr), CallID: p.call}
	p.given.note(&c)
	if since, waits := p.unwritten.since[c.ID]; waits { // as if it had been written then
		if then := machine.Next(c, f, p.options, since).Component; onlyAccepted(c, then) {
			c = then
		}
	}
	r := &l.result
	*r = machine.Next(c, f, p.options, p.now)
	for n := 1; n < maxSteps && goesOn(&c, r, p.now); n++ {
		step(&r.Component)
		c = r.Component
		*r = machine.Next(c, f, p.options, p.now)
	}
	l.known = f.Config.Known != nil && (f.Power.State == machine.PowerOn || f.Power.State == machine.PowerOff)
	l.heard = f.Outcome
	return r
}

// goesOn tells whether a step leads to another one with the facts at hand.
func goesOn(before *bos.Component, r *machine.Result, now time.Time) bool {
	return r.Effect == machine.Nothing && !r.Reread && r.Look.Equal(now) && r.Component != *before
}

// effects has an empty list for each effect that followed, with room for its components.
func (p *pass) effects() map[machine.Effect][]bos.Component {
	counts := map[machine.Effect]int{}
	for i := range p.looks {
		if l := &p.looks[i]; !l.over && l.result.Effect != machine.Nothing {
			counts[l.result.Effect]++
		}
	}
	effects := make(map[machine.Effect][]bos.Component, len(counts))
	for effect, n := range counts {
		effects[effect] = make([]bos.Component, 0, n)
	}
	return effects
}

// reported is for the reports of nodes that arrive: it takes the step that
// follows from one in the same write, if nothing is to be carried out for it.
// Else the next look does. Services elsewhere are not asked: they may take
// their time, and a node waits for the answer.
func (s *status) reported(ids []string) func(*bos.Component) {
	ctx := context.Background()
	power, config := s.power.fresh(ids), s.config.fresh(ids)
	if s.hinted {
		moving := s.power.tracked(ids)
		on, _ := s.power.get(ctx, moving) // what is not told is not followed
		told, _ := s.config.get(ctx, moving)
		for i, id := range moving {
			power[id], config[id] = on[i], told[i]
		}
	}
	options, err := s.options(ctx)
	now := s.now()
	return func(c *bos.Component) {
		on, told := power[c.ID], config[c.ID]
		if err != nil || !c.Enabled || on == nil || told == nil {
			return
		}
		next := *c
		s.given.note(&next)
		f := machine.Facts{Outcome: s.outcomes.of(c), Power: powerFact(on, nil), Config: configFact(told, nil)}
		if r := machine.Next(next, f, options, now); r.Effect == machine.Nothing && !r.Reread {
			*c = r.Component
		}
	}
}

func configFact(s *seen[bos.Configuration], err error) machine.Config {
	if s == nil {
		return machine.ConfigFact(nil, err)
	}
	return machine.ConfigFact(&s.value, err)
}

func powerFact(s *seen[bos.PowerStatus], err error) machine.Power {
	if s == nil {
		return machine.PowerFact(nil, time.Time{}, err)
	}
	return machine.PowerFact(&s.value, s.at, err)
}
