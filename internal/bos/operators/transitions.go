package operators

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/machine"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// transitions is the operator that watches what PCS makes of the power calls:
// whether the BMC took the request, from which the waits count, or what it
// said. It ends those that nobody wants any more.
type transitions struct {
	loop     *events.Loop
	power    bos.Power
	outcomes *outcomes
	table    string
	often    bool // PCS gives no hints
	now      clock
	log      *slog.Logger

	mu sync.Mutex
	by map[string]*watched
}

// watched is a transition under way.
type watched struct {
	action *powerOperator
	calls  map[string]string // IDs by node; those whose task is over are removed
	told   map[string]bos.Answer
	next   time.Time
	// unwanted are the nodes whose call was given up. PCS ends transitions as a
	// whole, so that this one ends when no other node is left in it.
	unwanted map[string]bool
	aborted  bool
}

func (o *transitions) spec() Spec {
	resync := bos.Options.Polling
	if o.often {
		resync = func(options bos.Options) time.Duration { return min(options.Polling(), 5*time.Second) }
	}
	return Spec{Name: "transitions", Inputs: []string{o.table}, Resync: resync,
		Outputs: []string{"what became of power calls, for status", "PCS: transitions of disabled nodes, aborted"}}
}

func (o *transitions) add(id string, a *powerOperator, calls map[string]string) {
	o.mu.Lock()
	o.by[id] = &watched{action: a, calls: calls, told: map[string]bos.Answer{}, unwanted: map[string]bool{}}
	o.mu.Unlock()
	o.loop.Now(id)
}

// drives tells which of the nodes have a call under way.
func (o *transitions) drives(nodes []string) (driven []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.by) == 0 {
		return nil
	}
	for _, n := range nodes {
		for _, w := range o.by {
			if _, open := w.calls[n]; open {
				driven = append(driven, n)
				break
			}
		}
	}
	return driven
}

// hand gives up the calls of nodes that were disabled.
func (o *transitions) hand(_ context.Context, _ bos.Options, nodes []bos.Component) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, w := range o.by {
		for i := range nodes {
			if _, open := w.calls[nodes[i].ID]; open {
				w.unwanted[nodes[i].ID] = true
				w.next = time.Time{}
				o.loop.Now(id)
			}
		}
	}
}

// due returns the transition if it may be asked for now. A hint for each of
// many nodes must not mean describing all of them each time.
func (o *transitions) due(id string) *watched {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.by[id]
	now := o.now()
	switch {
	case t == nil:
		return nil
	case now.Before(t.next):
		o.loop.At(id, t.next)
		return nil
	}
	t.next = now.Add(50*time.Millisecond + time.Duration(len(t.calls))*20*time.Microsecond)
	return t
}

func (o *transitions) remove(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.by, id)
}

func (o *transitions) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.by))
}

func (o *transitions) run(ctx context.Context, _ bos.Options, w events.Wake) error {
	ids := w.Keys
	if w.All {
		ids = o.all()
	}
	for _, id := range ids {
		if t := o.due(id); t != nil {
			if err := o.inspect(ctx, id, t); err != nil && ctx.Err() == nil {
				o.loop.Later(id, err)
			}
		}
	}
	return nil
}

// inspect tells the machine what has become of the tasks since the last look.
func (o *transitions) inspect(ctx context.Context, id string, w *watched) error {
	t, err := o.power.Describe(ctx, id)
	if fault.Is(err, fault.NotFound) || httpapi.IsStatus(err, 404) {
		t, err = bos.Transition{ID: id, Done: true}, nil
	}
	if err != nil {
		return fmt.Errorf("ask PCS for transition %s: %w", id, err)
	}
	found, over, unwanted := o.news(t, w)
	tellFailed(o.log, w.action, found)
	o.outcomes.put(found)
	if over {
		o.remove(id)
		return nil
	}
	if unwanted && !w.aborted {
		if err := o.power.Abort(ctx, id); err != nil {
			return fmt.Errorf("abort transition %s: %w", id, err)
		}
		w.aborted = true
	}
	return nil
}

// news are the outcomes that were not told yet. over is a transition of which
// no more will come, unwanted one that drives only nodes that were given up. A
// call that PCS has forgotten when it is over would be waited for without end.
func (o *transitions) news(t bos.Transition, w *watched) (found map[string]machine.Outcome, over, unwanted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found = map[string]machine.Outcome{}
	for _, task := range t.Tasks {
		call, open := w.calls[task.Node]
		if !open || task.Answer == w.told[task.Node] && !task.Done && task.Answer != bos.AnswerWaiting {
			continue
		}
		answer := task.Answer
		if task.Done && answer == bos.AnswerWaiting {
			answer = bos.AnswerLater // ended without a word
		}
		if answer != bos.AnswerWaiting || task.Text != "" {
			w.told[task.Node] = answer
			found[task.Node] = machine.Outcome{CallID: call, Kind: answer, Source: bos.FromPower, Words: w.action.complaint(answer, task.Text)}
		}
		if task.Done {
			delete(w.calls, task.Node)
		}
	}
	unwanted = true
	for node, call := range w.calls {
		unwanted = unwanted && w.unwanted[node]
		if t.Done {
			found[node] = machine.Outcome{CallID: call, Kind: bos.AnswerLater, Source: bos.FromPower,
				Words: w.action.complaint(bos.AnswerLater, "it knows nothing more of transition "+t.ID)}
		}
	}
	return found, t.Done || len(w.calls) == 0, unwanted
}

// complaint says what is wrong with the call, nothing if it was accepted.
func (p *powerOperator) complaint(answer bos.Answer, text string) string {
	switch answer {
	case bos.AnswerAccepted:
		return ""
	case bos.AnswerWaiting:
		return fmt.Sprintf("PCS is to %s: %s", p.words, text)
	}
	return fmt.Sprintf("PCS could not %s: %s", p.words, text)
}
