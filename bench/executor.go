package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// nullExecutor ends each job at once and reports its hosts as configured, by
// the call that the Ansible plugin makes.
type nullExecutor struct {
	changed chan string
	jobs    chan cfs.Job

	mu     sync.Mutex
	states map[string]cfs.JobState
}

func newNullExecutor() *nullExecutor {
	return &nullExecutor{changed: make(chan string, 100_000), jobs: make(chan cfs.Job, 100_000), states: map[string]cfs.JobState{}}
}

// serve handles jobs, a few at a time, for as long as the process lives.
func (e *nullExecutor) serve(api *httpapi.Client) {
	for range 4 {
		go func() {
			for job := range e.jobs {
				phase := cfs.JobSucceeded
				if err := report(api, job); err != nil {
					phase = cfs.JobFailed
				}
				e.set(job.ID, phase)
			}
		}()
	}
}

func report(api *httpapi.Client, job cfs.Job) error {
	type appended struct {
		CloneURL string `json:"clone_url"`
		Playbook string `json:"playbook"`
		Commit   string `json:"commit"`
		Session  string `json:"session_name"`
		Status   string `json:"status"`
	}
	type patch struct {
		ID     string   `json:"id"`
		Append appended `json:"state_append"`
	}
	for _, l := range job.Layers {
		var body []patch
		for _, x := range strings.Split(job.Limit, ",") {
			body = append(body, patch{x, appended{l.CloneURL, l.Playbook, l.Commit, job.Session, "applied"}})
		}
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		if _, err := api.Do(context.Background(), http.MethodPatch, "/apis/cfs/v3/components?count_errors=true", nil, text, nil); err != nil {
			return err
		}
	}
	return nil
}

func (e *nullExecutor) set(id string, phase cfs.JobPhase) {
	e.mu.Lock()
	s := e.states[id]
	s.Phase = phase
	if phase == cfs.JobRunning {
		s.Started = time.Now()
	} else {
		s.Ended = time.Now()
	}
	e.states[id] = s
	e.mu.Unlock()
	e.changed <- id
}

func (e *nullExecutor) Start(_ context.Context, job cfs.Job) error {
	e.mu.Lock()
	_, known := e.states[job.ID]
	e.mu.Unlock()
	if !known {
		e.set(job.ID, cfs.JobRunning)
		e.jobs <- job
	}
	return nil
}

func (e *nullExecutor) State(_ context.Context, id string) (cfs.JobState, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, known := e.states[id]
	if !known {
		s.Phase = cfs.JobLost
	}
	return s, nil
}

func (e *nullExecutor) Stop(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.states, id)
	return nil
}

func (e *nullExecutor) Changed() <-chan string { return e.changed }
