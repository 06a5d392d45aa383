package operators

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
)

// pass is one look at a number of components.
type pass struct {
	options   bos.Options
	now       time.Time
	facts     func(c *bos.Component) machine.Facts
	given     *given
	unwritten *unwritten
	call      string
	results   map[string]machine.Result
	heard     map[string]*machine.Outcome
	// known are the nodes of which PCS and CFS said where they stand.
	known map[string]bool
}

// maxSteps bounds the steps taken at once; the longest way is two.
const maxSteps = 4

// next has the machine say where the component stands, and what it says next
// as long as it knows enough to go on at once: what lasts no time is not
// written by itself. step is told after each step but the last.
func (p *pass) next(c bos.Component, step func(bos.Component)) machine.Result {
	f := p.facts(&c)
	f.CallID = p.call
	p.given.note(&c)
	if since, waits := p.unwritten.since[c.ID]; waits { // as if it had been written then
		if then := machine.Next(c, f, p.options, since).Component; onlyAccepted(c, then) {
			c = then
		}
	}
	r := machine.Next(c, f, p.options, p.now)
	for n := 1; n < maxSteps && goesOn(&c, &r, p.now); n++ {
		step(r.Component)
		c = r.Component
		r = machine.Next(c, f, p.options, p.now)
	}
	p.results[c.ID] = r
	p.known[c.ID] = f.Config.Known != nil && (f.Power.State == machine.PowerOn || f.Power.State == machine.PowerOff)
	if f.Outcome != nil {
		if p.heard == nil {
			p.heard = map[string]*machine.Outcome{}
		}
		p.heard[c.ID] = f.Outcome
	}
	return r
}

// goesOn tells whether a step leads to another one with the facts at hand.
func goesOn(before *bos.Component, r *machine.Result, now time.Time) bool {
	return r.Effect == machine.Nothing && !r.Reread && r.Look.Equal(now) && r.Component != *before
}

// facts are what the machine is told of the nodes. A service that does not
// answer is a fact too.
func (s *status) facts(ctx context.Context, ids []string) func(*bos.Component) machine.Facts {
	power, powerErr := s.power.get(ctx, ids)
	config, configErr := s.config.get(ctx, ids)
	return func(c *bos.Component) machine.Facts {
		return machine.Facts{Outcome: s.outcomes.of(c), Power: powerFact(power[c.ID], powerErr), Config: configFact(config[c.ID], configErr)}
	}
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
		power, _ = s.power.get(ctx, moving) // what is not told is not followed
		config, _ = s.config.get(ctx, moving)
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
