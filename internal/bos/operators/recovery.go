package operators

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store"
)

// The recovery operator takes up the calls of a process that is no more: what
// PCS knows of is watched, what it does not was never asked for and is asked
// for now, as the same call. It runs until that has succeeded once.
func (o *Operators) recoveryLoop() {
	done := false
	o.loop("recovery", never, func(ctx context.Context, options bos.Options, _ events.Wake) error {
		if done {
			return nil
		}
		err := o.recover(ctx, options)
		done = err == nil
		return err
	})
}

// newCall names the calls of one pass; mine tells whether this process named
// the call.
func (o *Operators) newCall() string         { return o.process + "/" + o.NewID() }
func (o *Operators) mine(call bos.Call) bool { return strings.HasPrefix(call.ID, o.process+"/") }

func (o *Operators) recover(ctx context.Context, options bos.Options) error {
	moving, err := o.Service.Components(ctx, store.Query{Where: []store.Match{store.Is("enabled", "true"),
		{Column: "status", In: []string{bos.StatusPowerOnCalled, bos.StatusPowerOffGently, bos.StatusPowerOffHard}}}})
	if err != nil {
		return err
	}
	lost := map[bos.Action]map[string]bos.Component{}
	for _, c := range moving {
		if call := c.Engine.Call; call.Open() && !o.mine(call) {
			if lost[call.Action] == nil {
				lost[call.Action] = map[string]bos.Component{}
			}
			lost[call.Action][c.ID] = c
		}
	}
	for _, effect := range []machine.Effect{machine.CallPowerOn, machine.CallSoftOff, machine.CallForceOff} {
		a := o.actions[effect]
		found, err := o.find(ctx, a, lost[a.name])
		if err != nil {
			return err
		}
		var again []bos.Component
		for id, c := range lost[a.name] {
			if !found[id] && c.Engine.Call.State == bos.CallDecided {
				again = append(again, c)
			}
		}
		if len(again) > 0 {
			a.hand(ctx, options, again)
		}
	}
	return nil
}

// find watches PCS's transitions that carry out the calls and tells for which
// nodes there is one. A node's last transition is its call's.
func (o *Operators) find(ctx context.Context, a *powerAction, lost map[string]bos.Component) (map[string]bool, error) {
	found := map[string]bool{}
	if len(lost) == 0 {
		return found, nil
	}
	var oldest time.Time
	for _, c := range lost {
		if at := c.Engine.Call.At; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	ids, err := o.Power.Since(ctx, a.operation, oldest.Add(-clockSkew))
	if err != nil {
		return nil, fmt.Errorf("ask PCS for its transitions: %w", err)
	}
	for _, id := range ids {
		t, err := o.Power.Describe(ctx, id)
		if fault.Is(err, fault.NotFound) || httpapi.IsStatus(err, 404) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask PCS for transition %s: %w", id, err)
		}
		calls := map[string]string{}
		for _, task := range t.Tasks {
			if c, is := lost[task.Node]; is {
				calls[task.Node] = c.Engine.Call.ID
				found[task.Node] = true
			}
		}
		if len(calls) > 0 {
			o.watching.add(id, a, calls)
		}
	}
	return found, nil
}
