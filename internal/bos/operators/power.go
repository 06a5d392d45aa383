package operators

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
)

// powerAction is what the three power operators differ in.
type powerAction struct {
	name      bos.Action
	operation string // as PCS calls it
	words     string // as people call it
	// overtakes are the operations whose transitions give way: PCS lets one at
	// a time drive a node.
	overtakes []string
	// prepare does what must be done before the call to PCS, and takes nodes
	// out of the batch for which it failed; nil is nothing.
	prepare func(ctx context.Context, b *batch)
	// wait is how long PCS may go on trying.
	wait func(bos.Options) time.Duration
	o    *Operators

	mu      sync.Mutex
	waiting []bos.Component
	running int
}

// batch is a number of nodes for which the call is decided.
type batch struct {
	o       *Operators
	action  *powerAction
	options bos.Options
	nodes   []bos.Component
}

const (
	// batchesPerAction bounds the batches of one action under way. What is
	// decided meanwhile goes into one batch.
	batchesPerAction = 4
	// clockSkew is how far PCS's clock may be behind.
	clockSkew = 2 * time.Second
)

func (o *Operators) powerActions() map[machine.Effect]*powerAction {
	return map[machine.Effect]*powerAction{
		// power-on: nodes that are off and should run.
		machine.CallPowerOn: {o: o, name: bos.PoweringOn, operation: "On", words: "power on", prepare: prepareBoot,
			overtakes: []string{"On"}, wait: bos.Options.PowerOnWait},
		// power-off-graceful: nodes that are on and should be off, or run something else.
		machine.CallSoftOff: {o: o, name: bos.PoweringOffGently, operation: "Soft-Off", words: "power off gracefully",
			overtakes: []string{"Soft-Off"}, wait: bos.Options.PowerOffWait},
		// power-off-forceful: nodes that were asked to go off and did not, or cannot.
		machine.CallForceOff: {o: o, name: bos.PoweringOffHard, operation: "Force-Off", words: "power off forcefully",
			overtakes: []string{"Soft-Off", "Force-Off"}, wait: bos.Options.PowerOffWait},
	}
}

// hand has the calls of the components made, together with others that wait.
func (a *powerAction) hand(ctx context.Context, options bos.Options, nodes []bos.Component) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, nodes...)
	if a.running < batchesPerAction {
		a.running++
		a.o.calls.Go(func() { a.work(ctx, options) })
	}
}

func (a *powerAction) work(ctx context.Context, options bos.Options) {
	for {
		a.mu.Lock()
		n := min(len(a.waiting), options.Batch())
		b := &batch{o: a.o, action: a, options: options, nodes: a.waiting[:n:n]}
		a.waiting = a.waiting[n:]
		if n == 0 {
			a.running--
		}
		a.mu.Unlock()
		if n == 0 {
			return
		}
		b.carryOut(ctx)
	}
}

// carryOut makes the calls. What fails becomes an outcome; an interruption does
// not, because nobody knows what has been reached.
func (b *batch) carryOut(ctx context.Context) {
	if b.action.prepare != nil {
		b.action.prepare(ctx, b)
	}
	b.overtake(ctx)
	if len(b.nodes) == 0 || ctx.Err() != nil {
		return
	}
	minutes := max(1, int((b.action.wait(b.options)+time.Minute-1)/time.Minute))
	id, err := b.o.Power.Transition(ctx, b.action.operation, b.ids(), minutes)
	if err != nil {
		b.fail(ctx, b.ids(), bos.FromPower, "calling PCS to "+b.action.words, err)
		return
	}
	calls := make(map[string]string, len(b.nodes))
	for i := range b.nodes {
		calls[b.nodes[i].ID] = b.nodes[i].Engine.Call.ID
	}
	b.o.watching.add(id, b.action, calls)
}

func (b *batch) ids() []string {
	ids := make([]string, len(b.nodes))
	for i := range b.nodes {
		ids[i] = b.nodes[i].ID
	}
	return ids
}

// fail tells the machine why the calls came to nothing before PCS had them,
// and takes the nodes out of the batch.
func (b *batch) fail(ctx context.Context, ids []string, source bos.Source, doing string, why error) {
	if ctx.Err() != nil || len(ids) == 0 {
		return
	}
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	found := map[string]machine.Outcome{}
	for i := range b.nodes {
		if c := &b.nodes[i]; gone[c.ID] {
			found[c.ID] = machine.Outcome{CallID: c.Engine.Call.ID, Kind: answerTo(why), Source: source,
				Words: fmt.Sprintf("Error encountered %s: %s", doing, why)}
		}
	}
	b.nodes = slices.DeleteFunc(slices.Clone(b.nodes), func(c bos.Component) bool { return gone[c.ID] })
	b.o.heard(found)
}

// heard has the machine told what became of calls.
func (o *Operators) heard(found map[string]machine.Outcome) {
	o.outcomes.put(found)
	ids := make([]string, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	o.status.now(ids)
}
