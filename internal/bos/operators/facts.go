package operators

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
)

// pass is one look at a number of components.
type pass struct {
	options bos.Options
	now     time.Time
	facts   func(c *bos.Component) machine.Facts
	call    string
	results map[string]machine.Result
	heard   map[string]*machine.Outcome
}

func (p *pass) next(c bos.Component) machine.Result {
	f := p.facts(&c)
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

// facts are what the machine is told of the nodes. A service that does not
// answer is a fact too.
func (s *status) facts(ctx context.Context, ids []string) func(*bos.Component) machine.Facts {
	power, powerErr := s.power.get(ctx, ids)
	config, configErr := s.config.get(ctx, ids)
	return func(c *bos.Component) machine.Facts {
		f := machine.Facts{Outcome: s.outcomes.of(c), Power: powerFact(power[c.ID], powerErr)}
		f.Config.Silent = configErr != nil
		if configErr != nil {
			f.Config.Why = configErr.Error()
		} else if told := config[c.ID]; told != nil {
			f.Config.Known = &told.value
		}
		return f
	}
}

func powerFact(s *seen[bos.PowerStatus], err error) machine.Power {
	switch {
	case err != nil:
		return machine.Power{State: machine.PowerSilent, Why: err.Error()}
	case s == nil:
		return machine.Power{State: machine.PowerUnlisted}
	}
	p := machine.Power{State: machine.PowerUndefined, Why: s.value.Error, At: s.at}
	switch {
	case s.value.Error != "":
	case s.value.State == "on":
		p.State = machine.PowerOn
	case s.value.State == "off":
		p.State = machine.PowerOff
	default:
		p.Why = "its power state is " + s.value.State
	}
	return p
}
