package operators

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// outcomes keeps what became of power calls until the machine has recorded it.
type outcomes struct {
	mu sync.Mutex
	by map[string]machine.Outcome // by node
}

// put keeps the outcome of each node's call. A newer one replaces an older one.
func (k *outcomes) put(found map[string]machine.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil {
		k.by = map[string]machine.Outcome{}
	}
	for node, o := range found {
		k.by[node] = o
	}
}

func (k *outcomes) get(node string) *machine.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o, is := k.by[node]; is {
		return &o
	}
	return nil
}

// recorded forgets the outcome, unless a newer one has come.
func (k *outcomes) recorded(node string, o *machine.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o != nil && k.by[node] == *o {
		delete(k.by, node)
	}
}

// answerTo sorts the failure of a call that was to have an effect on a node.
func answerTo(err error) bos.Answer {
	var status *httpapi.StatusError
	if errors.As(err, &status) {
		switch status.Status {
		case 408, 409, 423, 425, 429:
			return bos.AnswerLater
		}
	}
	if transient(err) {
		return bos.AnswerLater
	}
	return bos.AnswerRefused
}

// transient tells whether the same may succeed later.
func transient(err error) bool {
	var answer *httpapi.StatusError
	if errors.As(err, &answer) {
		return answer.Status >= 500 || answer.Status == 429
	}
	return fault.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded)
}

// facts are what the machine is told of the nodes. A service that does not
// answer is a fact too.
func (o *Operators) facts(ctx context.Context, ids []string) func(id string) machine.Facts {
	power, powerErr := o.sight.power.get(ctx, ids)
	config, configErr := o.sight.config.get(ctx, ids)
	return func(id string) machine.Facts {
		f := machine.Facts{Outcome: o.outcomes.get(id), Power: powerFact(power[id], powerErr)}
		f.Config.Silent = configErr != nil
		if configErr != nil {
			f.Config.Why = configErr.Error()
		} else if c := config[id]; c != nil {
			f.Config.Known = &c.value
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

// seen is what a service said, and when it was asked.
type seen[T any] struct {
	value T
	at    time.Time
}

func (k *outcomes) forget(nodes []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range nodes {
		delete(k.by, n)
	}
}
