package v1

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// Records are what there is of agents that run or ran, here or on the machine of a
// server that led before.
type Records interface {
	// State tells where an agent of this machine stands; of one without traces here:
	// job.Lost.
	State(id string) job.State
	// Left is the directory with what there is of the agent, which may be nothing.
	Left(ctx context.Context, id string) (job.Dir, error)
	// Follow returns a channel that receives after an agent of this machine wrote
	// more, until stop is called. Hints only.
	Follow(id string) (changed <-chan struct{}, stop func())
}

// SessionLog is how a session's agent goes.
type SessionLog struct {
	Session string    `json:"session"`
	Job     string    `json:"job" doc:"Name of the session's agent"`
	Phase   job.Phase `json:"phase" doc:"waiting, running, succeeded, failed or lost: of the agent, whatever became of the nodes"`
	Message string    `json:"message,omitempty" doc:"Why the agent did not get to its end"`
	Errors  int       `json:"error_count" doc:"Nodes that failed"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// LogRequest says which part of a session's log is wanted.
type LogRequest struct {
	Offset int64 // bytes of the text to leave out
	Follow bool  // until the agent's end
}

// noLog is the answer where there is none and will be none.
func noLog(id, why string) error {
	return fault.New(fault.NotFound, "session '%s' has no log: %s", id, why)
}

// Log tells how a session's agent goes.
func (s *Service) Log(ctx context.Context, id string) (SessionLog, error) {
	session, sets, err := s.Session(ctx, id)
	if err != nil {
		return SessionLog{}, err
	}
	if s.cfg.Records == nil {
		return SessionLog{}, noLog(id, "what runs agents here keeps none")
	}
	state, err := s.agentState(ctx, &session)
	return SessionLog{Session: id, Job: session.Job(), Phase: state.Phase, Message: state.Message, Errors: session.Progress(sets).Errors,
		Started: state.Started, Ended: state.Ended}, err
}

// agentState is where the session's agent stands, wherever it ran.
func (s *Service) agentState(ctx context.Context, session *Session) (job.State, error) {
	d, err := s.cfg.Records.Left(ctx, session.Job())
	if err != nil {
		return job.State{}, err
	}
	if r, err := d.Result(); err == nil {
		return r.State(), nil
	}
	if !session.Launched && !session.Over() {
		return job.State{Phase: job.Waiting}, nil
	}
	return s.cfg.Records.State(session.Job()), nil
}

// OpenLog returns a function that writes what the session's agent wrote. It fails at
// once if there is nothing and will be nothing.
func (s *Service) OpenLog(ctx context.Context, id string, r LogRequest) (func(ctx context.Context, write func([]byte) error) error, error) {
	log, err := s.Log(ctx, id)
	if err != nil {
		return nil, err
	}
	d, err := s.cfg.Records.Left(ctx, log.Job)
	if err != nil {
		return nil, err
	}
	if _, err := d.Steps(); errors.Is(err, fs.ErrNotExist) && (job.State{Phase: log.Phase}).Over() {
		if log.Message == "" {
			log.Message = "its agent's files are gone"
		}
		return nil, noLog(id, log.Message)
	}
	return func(ctx context.Context, write func([]byte) error) error {
		return s.writeLog(ctx, d, log, r, write)
	}, nil
}

func (s *Service) writeLog(ctx context.Context, d job.Dir, log SessionLog, r LogRequest, write func([]byte) error) error {
	changes := s.cfg.Hub.Subscribe(SessionsTable)
	defer changes.Close()
	grown, stop := s.cfg.Records.Follow(log.Job)
	defer stop()
	reader := d.ReadLogs("")
	defer reader.Close()
	feed := job.Feed{Log: reader, Offset: r.Offset, Grown: grown, Changes: changes, Stopping: s.cfg.Stopping,
		Over: func(ctx context.Context) bool {
			if !r.Follow {
				return true
			}
			now, err := s.Log(ctx, log.Session)
			return fault.Is(err, fault.NotFound) || err == nil && (job.State{Phase: now.Phase}).Over()
		}}
	return feed.Write(ctx, write)
}
