package boa

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/drover-hpc/drover/internal/bos/v1"
)

// The configuration statuses of CFS that matter.
const (
	configured = "configured"
	pending    = "pending"
)

// stage tells CFS what the nodes are to be configured with: at once for the
// operation configure, else when they are up and enable themselves.
func (b *bootSet) stage(ctx context.Context) error {
	const phase = v1.PhaseConfigure
	now := b.agent.Order.Operation == v1.Configure
	if b.configuration == "" {
		if now {
			return b.failAll(ctx, phase, "the session template names no configuration, or has enable_cfs false")
		}
		return nil
	}
	if err := b.agent.Configurations.Stage(ctx, b.nodes, b.configuration, b.agent.Order.Session, now); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.failAll(ctx, b.phases[0], fmt.Sprintf("set the configuration in CFS: %v", err))
	}
	return b.start(ctx, phase)
}

// awaitConfiguration waits until CFS is done with each node.
func (b *bootSet) awaitConfiguration(ctx context.Context) error {
	const phase = v1.PhaseConfigure
	if b.configuration == "" {
		return nil
	}
	waiting := slices.Clone(b.nodes)
	_, err := b.agent.until(ctx, b.agent.Waits.Configure, func() (bool, error) {
		states, err := b.agent.Configurations.Status(ctx, waiting)
		if err != nil {
			b.agent.say("boot set %s: ask CFS: %v", b.set.Name, err)
			return false, ctx.Err()
		}
		var good []string
		bad := map[string]string{}
		waiting = slices.DeleteFunc(waiting, func(n string) bool {
			switch state, is := states[n]; {
			case state == pending:
				return false
			case state == configured:
				good = append(good, n)
			case !is:
				bad[n] = "CFS does not know the node"
			default:
				bad[n] = "CFS says that the node's configuration is " + state
			}
			return true
		})
		return len(waiting) == 0, cmp.Or(b.succeed(ctx, phase, good), b.fail(ctx, phase, bad))
	})
	if err != nil {
		return err
	}
	late := each(waiting, fmt.Sprintf("the node is not configured after %v: CFS says pending", b.agent.Waits.Configure))
	if err := b.fail(ctx, phase, late); err != nil {
		return err
	}
	return b.done(ctx, phase)
}
