package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/job"

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
			for j := range e.jobs {
				phase := job.Succeeded
				if err := report(api, j); err != nil {
					phase = job.Failed
				}
				e.set(j.ID, phase)
			}
		}()
	}
}

func report(api *httpapi.Client, j cfs.Job) error {
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
	for _, l := range j.Layers {
		var body []patch
		for _, x := range strings.Split(j.Limit, ",") {
			body = append(body, patch{x, appended{l.CloneURL, l.Playbook, l.Commit, j.Session, "applied"}})
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

func (e *nullExecutor) set(id string, phase job.Phase) {
	e.mu.Lock()
	s := e.states[id]
	s.Phase = phase
	if phase == job.Running {
		s.Started = time.Now()
	} else {
		s.Ended = time.Now()
	}
	e.states[id] = s
	e.mu.Unlock()
	e.changed <- id
}

func (e *nullExecutor) Start(_ context.Context, j cfs.Job) error {
	e.mu.Lock()
	_, known := e.states[j.ID]
	e.mu.Unlock()
	if !known {
		e.set(j.ID, job.Running)
		e.jobs <- j
	}
	return nil
}

func (e *nullExecutor) State(_ context.Context, id string) (cfs.JobState, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, known := e.states[id]
	if !known {
		s.Phase = job.Lost
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
