package operators

import (
	"context"
	"fmt"
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

// The transitions operator watches what PCS makes of the power calls: whether
// the BMC took the request, from which the waits count, or what it said.
func (o *Operators) transitionsLoop() {
	o.watching = &watching{now: o.Now, by: map[string]*watched{}}
	resync := bos.Options.Polling
	if o.PollForeign {
		resync = func(options bos.Options) time.Duration { return min(options.Polling(), 5*time.Second) }
	}
	o.watching.alarm = o.loop("transitions", resync, o.runTransitions, o.TransitionTable)
}

// watching is the transitions under way.
type watching struct {
	now   func() time.Time
	alarm *alarm
	mu    sync.Mutex
	by    map[string]*watched
}

type watched struct {
	action *powerAction
	calls  map[string]string // IDs by node; those whose task is over are removed
	told   map[string]bos.Answer
	next   time.Time
}

func (w *watching) add(id string, a *powerAction, calls map[string]string) {
	w.mu.Lock()
	w.by[id] = &watched{action: a, calls: calls, told: map[string]bos.Answer{}}
	w.mu.Unlock()
	w.alarm.now([]string{id})
}

// due returns the transition if it may be asked for now. A hint for each of
// many nodes must not mean describing all of them each time.
func (w *watching) due(id string) *watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.by[id]
	now := w.now()
	switch {
	case t == nil:
		return nil
	case now.Before(t.next):
		w.alarm.at(id, t.next)
		return nil
	}
	t.next = now.Add(50*time.Millisecond + time.Duration(len(t.calls))*20*time.Microsecond)
	return t
}

func (w *watching) remove(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, id)
}

func (w *watching) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.by))
}

func (o *Operators) runTransitions(ctx context.Context, _ bos.Options, w events.Wake) error {
	ids := w.Keys
	if w.All {
		ids = o.watching.all()
	}
	for _, id := range ids {
		if t := o.watching.due(id); t != nil {
			if err := o.inspect(ctx, id, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// inspect tells the machine what has become of the tasks since the last look.
func (o *Operators) inspect(ctx context.Context, id string, w *watched) error {
	t, err := o.Power.Describe(ctx, id)
	if fault.Is(err, fault.NotFound) || httpapi.IsStatus(err, 404) {
		o.watching.remove(id)
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask PCS for transition %s: %w", id, err)
	}
	found := map[string]machine.Outcome{}
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
	o.heard(found)
	if t.Done || len(w.calls) == 0 {
		o.watching.remove(id)
	}
	return nil
}

// complaint says what is wrong with the call, nothing if it was accepted.
func (a *powerAction) complaint(answer bos.Answer, text string) string {
	switch answer {
	case bos.AnswerAccepted:
		return ""
	case bos.AnswerWaiting:
		return fmt.Sprintf("PCS is to %s: %s", a.words, text)
	}
	return fmt.Sprintf("PCS could not %s: %s", a.words, text)
}
