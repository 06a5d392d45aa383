package operators

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/store"
)

// The transitions operator watches what PCS makes of the power actions, so
// that a node whose BMC refuses is tried again at once and the BMC's words
// reach the administrator. Success needs no watching: the power state tells.
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
	claims map[string]string // by node; those whose task is over are removed
	next   time.Time
}

func (w *watching) add(id string, a *powerAction, claims map[string]string) {
	w.mu.Lock()
	w.by[id] = &watched{action: a, claims: claims}
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
	t.next = now.Add(50*time.Millisecond + time.Duration(len(t.claims))*20*time.Microsecond)
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

// inspect records the tasks that have failed since the last look.
func (o *Operators) inspect(ctx context.Context, id string, w *watched) error {
	t, err := o.Power.Describe(ctx, id)
	if fault.Is(err, fault.NotFound) || httpapi.IsStatus(err, 404) {
		o.watching.remove(id)
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask PCS for transition %s: %w", id, err)
	}
	failed := map[string]string{}
	var ids []string
	for _, task := range t.Tasks {
		if _, open := w.claims[task.Node]; open && task.Done && task.Failed {
			failed[task.Node] = task.Text
			ids = append(ids, task.Node)
		}
	}
	retryAt := o.Now().Add(bmcPause)
	_, _, err = o.Service.Change(ctx, ids, func(c *bos.Component) error {
		if !c.Holds(w.claims[c.ID], w.action.name) || c.Computed() != w.action.called {
			return store.ErrUnchanged
		}
		c.Failed(fmt.Sprintf("PCS could not %s: %s", w.action.words, failed[c.ID]), retryAt)
		return nil
	})
	if err != nil {
		return err
	}
	for _, task := range t.Tasks {
		if task.Done {
			delete(w.claims, task.Node)
		}
	}
	if t.Done || len(w.claims) == 0 {
		o.watching.remove(id)
	}
	return nil
}
