package boa

import (
	"context"
	"fmt"
	"slices"

	"github.com/drover-hpc/drover/internal/bos/v1"
)

// leaveOn lets nodes be that are on, as the operation boot does, and those of
// which nobody can tell.
func (b *bootSet) leaveOn(ctx context.Context) error {
	states, err := b.agent.Power.Status(ctx, b.nodes)
	if err != nil {
		return b.failAll(ctx, b.phases[0], fmt.Sprintf("whether the node is on is not known: %v", err))
	}
	on, undefined := map[string]string{}, map[string]string{}
	for _, n := range b.nodes {
		switch states[n] {
		case powerOn:
			on[n] = "the node is on, and boot leaves such nodes as they are: use reboot"
		case powerUndefined:
			undefined[n] = "CAPMC cannot tell whether the node is on"
		}
	}
	if err := b.leave(ctx, on); err != nil {
		return err
	}
	return b.fail(ctx, b.phases[0], undefined)
}

// boot powers the nodes on and waits until HSM says Ready of each.
func (b *bootSet) boot(ctx context.Context) error {
	const phase = v1.PhaseBoot
	if err := b.start(ctx, phase); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.notReady, b.setParameters, b.powerOn, b.awaitReady} {
		if len(b.nodes) == 0 {
			break
		}
		if err := part(ctx); err != nil {
			return err
		}
	}
	return b.done(ctx, phase)
}

// notReady waits until HSM no longer says Ready of nodes that are off: else
// what is left of the last boot would be taken for the end of this one.
func (b *bootSet) notReady(ctx context.Context) error {
	var ready []string
	_, err := b.agent.until(ctx, b.agent.Waits.NotReady, func() (bool, error) {
		states, err := b.states(ctx)
		if err != nil {
			return false, err
		}
		ready = slices.DeleteFunc(slices.Clone(b.nodes), func(n string) bool { return states[n] != stateReady })
		return len(ready) == 0, nil
	})
	if err != nil {
		return b.failAll(ctx, v1.PhaseBoot, err.Error())
	}
	why := map[string]string{}
	for _, n := range ready {
		why[n] = fmt.Sprintf("the node is off, but HSM says Ready of it, %v long: its boot could not be told from that", b.agent.Waits.NotReady)
	}
	return b.fail(ctx, v1.PhaseBoot, why)
}

// states are what HSM says of the nodes.
func (b *bootSet) states(ctx context.Context) (map[string]string, error) {
	found, err := b.agent.Inventory.Nodes(ctx, b.nodes)
	if err != nil {
		return nil, fmt.Errorf("ask HSM for the nodes' states: %w", err)
	}
	out := make(map[string]string, len(found))
	for _, n := range found {
		out[n.ID] = n.State
	}
	return out, nil
}

// setParameters tells BSS: first for the nodes that it knows, then for the
// others.
func (b *bootSet) setParameters(ctx context.Context) error {
	p := b.agent.Parameters
	known, err := p.Known(ctx, b.nodes)
	if err != nil {
		return b.failAll(ctx, v1.PhaseBoot, fmt.Sprintf("ask BSS: %v", err))
	}
	for _, is := range []bool{true, false} {
		part := slices.DeleteFunc(slices.Clone(b.nodes), func(n string) bool { return known[n] != is })
		if len(part) == 0 {
			continue
		}
		if err := p.Put(ctx, part, b.artifacts); err != nil {
			if err := b.fail(ctx, v1.PhaseBoot, each(part, fmt.Sprintf("set boot parameters in BSS: %v", err))); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// powerOn turns on those that are off. A node that came on meanwhile did not
// boot what it was to boot.
func (b *bootSet) powerOn(ctx context.Context) error {
	states, err := b.agent.Power.Status(ctx, b.nodes)
	if err != nil {
		return b.failAll(ctx, v1.PhaseBoot, fmt.Sprintf("whether the node is on is not known: %v", err))
	}
	why := map[string]string{}
	for _, n := range b.nodes {
		switch states[n] {
		case powerOn:
			why[n] = "the node came on before it was powered on: somebody else did"
		case powerUndefined:
			why[n] = "CAPMC cannot tell whether the node is on"
		}
	}
	if err := b.fail(ctx, v1.PhaseBoot, why); err != nil || len(b.nodes) == 0 {
		return err
	}
	refused, err := b.agent.Power.On(ctx, b.nodes, b.agent.reason())
	if err != nil {
		return b.failAll(ctx, v1.PhaseBoot, fmt.Sprintf("power on: %v", err))
	}
	return b.fail(ctx, v1.PhaseBoot, refused)
}

func (b *bootSet) awaitReady(ctx context.Context) error {
	waiting, last := slices.Clone(b.nodes), map[string]string{}
	_, err := b.agent.until(ctx, b.agent.Waits.Ready, func() (bool, error) {
		states, err := b.states(ctx)
		if err != nil {
			b.agent.say("boot set %s: %v", b.set.Name, err)
			return false, ctx.Err()
		}
		last = states
		var ready []string
		waiting = slices.DeleteFunc(waiting, func(n string) bool {
			is := states[n] == stateReady
			if is {
				ready = append(ready, n)
			}
			return is
		})
		return len(waiting) == 0, b.succeed(ctx, v1.PhaseBoot, ready)
	})
	if err != nil {
		return err
	}
	why := map[string]string{}
	for _, n := range waiting {
		state := last[n]
		if state == "" {
			state = "nothing"
		}
		why[n] = fmt.Sprintf("the node was powered on and is not Ready after %v: HSM says %s", b.agent.Waits.Ready, state)
	}
	return b.fail(ctx, v1.PhaseBoot, why)
}

// shutDown asks the nodes to go off, and cuts the power of those that do not.
func (b *bootSet) shutDown(ctx context.Context) error {
	const phase = v1.PhaseShutdown
	if err := b.start(ctx, phase); err != nil {
		return err
	}
	left := b.nodes
	for _, force := range []bool{false, true} {
		var err error
		if left, err = b.stillOn(ctx, left); err == nil && len(left) > 0 {
			left, err = b.switchOff(ctx, left, force)
		}
		if err != nil {
			return err
		}
	}
	why := each(left, fmt.Sprintf("the node is still on %v after its power was to be cut", b.agent.Waits.Forceful))
	if err := b.fail(ctx, phase, why); err != nil {
		return err
	}
	return b.done(ctx, phase)
}

// stillOn tells of the nodes that are off, and returns the others.
func (b *bootSet) stillOn(ctx context.Context, nodes []string) ([]string, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	states, err := b.agent.Power.Status(ctx, nodes)
	if err != nil {
		return nil, b.fail(ctx, v1.PhaseShutdown, each(nodes, fmt.Sprintf("whether the node is on is not known: %v", err)))
	}
	var off, left []string
	for _, n := range nodes {
		if states[n] == powerOff {
			off = append(off, n)
		} else {
			left = append(left, n)
		}
	}
	return left, b.succeed(ctx, v1.PhaseShutdown, off)
}

// switchOff returns the nodes that are still on after the wait.
func (b *bootSet) switchOff(ctx context.Context, nodes []string, force bool) ([]string, error) {
	refused, err := b.agent.Power.Off(ctx, nodes, force, b.agent.reason())
	if err != nil {
		refused = each(nodes, fmt.Sprintf("power off: %v", err))
	}
	if err := b.fail(ctx, v1.PhaseShutdown, refused); err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { _, is := refused[n]; return is })
	limit := b.agent.Waits.Graceful
	if force {
		limit = b.agent.Waits.Forceful
	}
	_, err = b.agent.until(ctx, limit, func() (bool, error) {
		left, err = b.stillOn(ctx, left)
		return len(left) == 0, err
	})
	return left, err
}
