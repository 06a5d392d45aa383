package operator

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/events"
)

// launches is how many calls to the executor are under way at the same time.
const launches = 8

// maxAttempts is how often Executor.Start may fail before the session does.
const maxAttempts = 10

// run is one pass: events, then the sessions woken for, until no place is free
// or nobody waits.
func (o *Operator) run(ctx context.Context, w events.Wake) error {
	names, err := o.events(ctx)
	if err != nil {
		return err
	}
	for _, key := range w.Keys {
		if job, isJob := strings.CutPrefix(key, jobKey); isJob {
			key = o.byJob[job]
		}
		if key != "" {
			names = append(names, key)
		}
	}
	if w.All {
		names = nil
	} else if len(names) == 0 {
		return nil
	}
	if err := o.read(ctx, names); err != nil {
		return err
	}
	if names == nil {
		for name := range o.active {
			names = append(names, name)
		}
	}
	for {
		if err := o.follow(ctx, names); err != nil {
			return err
		}
		if names, err = o.accept(ctx); err != nil || len(names) == 0 {
			return err
		}
	}
}

// read brings waiting and active up to date for the names (nil: for all).
func (o *Operator) read(ctx context.Context, names []string) error {
	open, err := o.cfg.Sessions.OpenSessions(ctx, names)
	if err != nil {
		return err
	}
	if names == nil {
		clear(o.waiting)
		clear(o.active)
		clear(o.byJob)
	}
	for _, name := range names {
		o.forget(name)
	}
	for _, s := range open {
		switch until := o.awaits(&s); {
		case s.Session.Status.Session.Job != nil:
			o.take(s.Run)
		case until.IsZero():
			o.waiting[s.Session.Name] = s
		default:
			o.loop.At(s.Session.Name, until)
		}
	}
	return nil
}

func (o *Operator) take(run cfs.Run) {
	o.active[run.Session], o.byJob[run.Job.ID] = run, run.Session
}

func (o *Operator) forget(name string) {
	delete(o.byJob, o.active[name].Job.ID)
	delete(o.active, name)
	delete(o.waiting, name)
}

// accept gives free places to those who wait, the oldest first; none while
// sessions are held. A job that itself waits, such as for a git server, takes
// no place, and no session with the same repositories is begun meanwhile: one
// dead server holds up nobody else.
func (o *Operator) accept(ctx context.Context) ([]string, error) {
	places, stuck := o.cfg.MaxJobs, map[string]bool{}
	for _, run := range o.active {
		if run.State.Waiting != nil {
			stuck[run.Repositories()] = true
		} else {
			places--
		}
	}
	if o.cfg.Held || places <= 0 || len(o.waiting) == 0 {
		return nil, nil
	}
	queue := make([]cfs.OpenSession, 0, len(o.waiting))
	for _, s := range o.waiting {
		if !stuck[s.Run.Repositories()] {
			queue = append(queue, s)
		}
	}
	slices.SortFunc(queue, func(a, b cfs.OpenSession) int {
		return cmp.Or(strings.Compare(a.Session.Status.Session.StartTime, b.Session.Status.Session.StartTime),
			strings.Compare(a.Session.Name, b.Session.Name))
	})
	names := []string{}
	for _, s := range queue[:min(places, len(queue))] {
		names = append(names, s.Session.Name)
	}
	runs, err := o.cfg.Sessions.AcceptSessions(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		delete(o.waiting, name)
	}
	for _, run := range runs {
		o.take(run)
	}
	return names, nil
}

// follow launches those of the sessions that are not yet, asks where their jobs
// stand, and saves what is new. A session that is named twice, by itself and by its
// job, is looked at once.
func (o *Operator) follow(ctx context.Context, names []string) error {
	var mu sync.Mutex
	var learnt []cfs.Run
	var group errgroup.Group
	group.SetLimit(launches)
	looked := map[string]bool{}
	for _, name := range names {
		run, found := o.active[name]
		if !found || looked[name] {
			continue
		}
		looked[name] = true
		group.Go(func() error {
			after := o.look(ctx, run)
			if after.Launched == run.Launched && after.Attempts == run.Attempts && same(after.State, run.State) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			learnt = append(learnt, after)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // none returns one
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := o.cfg.Sessions.SaveRuns(ctx, learnt); err != nil {
		return err
	}
	for _, run := range learnt {
		o.active[run.Session] = run
		if ended(run.State) {
			o.account(run)
			if run.Job.Target == cfs.TargetImage {
				o.images.Now(run.Session)
			}
			o.forget(run.Session)
		}
	}
	return nil
}

// account counts a job that has ended, and has the log tell how.
func (o *Operator) account(run cfs.Run) {
	level, state, took := slog.LevelInfo, &run.State, time.Duration(0)
	if state.Phase != job.Succeeded {
		level = slog.LevelWarn
	}
	if !state.Started.IsZero() && !state.Ended.IsZero() {
		took = state.Ended.Sub(state.Started).Round(time.Millisecond)
	}
	slog.Log(context.Background(), level, "configuration session has ended", "session", run.Session, "configuration", run.Job.Configuration, "outcome", state.Phase,
		"step", state.Step, "took", took, "message", fmt.Sprintf("%.400s", state.Message))
	var went job.Account
	if executor, tells := o.cfg.Executor.(cfs.Accounts); tells {
		went = executor.Account(run.Job.ID)
	}
	o.figures.ended(run.State.Phase, went)
}

// look launches the run if that is still to be done and returns it with the
// executor's word on it. What the executor cannot tell now is asked again.
func (o *Operator) look(ctx context.Context, run cfs.Run) cfs.Run {
	if !run.Launched {
		if err := o.cfg.Executor.Start(ctx, run.Job); err != nil {
			return o.notStarted(run, err)
		}
		run.Launched = true
		slog.Info("configuration session begins", "session", run.Session, "configuration", run.Job.Configuration, "job", run.Job.ID)
	}
	state, err := o.cfg.Executor.State(ctx, run.Job.ID)
	if err != nil {
		slog.Warn("cannot tell how a job stands; will ask again", "session", run.Session, "job", run.Job.ID, "error", err)
		o.loop.At(run.Session, time.Now().Add(retryPause(1)))
		return run
	}
	if state.Phase == job.Lost && state.Message == "" {
		state.Message = "the executor has no trace of the job: nobody knows how it ended"
	}
	run.State = state
	return run
}

// notStarted counts a refused start; the last one ends the session.
func (o *Operator) notStarted(run cfs.Run, err error) cfs.Run {
	run.Attempts++
	o.figures.Refused.Add(1)
	run.State.Message = fmt.Sprintf("the job could not be started (%d times of at most %d): %v", run.Attempts, maxAttempts, err)
	if run.Attempts >= maxAttempts {
		run.State.Phase, run.State.Ended = job.Failed, o.cfg.Now()
		return run
	}
	pause := retryPause(run.Attempts)
	slog.Warn("job could not be started; will try again", "session", run.Session, "after", pause, "error", err)
	o.loop.At(run.Session, time.Now().Add(pause))
	return run
}

func ended(s cfs.JobState) bool {
	return s.Phase == job.Succeeded || s.Phase == job.Failed || s.Phase == job.Lost
}

func same(a, b cfs.JobState) bool {
	return a.Phase == b.Phase && a.Step == b.Step && a.Message == b.Message && a.Waiting.Equal(b.Waiting) &&
		a.Started.Equal(b.Started) && a.Ended.Equal(b.Ended)
}
