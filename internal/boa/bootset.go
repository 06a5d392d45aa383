package boa

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
	"github.com/drover-hpc/drover/internal/xname"
)

// bootSet is a boot set under way.
type bootSet struct {
	agent         *Agent
	set           *bos.NamedBootSet
	configuration string   // empty: CFS is not in play
	phases        []string // of its status, in order
	artifacts     bootset.Artifacts

	nodes []string // that are still on their way
}

// run carries the boot set out. An error means that the status could not be
// told, or that the agent was told to end.
func (b *bootSet) run(ctx context.Context) error {
	if err := b.begin(ctx); err != nil || len(b.nodes) == 0 {
		return b.end(ctx, err)
	}
	for _, step := range b.steps() {
		if err := step(ctx); err != nil {
			return b.end(ctx, err)
		}
		if len(b.nodes) == 0 {
			break
		}
	}
	return b.end(ctx, nil)
}

func (b *bootSet) steps() []func(context.Context) error {
	switch b.agent.Order.Operation {
	case v1.Configure:
		return []func(context.Context) error{b.stage, b.awaitConfiguration}
	case v1.Boot:
		return []func(context.Context) error{b.leaveOn, b.readImage, b.stage, b.boot, b.awaitConfiguration}
	case v1.Reboot:
		return []func(context.Context) error{b.readImage, b.stage, b.shutDown, b.boot, b.awaitConfiguration}
	}
	return []func(context.Context) error{b.shutDown}
}

// begin finds the nodes and tells of them; those that others move are not this
// session's.
func (b *bootSet) begin(ctx context.Context) error {
	a := b.agent
	c, err := a.choose(ctx, &b.set.BootSet)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	status := v1.NewBootSetStatus(a.Order.Session, b.set.Name, b.phases, c.nodes)
	if err != nil { // nobody knows which nodes: those named one by one stand for all
		named := slices.DeleteFunc(bootset.Canonical(b.set.NodeList), func(n string) bool { return !xname.IsNode(n) })
		status = v1.NewBootSetStatus(a.Order.Session, b.set.Name, b.phases, named)
		for i := range status.Phases {
			status.Phases[i].Blame(err.Error(), named)
			status.Phases[i].Move(v1.Failed, named)
		}
		a.say("boot set %s: %v", b.set.Name, err)
	}
	for words, nodes := range c.left {
		status.Exclude(words, nodes)
	}
	if c.none != "" {
		status.Phases[0].Blame(c.none, nil)
	}
	status.Times.Start = a.stamp()
	kept, err := a.Status.CreateBootSet(ctx, status)
	if err != nil {
		return fmt.Errorf("tell of the boot set: %w", err)
	}
	b.nodes = slices.Clone(kept.Phases[0].Categories[v1.NotStarted])
	for words, nodes := range kept.Phases[0].Errors {
		if len(nodes) == 0 {
			a.say("boot set %s: %s", b.set.Name, words)
			continue
		}
		a.say("boot set %s: not %v: %s", b.set.Name, nodes, words)
	}
	a.say("boot set %s: %d nodes", b.set.Name, len(b.nodes))
	return nil
}

// end closes the boot set, unless nothing can be told any more.
func (b *bootSet) end(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return b.tell(ctx, v1.Update{Times: v1.Times{Stop: b.agent.stamp()}})
}

func (b *bootSet) tell(ctx context.Context, updates ...v1.Update) error {
	if err := b.agent.Status.UpdateBootSet(ctx, b.agent.Order.Session, b.set.Name, updates); err != nil {
		return fmt.Errorf("tell of the boot set: %w", err)
	}
	return nil
}

// start has all nodes of the phase under way.
func (b *bootSet) start(ctx context.Context, phase string) error {
	b.agent.say("boot set %s: %s begins: %d nodes", b.set.Name, phase, len(b.nodes))
	return b.tell(ctx, v1.Update{Phase: phase, Source: v1.NotStarted, Destination: v1.InProgress, Nodes: b.nodes, Times: v1.Times{Start: b.agent.stamp()}})
}

// done closes the phase.
func (b *bootSet) done(ctx context.Context, phase string) error {
	return b.tell(ctx, v1.Update{Phase: phase, Times: v1.Times{Stop: b.agent.stamp()}})
}

func (b *bootSet) succeed(ctx context.Context, phase string, nodes []string) error {
	if len(nodes) == 0 {
		return nil
	}
	b.agent.say("boot set %s: %s succeeded: %v", b.set.Name, phase, nodes)
	return b.tell(ctx, v1.Update{Phase: phase, Source: v1.InProgress, Destination: v1.Succeeded, Nodes: nodes})
}

// fail has the nodes failed in the phase, for the reason given for each, and
// excluded from what follows.
func (b *bootSet) fail(ctx context.Context, phase string, why map[string]string) error {
	if len(why) == 0 {
		return nil
	}
	updates := []v1.Update{b.put(phase, v1.InProgress, v1.Failed, why)}
	at := slices.Index(b.phases, phase)
	for _, later := range b.phases[at+1:] {
		missed := each(slices.Collect(maps.Keys(why)), "failed in phase "+phase)
		updates = append(updates, b.put(later, v1.NotStarted, v1.Excluded, missed))
	}
	return b.tell(ctx, updates...)
}

// failAll has all nodes failed that are on their way.
func (b *bootSet) failAll(ctx context.Context, phase, words string) error {
	return b.fail(ctx, phase, each(b.nodes, words))
}

// each gives all nodes the same words.
func each(nodes []string, words string) map[string]string {
	why := make(map[string]string, len(nodes))
	for _, n := range nodes {
		why[n] = words
	}
	return why
}

// leave has the nodes excluded from all phases.
func (b *bootSet) leave(ctx context.Context, why map[string]string) error {
	if len(why) == 0 {
		return nil
	}
	var updates []v1.Update
	for _, phase := range b.phases {
		updates = append(updates, b.put(phase, v1.NotStarted, v1.Excluded, why))
	}
	return b.tell(ctx, updates...)
}

// put moves nodes, with the words on each, off their way.
func (b *bootSet) put(phase, from, to string, why map[string]string) v1.Update {
	u := v1.Update{Phase: phase, Source: from, Destination: to, Errors: map[string][]string{}}
	for n, words := range why {
		u.Nodes = append(u.Nodes, n)
		u.Errors[words] = append(u.Errors[words], n)
	}
	slices.Sort(u.Nodes)
	for words, nodes := range u.Errors {
		slices.Sort(nodes)
		b.agent.say("boot set %s, %s: %s: %s: %v", b.set.Name, phase, to, words, nodes)
	}
	b.nodes = slices.DeleteFunc(b.nodes, func(n string) bool { _, is := why[n]; return is })
	return u
}

// readImage finds out what the nodes boot.
func (b *bootSet) readImage(ctx context.Context) error {
	a := b.agent
	img, err := bootset.LoadImage(ctx, &b.set.BootSet, a.Objects)
	if err == nil {
		b.artifacts, err = bootset.Compose(ctx, &b.set.BootSet, img, "bos_session_id="+a.Order.Session, a.Objects)
	}
	if err != nil && ctx.Err() == nil {
		return b.failAll(ctx, b.phases[0], err.Error())
	}
	return ctx.Err()
}
