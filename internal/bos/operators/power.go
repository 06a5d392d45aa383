package operators

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/batch"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/store"
)

// caller is what the three power operators share.
type caller struct {
	components  components
	power       bos.Power
	audit       recorder
	guard       *guard
	transitions *transitions
	outcomes    *outcomes
	calls       *sync.WaitGroup
	now         clock
	log         *slog.Logger
}

// powerOperator makes the calls of one power action.
type powerOperator struct {
	caller
	name      string
	action    bos.Action
	operation string // as PCS calls it
	words     string // as people call it
	outputs   []string
	// overtakes are the operations whose transitions give way: PCS lets one at
	// a time drive a node.
	overtakes []string
	// prepare does what must be done before the call to PCS, and takes nodes
	// out of the batch for which it failed; nil is nothing.
	prepare func(ctx context.Context, b *powerCall)
	// wait is how long PCS may go on trying.
	wait func(bos.Options) time.Duration

	options atomic.Pointer[bos.Options] // as of the last hand
	nodes   batch.Pool[bos.Component]
}

// powerCall is a number of nodes for which the call is decided.
type powerCall struct {
	by      *powerOperator
	options bos.Options
	nodes   []bos.Component
}

// batchesPerAction bounds the batches of one action under way. What is decided
// meanwhile goes into one batch.
const batchesPerAction = 4

// newPowerOn is for nodes that are off and should run.
func newPowerOn(c caller, b *boot) *powerOperator {
	return (&powerOperator{caller: c, name: "power-on", action: bos.PoweringOn, operation: "On", words: "power on",
		outputs: []string{"BSS boot parameters", "CFS: held, desired configuration", "images tagged for SBPS", "BSS tokens, for status", "PCS On"},
		prepare: b.prepare, overtakes: []string{"On"}, wait: bos.Options.PowerOnWait}).ready()
}

// newSoftOff is for nodes that are on and should be off, or run something else.
func newSoftOff(c caller) *powerOperator {
	return (&powerOperator{caller: c, name: "power-off-graceful", action: bos.PoweringOffGently, operation: "Soft-Off", words: "power off gracefully",
		outputs: []string{"PCS Soft-Off"}, overtakes: []string{"Soft-Off"}, wait: bos.Options.PowerOffWait}).ready()
}

// newForceOff is for nodes that were asked to go off and did not, or cannot.
func newForceOff(c caller) *powerOperator {
	return (&powerOperator{caller: c, name: "power-off-forceful", action: bos.PoweringOffHard, operation: "Force-Off", words: "power off forcefully",
		outputs: []string{"PCS Force-Off"}, overtakes: []string{"Soft-Off", "Force-Off"}, wait: bos.Options.PowerOffWait}).ready()
}

func (p *powerOperator) spec() Spec {
	return Spec{Name: p.name, Else: "status decides it", Outputs: p.outputs}
}

func (p *powerOperator) ready() *powerOperator {
	p.nodes.Parallel, p.nodes.Go = batchesPerAction, p.calls.Go
	p.nodes.Max = func() int { return p.options.Load().Batch() }
	p.nodes.Do = func(ctx context.Context, nodes []bos.Component) {
		(&powerCall{by: p, options: *p.options.Load(), nodes: nodes}).carryOut(ctx)
	}
	return p
}

// hand has the calls of the components made, together with others that wait.
func (p *powerOperator) hand(ctx context.Context, options bos.Options, nodes []bos.Component) {
	p.options.Store(&options)
	p.nodes.Hand(ctx, nodes...)
}

// carryOut makes the calls. What fails becomes an outcome; an interruption does
// not, because nobody knows what has been reached.
func (b *powerCall) carryOut(ctx context.Context) {
	b.spare(ctx)
	if b.by.prepare != nil && len(b.nodes) > 0 {
		b.by.prepare(ctx, b)
	}
	b.overtake(ctx)
	b.dropGone(ctx)
	if len(b.nodes) == 0 || ctx.Err() != nil {
		return
	}
	if err := b.record(ctx, nil); err != nil {
		b.fail(ctx, b.ids(), bos.FromPower, "recording the call to "+b.by.words, err)
		return
	}
	minutes := max(1, int((b.by.wait(b.options)+time.Minute-1)/time.Minute))
	id, err := b.by.power.Transition(ctx, b.by.operation, b.ids(), minutes)
	if err != nil {
		b.record(ctx, err) //nolint:errcheck // that it was asked for is there already
		b.fail(ctx, b.ids(), bos.FromPower, "calling PCS to "+b.by.words, err)
		return
	}
	calls := make(map[string]string, len(b.nodes))
	for i := range b.nodes {
		calls[b.nodes[i].ID] = b.nodes[i].Engine.Call.ID
	}
	b.by.transitions.add(id, b.by, calls)
	b.by.log.Info("power calls are made", "action", b.by.words, "count", len(b.nodes), "nodes", fold(b.ids()), "transition", id)
	if gone := b.gone(ctx); len(gone) > 0 {
		b.by.outcomes.wake(gone...) // disabled while PCS was called, when there was no transition to end yet
	}
}

// dropGone takes nodes out whose call nobody wants any more: they were disabled
// or taken over by another session since it was decided.
func (b *powerCall) dropGone(ctx context.Context) {
	if gone := b.gone(ctx); len(gone) > 0 {
		b.nodes = slices.DeleteFunc(slices.Clone(b.nodes), func(c bos.Component) bool { return slices.Contains(gone, c.ID) })
	}
}

// gone are the nodes whose call nobody wants any more, as far as can be told.
func (b *powerCall) gone(ctx context.Context) (ids []string) {
	if len(b.nodes) == 0 {
		return nil
	}
	now, err := b.by.components.Components(ctx, store.Query{Keys: b.ids()})
	if err != nil {
		if ctx.Err() == nil {
			b.by.log.Warn("not known whether power calls are still wanted", "error", err)
		}
		return nil
	}
	wanted := make(map[string]string, len(now))
	for i := range now {
		if now[i].Enabled {
			wanted[now[i].ID] = now[i].Engine.Call.ID
		}
	}
	for i := range b.nodes {
		if id := b.nodes[i].ID; wanted[id] != b.nodes[i].Engine.Call.ID {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *powerCall) ids() []string {
	ids := make([]string, len(b.nodes))
	for i := range b.nodes {
		ids[i] = b.nodes[i].ID
	}
	return ids
}

// spare takes nodes out that must be let be now, whatever was decided.
func (b *powerCall) spare(ctx context.Context) {
	spared, err := b.by.guard.spared(ctx, b.nodes)
	if err != nil {
		b.fail(ctx, b.ids(), bos.FromPower, "asking whether the node may be driven", err)
		return
	}
	b.end(ctx, func(id string) (machine.Outcome, bool) {
		why, is := spared[id]
		return machine.Outcome{Kind: bos.AnswerLater, Source: bos.FromPower, Words: why}, is
	})
}

// fail tells the machine why the calls came to nothing before PCS had them,
// and takes the nodes out of the batch.
func (b *powerCall) fail(ctx context.Context, ids []string, source bos.Source, doing string, why error) {
	o := machine.Outcome{Kind: answerTo(why), Source: source, Words: fmt.Sprintf("Error encountered %s: %s", doing, why)}
	failed := make(map[string]bool, len(ids))
	for _, id := range ids {
		failed[id] = true
	}
	b.end(ctx, func(id string) (machine.Outcome, bool) { return o, failed[id] })
}

// end takes the nodes out of the batch whose calls have an outcome already.
func (b *powerCall) end(ctx context.Context, outcome func(id string) (machine.Outcome, bool)) {
	if ctx.Err() != nil {
		return
	}
	ended := map[string]machine.Outcome{}
	kept := make([]bos.Component, 0, len(b.nodes))
	for _, c := range b.nodes {
		if o, is := outcome(c.ID); is {
			o.CallID = c.Engine.Call.ID
			ended[c.ID] = o
		} else {
			kept = append(kept, c)
		}
	}
	b.nodes = kept
	b.by.nodes.Failed(len(ended))
	tellFailed(b.by.log, b.by, ended)
	b.by.outcomes.put(ended)
}
