package cfs

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/xname"
)

// DefaultMaxJobs is how many jobs run at the same time if nobody says
// otherwise: they mostly wait for nodes.
func DefaultMaxJobs() int { return 4 * runtime.NumCPU() }

// OpenSession is a session that is not complete, with its run.
type OpenSession struct {
	Session Session
	Run     Run
}

// openStages are those of a session that is not complete.
var openStages = store.Match{Column: "status", In: []string{string(StagePending), string(StageRunning)}}

// OpenSessions returns those of the sessions with the names (nil: of all) that
// are not complete, by name.
func (s *Service) OpenSessions(ctx context.Context, names []string) ([]OpenSession, error) {
	sessions, err := s.sessions.List(ctx, store.Query{Keys: names, Where: []store.Match{openStages}})
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(sessions))
	for i := range sessions {
		keys[i] = sessions[i].Name
	}
	runs, err := s.runs.List(ctx, store.Query{Keys: keys})
	if err != nil {
		return nil, err
	}
	byName := make(map[string]Run, len(runs))
	for _, r := range runs {
		byName[r.Session] = r
	}
	out := make([]OpenSession, 0, len(sessions))
	for _, session := range sessions {
		if run, found := byName[session.Name]; found { // else it was deleted between the two reads
			out = append(out, OpenSession{Session: session, Run: run})
		}
	}
	return out, nil
}

// ActiveSessions counts the sessions that wait for or have a job.
func (s *Service) ActiveSessions(ctx context.Context) (int, error) {
	return s.sessions.Count(ctx, store.Query{Where: []store.Match{openStages}})
}

// BusySessions counts the sessions that have a place among those that run at a
// time, or are to get the next ones: not those whose job waits, such as for a
// git server, nor those that are not begun as long as it does.
func (s *Service) BusySessions(ctx context.Context) (int, error) {
	open, err := s.OpenSessions(ctx, nil)
	if err != nil {
		return 0, err
	}
	stuck := map[string]bool{}
	for i := range open {
		if r := &open[i].Run; r.State.Waiting != nil {
			stuck[r.Repositories()] = true
		}
	}
	open = slices.DeleteFunc(open, func(o OpenSession) bool {
		return o.Run.State.Waiting != nil || o.Session.Status.Session.Job == nil && stuck[o.Run.Repositories()]
	})
	return len(open), nil
}

// Behind is what a session that is not begun waits for if that is another one,
// whose job waits for the same repositories; nil if there is none.
func (s *Service) Behind(ctx context.Context, name string) (*Waiting, error) {
	open, err := s.OpenSessions(ctx, nil)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(open, func(o OpenSession) bool { return o.Session.Name == name })
	if i < 0 || open[i].Session.Status.Session.Job != nil {
		return nil, nil
	}
	mine := open[i].Run.Repositories()
	for j := range open {
		if w := open[j].Run.State.Waiting; w != nil && open[j].Run.Repositories() == mine {
			return &Waiting{Reason: "session " + open[j].Session.Name + " waits for the same repositories: " + w.Reason}, nil
		}
	}
	return nil, nil
}

// Repositories are those of the job's layers.
func (r *Run) Repositories() string {
	urls := make([]string, len(r.Job.Layers))
	for i, l := range r.Job.Layers {
		urls[i] = l.CloneURL
	}
	return strings.Join(urls, "\n")
}

// Progress is where a session stands: what its record says, which clients may
// write, and its job, which only the executor speaks for.
type Progress struct {
	RunStatus
	Phase job.Phase
}

// Progress returns where the sessions with the names stand, by name; one that
// does not exist is left out.
func (s *Service) Progress(ctx context.Context, names []string) (map[string]Progress, error) {
	found, err := s.sessions.List(ctx, store.Query{Keys: append([]string{}, names...)})
	if err != nil {
		return nil, err
	}
	// After the sessions: a job's end is written together with its session's.
	runs, err := s.runs.List(ctx, store.Query{Keys: append([]string{}, names...)})
	if err != nil {
		return nil, err
	}
	phases := make(map[string]job.Phase, len(runs))
	for i := range runs {
		phases[runs[i].Session] = runs[i].State.Phase
	}
	out := make(map[string]Progress, len(found))
	for i := range found {
		name := found[i].Name
		out[name] = Progress{RunStatus: found[i].Status.Session, Phase: phases[name]}
	}
	return out, nil
}

// AcceptSessions shows each session's job in its record: from here on it will
// be launched. It returns the runs of those that still exist.
func (s *Service) AcceptSessions(ctx context.Context, names []string) ([]Run, error) {
	var runs []Run
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		var err error
		runs, err = s.lockRuns(ctx, names)
		if err != nil || len(runs) == 0 {
			return err
		}
		jobs := make(map[string]string, len(runs))
		keys := make([]string, 0, len(runs))
		for i := range runs {
			jobs[runs[i].Session] = runs[i].Job.ID
			keys = append(keys, runs[i].Session)
		}
		_, _, err = s.sessions.Update(ctx, keys, func(session *Session) error {
			job := jobs[session.Name]
			session.Status.Session.Job = &job
			return nil
		})
		return err
	})
	return runs, err
}

// lockRuns returns those of the runs that exist; until the transaction ends
// nobody else writes them.
func (s *Service) lockRuns(ctx context.Context, names []string) ([]Run, error) {
	runs, _, err := s.runs.Update(ctx, append([]string{}, names...), func(*Run) error { return store.ErrUnchanged })
	return runs, err
}

// TakeUp notes that the operator learnt of the sessions by their events, once
// for each, and returns the names of those that do not exist. One that has a job
// already needs no note.
func (s *Service) TakeUp(ctx context.Context, names []string) (missing []string, err error) {
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		runs, err := s.lockRuns(ctx, names)
		if err != nil {
			return err
		}
		there := make([]string, len(runs))
		for i := range runs {
			there[i] = runs[i].Session
		}
		sessions, err := s.sessions.List(ctx, store.Query{Keys: there})
		if err != nil {
			return err
		}
		begun := map[string]bool{}
		for i := range sessions {
			begun[sessions[i].Name] = sessions[i].Status.Session.Job != nil
		}
		now := s.cfg.Now()
		_, missing, err = s.runs.Update(ctx, append([]string{}, names...), func(r *Run) error {
			if begun[r.Session] || !r.TakenUp.IsZero() {
				return store.ErrUnchanged
			}
			r.TakenUp = now
			return nil
		})
		return err
	})
	return missing, err
}

// SaveRuns stores what the operator learnt of jobs and moves their sessions
// along, in one transaction. A session that was deleted meanwhile is left out.
func (s *Service) SaveRuns(ctx context.Context, runs []Run) error {
	if len(runs) == 0 {
		return nil
	}
	byName := make(map[string]Run, len(runs))
	names := make([]string, len(runs))
	for i, r := range runs {
		byName[r.Session], names[i] = r, r.Session
	}
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		var lines []journal.Entry
		_, missing, err := s.sessions.Update(ctx, names, func(session *Session) error {
			run := byName[session.Name]
			before := session.Status.Session
			session.follow(run.State)
			after := session.Status.Session
			if before.Status == after.Status && before.Succeeded == after.Succeeded && before.Waiting.Equal(after.Waiting) {
				return store.ErrUnchanged
			}
			lines = append(lines, run.tell(before.Status, after)...)
			return nil
		})
		if err != nil {
			return err
		}
		for _, name := range missing {
			delete(byName, name)
		}
		kept := make([]Run, 0, len(byName))
		for _, r := range byName {
			kept = append(kept, r)
		}
		if err := s.runs.Put(ctx, kept...); err != nil {
			return err
		}
		return s.cfg.Journal.Append(ctx, lines...)
	})
}

// tell is the step of a session in the words of its nodes' journals, as far as
// its limit names them.
func (r *Run) tell(before Stage, after RunStatus) []journal.Entry {
	var out []journal.Entry
	for _, node := range limitNodes(r.Job.Limit) {
		if xname.TypeOf(node) != xname.Node {
			continue
		}
		line := journal.Entry{Node: node, Source: "cfs", Kind: "configuration", Session: r.Session}
		if before == StagePending {
			line.Text = "configuration session '" + r.Session + "' started"
			out = append(out, line)
		}
		if after.Status != StageComplete {
			continue
		}
		line.Text, line.Failed = "configuration session '"+r.Session+"' finished", after.Succeeded != SucceededTrue
		switch after.Succeeded {
		case SucceededFalse:
			line.Text += " with failures"
			if r.State.Step != "" {
				line.Text += " in step " + r.State.Step
			}
		case SucceededUnknown:
			line.Text += "; nobody knows how"
		}
		out = append(out, line)
	}
	return out
}
