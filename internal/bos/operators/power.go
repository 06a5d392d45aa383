package operators

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// powerAction is what the three power operators differ in.
type powerAction struct {
	name      bos.Action
	operation string // as PCS calls it
	words     string // as people call it
	// pending are the statuses among which components wait for the action,
	// called is the one that they get by it.
	pending []string
	called  string
	// overtakes are the operations whose transitions give way: PCS lets one at
	// a time drive a node.
	overtakes []string
	// prepare does what must be done before the call to PCS, and takes nodes
	// out of the batch for which it failed; nil is nothing.
	prepare func(ctx context.Context, b *batch)
	// minutes PCS may take for it.
	minutes func(bos.Options) int
	alarm   *alarm
	// slots bounds the batches under way. When all are taken, what becomes due
	// meanwhile goes into one batch.
	slots     chan struct{}
	recovered bool
}

// batch is a number of nodes for which an action was claimed.
type batch struct {
	o       *Operators
	action  *powerAction
	options bos.Options
	claim   string
	nodes   []bos.Component
}

const (
	// slotsPerAction bounds the batches of one action under way.
	slotsPerAction = 4
	// bmcPause is the pause after a BMC refused.
	bmcPause = time.Second
	// clockSkew is how far PCS's clock may be behind.
	clockSkew = 2 * time.Second
)

func (o *Operators) powerLoops() {
	o.actions = []*powerAction{o.powerOn(), o.powerOffGraceful(), o.powerOffForceful()}
	for _, a := range o.actions {
		a.slots = make(chan struct{}, slotsPerAction)
		a.alarm = o.loop(string(a.name), bos.Options.Polling, func(ctx context.Context, options bos.Options, w events.Wake) error {
			return o.runPower(ctx, options, a, w)
		})
	}
}

func (o *Operators) runPower(ctx context.Context, options bos.Options, a *powerAction, w events.Wake) error {
	if !a.recovered {
		if err := o.recover(ctx, options, a); err != nil {
			return err
		}
		a.recovered = true
	}
	q := store.Query{Where: []store.Match{store.Is("enabled", "true"), {Column: "status", In: a.pending}}}
	if !w.All {
		q.Keys = w.Keys
	}
	waiting, err := o.Service.Components(ctx, q)
	if err != nil {
		return err
	}
	now := o.Now()
	var due []string
	for i := range waiting {
		is, at := waiting[i].Wants(a.name, options, now)
		a.alarm.at(waiting[i].ID, at)
		if is {
			due = append(due, waiting[i].ID)
		}
	}
	for chunk := range slices.Chunk(due, options.Batch()) {
		if err := o.act(ctx, options, a, chunk); err != nil {
			return err
		}
	}
	return nil
}

// act claims the action for the nodes and has it carried out.
func (o *Operators) act(ctx context.Context, options bos.Options, a *powerAction, ids []string) error {
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	b := &batch{o: o, action: a, options: options, claim: o.NewID()}
	now := o.Now()
	_, _, err := o.Service.Change(ctx, ids, func(c *bos.Component) error {
		if due, _ := c.Wants(a.name, options, now); !due {
			return store.ErrUnchanged
		}
		if c.Claim(a.name, b.claim, options, now) {
			b.nodes = append(b.nodes, *c)
		}
		return nil
	})
	if err != nil || len(b.nodes) == 0 {
		<-a.slots
		return err
	}
	o.calls.Go(func() {
		defer func() { <-a.slots }()
		b.carryOut(ctx)
	})
	return nil
}

// carryOut makes the calls. What fails is recorded; an interruption is not,
// because nobody knows what has been reached.
func (b *batch) carryOut(ctx context.Context) {
	if b.action.prepare != nil {
		b.action.prepare(ctx, b)
	}
	b.overtake(ctx)
	if len(b.nodes) == 0 || ctx.Err() != nil {
		return
	}
	id, err := b.o.Power.Transition(ctx, b.action.operation, b.ids(), b.action.minutes(b.options))
	if err != nil {
		b.refuse(ctx, b.ids(), fmt.Sprintf("Error encountered calling PCS to %s: %s", b.action.words, err))
		return
	}
	claims := make(map[string]string, len(b.nodes))
	for i := range b.nodes {
		claims[b.nodes[i].ID] = b.claim
	}
	b.o.watching.add(id, b.action, claims)
}

func (b *batch) ids() []string {
	ids := make([]string, len(b.nodes))
	for i := range b.nodes {
		ids[i] = b.nodes[i].ID
	}
	return ids
}

// refuse records why a try came to nothing before PCS was called, and takes
// the nodes out of the batch.
func (b *batch) refuse(ctx context.Context, ids []string, why string) {
	if ctx.Err() != nil || len(ids) == 0 {
		return
	}
	retryAt := b.o.Now().Add(b.options.Polling())
	_, _, err := b.o.Service.Change(ctx, ids, func(c *bos.Component) error {
		if !c.Holds(b.claim, b.action.name) {
			return store.ErrUnchanged
		}
		c.Refused(why, retryAt)
		return nil
	})
	if err != nil {
		b.o.Log.Error("failure of a power action not recorded", "action", b.action.name, "failure", why, "error", err)
	}
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	b.nodes = slices.DeleteFunc(b.nodes, func(c bos.Component) bool { return gone[c.ID] })
}

// recover takes up the claims of a process that is no more: what PCS knows of
// is watched, what it does not was never asked for and is asked for now.
func (o *Operators) recover(ctx context.Context, options bos.Options, a *powerAction) error {
	called, err := o.Service.Components(ctx, store.Query{Where: []store.Match{store.Is("enabled", "true"), store.Is("status", a.called)}})
	if err != nil {
		return err
	}
	claimed := map[string]bos.Component{}
	oldest := o.Now()
	for _, c := range called {
		if c.Engine.Claim != "" && !c.Engine.Unsent && !c.LastAction.Failed {
			claimed[c.ID] = c
			if c.LastAction.LastUpdated.Before(oldest) {
				oldest = c.LastAction.LastUpdated
			}
		}
	}
	if len(claimed) == 0 {
		return nil
	}
	found, err := o.find(ctx, a, claimed, oldest.Add(-clockSkew))
	if err != nil {
		return err
	}
	lost := map[string]*batch{}
	for id, c := range claimed {
		if found[id] || o.Now().Sub(c.LastAction.LastUpdated) > a.patience(options) {
			continue
		}
		b := lost[c.Engine.Claim]
		if b == nil {
			b = &batch{o: o, action: a, options: options, claim: c.Engine.Claim}
			lost[c.Engine.Claim] = b
		}
		b.nodes = append(b.nodes, c)
	}
	for _, b := range lost {
		o.calls.Go(func() { b.carryOut(ctx) })
	}
	return nil
}

// patience is the time after which a claim is past caring for: the timers of
// the state machine have it tried again.
func (a *powerAction) patience(options bos.Options) time.Duration {
	if a.name == bos.PoweringOn {
		return options.PowerOnWait()
	}
	return options.PowerOffWait()
}

// find watches PCS's transitions for the claims and tells which claims they
// carry out.
func (o *Operators) find(ctx context.Context, a *powerAction, claimed map[string]bos.Component, since time.Time) (map[string]bool, error) {
	ids, err := o.Power.Since(ctx, a.operation, since)
	if err != nil {
		return nil, fmt.Errorf("ask PCS for its transitions: %w", err)
	}
	found := map[string]bool{}
	for _, id := range ids {
		t, err := o.Power.Describe(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask PCS for transition %s: %w", id, err)
		}
		claims := map[string]string{}
		for _, task := range t.Tasks {
			if c, is := claimed[task.Node]; is {
				claims[task.Node] = c.Engine.Claim
				found[task.Node] = true
			}
		}
		if len(claims) > 0 {
			o.watching.add(id, a, claims)
		}
	}
	return found, nil
}
