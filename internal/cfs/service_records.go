package cfs

import (
	"context"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// recorded is the session's run, and what its executor keeps of it.
func (s *Service) recorded(ctx context.Context, name string) (Run, Records, error) {
	run, err := s.Run(ctx, name)
	if err == nil && s.cfg.Records == nil {
		err = fault.New(fault.NotFound, "what runs sessions here keeps no results and logs that can be read")
	}
	return run, s.cfg.Records, err
}

// Results returns a page of what tasks of the session came to on hosts, after
// the one with the id.
func (s *Service) Results(ctx context.Context, name string, f ResultFilter, after int64, limit int) (ResultPage, error) {
	run, records, err := s.recorded(ctx, name)
	if err != nil {
		return ResultPage{}, err
	}
	p, err := s.page(ctx, Page{Limit: limit})
	if err != nil {
		return ResultPage{}, err
	}
	return records.Results(ctx, run.Job.ID, f, after, p.Limit)
}

// HostResults counts the session's results for each host, by name.
func (s *Service) HostResults(ctx context.Context, name string) ([]HostResults, error) {
	run, records, err := s.recorded(ctx, name)
	if err != nil {
		return nil, err
	}
	return records.HostResults(ctx, run.Job.ID)
}

// Log tells how a session's job goes.
func (s *Service) Log(ctx context.Context, name string) (SessionLog, error) {
	run, err := s.Run(ctx, name)
	if err != nil {
		return SessionLog{}, err
	}
	log := SessionLog{Name: name, Job: run.Job.ID, Phase: run.State.Phase, Step: run.State.Step, Message: run.State.Message,
		Started: run.State.Started, Ended: run.State.Ended, Attempts: run.Attempts, Layers: run.Job.Layers}
	if s.cfg.Records != nil {
		if log.Steps, err = s.cfg.Records.Steps(ctx, run.Job.ID); err == nil {
			log.Held, err = s.cfg.Records.Held(ctx, run.Job.ID)
		}
		if err == nil && !over(log.Phase) {
			log.Task, err = s.cfg.Records.Begun(ctx, run.Job.ID)
		}
	}
	return log, err
}

// LogRequest says which part of a session's log is wanted.
type LogRequest struct {
	Step   string // this one alone; empty: all
	Offset int64  // bytes of the text to leave out
	Follow bool   // until the session's end
}

// OpenLog returns a function that writes the session's log; flush is called
// after what there was. It fails at once if there is none and will be none.
func (s *Service) OpenLog(ctx context.Context, name string, r LogRequest) (func(ctx context.Context, write func([]byte) error) error, error) {
	run, records, err := s.recorded(ctx, name)
	if err != nil {
		return nil, err
	}
	steps, err := records.Steps(ctx, run.Job.ID)
	if err != nil {
		return nil, err
	}
	if over(run.State.Phase) && len(steps) == 0 {
		why := run.State.Message
		if why == "" {
			why = "its job's files are gone"
		}
		return nil, fault.New(fault.NotFound, "session '%s' has no log: %s", name, strings.TrimSpace(why))
	}
	return func(ctx context.Context, write func([]byte) error) error {
		return s.writeLog(ctx, run, r, write)
	}, nil
}

func over(p job.Phase) bool { return job.State{Phase: p}.Over() }

func (s *Service) writeLog(ctx context.Context, run Run, r LogRequest, write func([]byte) error) error {
	changes := s.cfg.Hub.Subscribe(SessionsTable)
	defer changes.Close()
	log, err := s.cfg.Records.Log(ctx, run.Job.ID, r.Step)
	if err != nil {
		return err
	}
	defer log.Close()
	feed := job.Feed{Log: log, Offset: r.Offset, Grown: log.Changed(), Changes: changes, Stopping: s.cfg.Stopping,
		Over: func(ctx context.Context) bool { return !r.Follow || s.isOver(ctx, run) }}
	return feed.Write(ctx, write)
}

// isOver reports whether the run, or its session, is at its end. A run of the
// same name is another session's.
func (s *Service) isOver(ctx context.Context, run Run) bool {
	now, err := s.Run(ctx, run.Session)
	return fault.Is(err, fault.NotFound) || err == nil && (over(now.State.Phase) || now.Job.ID != run.Job.ID)
}
