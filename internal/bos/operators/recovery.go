package operators

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store"
)

// recovery is the operator that takes up the calls of a process that is no
// more: what PCS knows of is watched, what it does not was never asked for and
// is asked for now, as the same call. It runs until that has succeeded once.
type recovery struct {
	components  components
	tokens      tokens
	given       *given
	power       bos.Power
	actions     []*powerOperator
	transitions *transitions
	names       *callNames
	wake        func(nodes ...string)
	// skew is how far PCS's clock may be behind.
	skew time.Duration
	done bool
}

// callNames name the calls of this process.
type callNames struct {
	process string
	newID   func() string
}

// next names the calls of one pass; mine tells whether this process named the
// call.
func (n *callNames) next() string            { return n.process + "/" + n.newID() }
func (n *callNames) mine(call bos.Call) bool { return strings.HasPrefix(call.ID, n.process+"/") }

func (r *recovery) spec() Spec {
	return Spec{Name: "recovery", Else: "the start of the server", Outputs: []string{"the calls of an earlier run, for the power operators"}}
}

func (r *recovery) run(ctx context.Context, options bos.Options, _ events.Wake) error {
	if r.done {
		return nil
	}
	called, err := r.components.Components(ctx, store.Query{Where: []store.Match{
		{Column: "status", In: []string{bos.StatusPowerOnCalled, bos.StatusPowerOffGently, bos.StatusPowerOffHard,
			bos.StatusFailed}}}}) // failed and with a call: the node of a session that was cancelled
	if err != nil {
		return err
	}
	lost := map[bos.Action]map[string]bos.Component{}
	for _, c := range called {
		if call := c.Engine.Call; call.Open() && !r.names.mine(call) {
			if lost[call.Action] == nil {
				lost[call.Action] = map[string]bos.Component{}
			}
			lost[call.Action][c.ID] = c
		}
	}
	if err := r.findTokens(ctx, lost[bos.PoweringOn]); err != nil {
		return err
	}
	for _, a := range r.actions {
		if err := r.takeUp(ctx, options, a, lost[a.action]); err != nil {
			return err
		}
	}
	r.done = true
	return nil
}

func (r *recovery) takeUp(ctx context.Context, options bos.Options, a *powerOperator, lost map[string]bos.Component) error {
	found, err := r.find(ctx, a, lost)
	if err != nil {
		return err
	}
	var again []bos.Component
	for id, c := range lost {
		if !c.Enabled {
			r.wake(id) // disabled on its way: its call is given up
		} else if !found[id] && c.Engine.Call.State == bos.CallDecided {
			again = append(again, c)
		}
	}
	if len(again) > 0 {
		a.hand(ctx, options, again)
	}
	return nil
}

// findTokens finds the tokens of power-ons that were not written into the
// records any more.
func (r *recovery) findTokens(ctx context.Context, lost map[string]bos.Component) error {
	calls := map[string]bool{}
	for _, c := range lost {
		calls[c.Engine.Call.ID] = true
	}
	if len(calls) == 0 {
		return nil
	}
	of, err := r.tokens.TokensOf(ctx, calls)
	if err != nil {
		return err
	}
	for id, c := range lost {
		if token := of[c.Engine.Call.ID][c.DesiredState.BootArtifacts]; token != "" {
			r.given.put(id, c.Engine.Call.ID, token)
		}
	}
	return nil
}

// find watches PCS's transitions that carry out the calls and tells for which
// nodes there is one.
func (r *recovery) find(ctx context.Context, a *powerOperator, lost map[string]bos.Component) (map[string]bool, error) {
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
	since, err := r.power.Since(ctx, a.operation, oldest.Add(-r.skew))
	if err != nil {
		return nil, fmt.Errorf("ask PCS for its transitions: %w", err)
	}
	last := map[string]bos.Transition{} // by node
	for i := range since {
		id := since[i].ID
		t, err := r.power.Describe(ctx, id)
		if fault.Is(err, fault.NotFound) || httpapi.IsStatus(err, 404) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask PCS for transition %s: %w", id, err)
		}
		r.keepLast(last, t, lost)
	}
	calls := map[string]map[string]string{} // by transition and node
	for node, t := range last {
		if calls[t.ID] == nil {
			calls[t.ID] = map[string]string{}
		}
		calls[t.ID][node] = lost[node].Engine.Call.ID
		found[node] = true
	}
	for id, of := range calls {
		r.transitions.add(id, a, of)
	}
	return found, nil
}

// keepLast notes the transition for those nodes whose call it may carry out: it
// was not asked for before the call was decided, and of several the last one
// is the call's. What an earlier one told must not be taken for news of this
// call.
func (r *recovery) keepLast(last map[string]bos.Transition, t bos.Transition, lost map[string]bos.Component) {
	for _, task := range t.Tasks {
		c, is := lost[task.Node]
		if !is || t.Created.Before(c.Engine.Call.At.Add(-r.skew)) {
			continue
		}
		if older, has := last[task.Node]; !has || older.Created.Before(t.Created) {
			last[task.Node] = t
		}
	}
}
