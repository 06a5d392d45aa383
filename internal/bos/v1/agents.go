package v1

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// Order is what an agent is to do, fixed when the session is created.
type Order struct {
	ID        string       `json:"id"`      // of the job
	Session   string       `json:"session"` // of the session
	Operation Operation    `json:"operation"`
	Limit     string       `json:"limit,omitempty"`
	Template  bos.Template `json:"template"`
}

// Executor runs agents. An agent outlives the process that started it.
type Executor interface {
	// Start launches an agent; one that was started before changes nothing.
	Start(ctx context.Context, o Order) error
	// State tells where the agent stands; of one without traces: job.Lost.
	State(id string) job.State
	// End ends the agent if it runs; its traces stay.
	End(ctx context.Context, id string) error
	// Stop ends the agent if it runs and removes its traces.
	Stop(ctx context.Context, id string) error
	// Jobs are the agents of which there are traces.
	Jobs() ([]string, error)
	// Changed delivers the IDs of agents whose state changed, as hints.
	Changed() <-chan string
}

// Agents has each session's agent run, ends the sessions whose agent did not,
// and stops the agents whose session is complete or gone.
type Agents struct {
	// Grace is how long an agent may run on once its session is complete: its
	// last report says so. Longer means that somebody else said so.
	Grace time.Duration

	service  *Service
	executor Executor
	loop     *events.Loop
	stop     context.CancelFunc
	leaving  map[string]time.Time // agents of complete sessions, and when they must have ended
}

// agentsResync is the time between looks at all sessions that run.
const agentsResync = 30 * time.Second

// NewAgents returns what does nothing until Start.
func NewAgents(s *Service, e Executor, hub *events.Hub) *Agents {
	a := &Agents{Grace: 10 * time.Second, service: s, executor: e, leaving: map[string]time.Time{}}
	a.loop = &events.Loop{Name: "bos v1 agents", Hub: hub, Tables: []string{SessionsTable},
		Resync: func() time.Duration { return agentsResync }, Run: a.run}
	return a
}

// Start begins; the first look is at everything.
func (a *Agents) Start(ctx context.Context) {
	ctx, a.stop = context.WithCancel(ctx)
	a.loop.Start(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case id := <-a.executor.Changed():
				a.loop.Now(id)
			}
		}
	}()
}

// Stop ends it; agents go on.
func (a *Agents) Stop() {
	if a.stop != nil {
		a.stop()
		a.loop.Stop()
	}
}

func (a *Agents) run(ctx context.Context, w events.Wake) error {
	open, err := a.service.Open(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(open))
	for i := range open {
		wanted[open[i].Job()] = true
		if err := a.look(ctx, &open[i]); err != nil {
			a.loop.Later(open[i].ID, err)
		}
	}
	return a.sweep(ctx, w.Keys, wanted)
}

// look launches the session's agent, or ends the session if the agent ended
// without doing so.
func (a *Agents) look(ctx context.Context, s *Session) error {
	if !s.Launched {
		err := a.executor.Start(ctx, Order{ID: s.Job(), Session: s.ID, Operation: s.Does(), Limit: s.Limit, Template: s.Template})
		if err != nil {
			return fmt.Errorf("start the agent: %w", err)
		}
		if err := a.service.Launch(ctx, s.ID); err != nil {
			return err
		}
		slog.Info("session begins", "interface", "v1", "session", s.ID, "operation", s.Operation, "template", s.Template.Name, "limit", s.Limit)
		return nil
	}
	state := a.executor.State(s.Job())
	if !state.Over() {
		return nil
	}
	words := "the session's agent ended before its work was done"
	if state.Message != "" {
		words += ": " + state.Message
	}
	err := a.service.Abandon(ctx, s.ID, words)
	if fault.Is(err, fault.NotFound) { // deleted meanwhile
		err = nil
	}
	return err
}

// sweep ends agents that work on after their session is complete, stops those
// whose session was deleted, and removes what is left of those that ended before. The
// keys are of sessions, or of agents, that may have gone: one that has ended may have
// left something elsewhere than where Jobs looks.
func (a *Agents) sweep(ctx context.Context, keys []string, wanted map[string]bool) error {
	jobs, err := a.executor.Jobs()
	if err != nil {
		return err
	}
	for _, key := range keys {
		jobs = append(jobs, (&Session{ID: strings.TrimPrefix(key, jobPrefix)}).Job())
	}
	slices.Sort(jobs)
	jobs = slices.DeleteFunc(slices.Compact(jobs), func(id string) bool { return wanted[id] })
	if len(jobs) == 0 {
		return nil
	}
	// Read after the jobs were listed: none of them is of a newer session.
	ids, err := a.service.IDs(ctx)
	if err != nil {
		return err
	}
	kept := make(map[string]bool, len(ids))
	for _, id := range ids {
		kept[(&Session{ID: id}).Job()] = true
	}
	for _, id := range jobs {
		end := a.executor.Stop
		if kept[id] {
			end = a.see
		} else {
			delete(a.leaving, id)
		}
		if err := end(ctx, id); err != nil {
			a.loop.Later(id, err)
		}
	}
	return nil
}

// see ends the agent of a complete session if it outlasts its grace.
func (a *Agents) see(ctx context.Context, id string) error {
	if a.executor.State(id).Over() {
		delete(a.leaving, id)
		return nil
	}
	end, is := a.leaving[id]
	if !is {
		end = time.Now().Add(a.Grace)
		a.leaving[id] = end
	}
	if time.Now().Before(end) {
		a.loop.At(id, end)
		return nil
	}
	return a.executor.End(ctx, id)
}
