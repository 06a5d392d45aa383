package local

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/drover-hpc/drover/internal/job"
)

// adopt watches a supervisor that an earlier server started.
func (e *Executor) adopt(id string, s job.Supervisor) {
	spec, _ := e.dir(id).Spec() // unreadable: counts as running
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch(id, &process{pid: s.PID, free: spec.Free}, s.Alive)
}

// watch notes the process as running and waits for its end. The caller holds mu.
func (e *Executor) watch(id string, p *process, alive func() bool) {
	p.gone = make(chan struct{})
	e.running[id] = p
	e.noticeJob(id)
	e.watches.Add(1)
	go func() {
		defer e.watches.Done()
		ended := await(p.pid, alive, e.closed)
		if p.cmd != nil {
			go p.cmd.Wait() //nolint:errcheck // no zombie may stay; the result file tells the rest
		}
		// A server that was killed may have started a supervisor that had not
		// claimed the job when this one looked: then ours has yielded to it.
		if s, err := e.dir(id).Supervisor(); ended && err == nil && s.PID != p.pid {
			ended = await(s.PID, s.Alive, e.closed)
		}
		if ended {
			e.settle(id, p)
		}
	}()
}

func (e *Executor) settle(id string, p *process) {
	e.ignoreJob(id)
	e.finish(id)
	e.mu.Lock()
	delete(e.running, id)
	e.mu.Unlock()
	close(p.gone)
	e.Tell(id)
	e.dispatch()
	e.Prune(e.cfg.KeepFinished, e.cfg.Log)
}

// finish deals with a job whose supervisor has ended: without a result it is
// lost, and what it left behind goes.
func (e *Executor) finish(id string) {
	d := e.dir(id)
	if _, err := d.Result(); err == nil {
		return
	}
	if err := kill(id, 0); err != nil {
		e.cfg.Log.Error("a lost job left processes", "job", id, "error", err)
	}
	if err := e.cfg.Clean(d); err != nil {
		e.cfg.Log.Error("a lost job left files", "job", id, "error", err)
	}
	r := job.Result{Phase: job.Lost, Ended: e.cfg.Now().UTC(), Message: "the job's processes ended without a result"}
	if s, err := d.Supervisor(); err == nil {
		r.Started = s.Started
	}
	if steps, err := d.Steps(); err == nil && len(steps) > 0 {
		r.Step = steps[len(steps)-1].Name
		r.Message += ", in step " + r.Step
	}
	e.record(id, r)
}

func (e *Executor) record(id string, r job.Result) {
	if err := e.dir(id).SetResult(r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.cfg.Log.Error("cannot record how a job ended", "job", id, "error", err)
	}
	e.Tell(id)
}

func (e *Executor) state(id string) job.State {
	d := e.dir(id)
	if r, err := d.Result(); err == nil {
		return r.State()
	}
	e.mu.Lock()
	p := e.running[id]
	queued := slices.ContainsFunc(e.waiting, func(w waiting) bool { return w.id == id })
	e.mu.Unlock()
	switch {
	case queued:
		return job.State{Phase: job.Waiting}
	case p != nil:
		s := job.State{Phase: job.Running}
		if sup, err := d.Supervisor(); err == nil {
			s.Started = sup.Started
		}
		if steps, err := d.Steps(); err == nil && len(steps) > 0 {
			s.Step = steps[len(steps)-1].Name
		}
		if waits, err := d.Waits(); err == nil {
			s.Waits = waits
		}
		return s
	}
	if r, err := d.Result(); err == nil { // it ended while we looked
		return r.State()
	}
	return e.missing(id)
}
