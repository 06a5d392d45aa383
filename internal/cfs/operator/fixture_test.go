package operator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// executor is a cfs.Executor whose jobs do what the test says. It outlives
// operators, as real jobs do.
type executor struct {
	mu      sync.Mutex
	states  map[string]cfs.JobState
	starts  map[string]int // calls that launched a job, by session
	calls   int
	stopped []string
	refuse  error
	went    job.Account // every job, once it has ended
	changed chan string
}

func (e *executor) Account(string) job.Account {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.went
}

func newExecutor() *executor {
	return &executor{states: map[string]cfs.JobState{}, starts: map[string]int{}, changed: make(chan string, 1000)}
}

func (e *executor) Start(_ context.Context, j cfs.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	if e.refuse != nil {
		return e.refuse
	}
	if _, known := e.states[j.ID]; known {
		return nil
	}
	e.states[j.ID] = cfs.JobState{Phase: job.Waiting}
	e.starts[j.Session]++
	return nil
}

func (e *executor) State(_ context.Context, id string) (cfs.JobState, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, known := e.states[id]; known {
		return s, nil
	}
	return cfs.JobState{Phase: job.Lost}, nil
}

func (e *executor) Stop(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.states, id)
	e.stopped = append(e.stopped, id)
	return nil
}

func (e *executor) Changed() <-chan string { return e.changed }

func (e *executor) set(id string, s cfs.JobState) {
	e.mu.Lock()
	e.states[id] = s
	e.mu.Unlock()
	e.changed <- id
}

func (e *executor) do(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

type fixture struct {
	t       *testing.T
	db      *store.DB
	hub     *events.Hub
	journal *journal.Journal
	service *cfs.Service
	exec    *executor
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, hub: events.NewHub(), exec: newExecutor()}
	db, err := store.Open(t.Context(), storetest.Migrated(t), f.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f.db, f.journal = db, journal.New(db, time.Now)
	f.service = cfs.NewService(cfs.Config{DB: db, Journal: f.journal, Hub: f.hub})
	_, err = f.service.PutConfiguration(t.Context(), cfs.Configuration{Name: "c",
		Layers: []cfs.Layer{{CloneURL: "u", Playbook: "p", Commit: strings.Repeat("a", 40)}}}, cfs.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) operator(maxJobs int) *operator.Operator {
	f.t.Helper()
	return f.start(operator.Config{MaxJobs: maxJobs})
}

func (f *fixture) start(c operator.Config) *operator.Operator {
	f.t.Helper()
	if c.Queue == nil {
		c.Queue = store.NewQueue(f.db, cfs.EventsTopic, time.Now)
	}
	c.Sessions, c.Executor, c.Hub = f.service, f.exec, f.hub
	o := operator.New(c)
	o.Start(f.t.Context())
	f.t.Cleanup(o.Stop)
	return o
}

func (f *fixture) create(name, limit string) {
	f.t.Helper()
	_, err := f.service.CreateSession(f.t.Context(), cfs.NewSession{Name: name, ConfigurationName: "c", AnsibleLimit: &limit,
		Target: cfs.Target{Definition: cfs.TargetDynamic}}, cfs.CreateOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) job(name string) string {
	f.t.Helper()
	run, err := f.service.Run(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return run.Job.ID
}

func (f *fixture) session(name string) cfs.RunStatus {
	f.t.Helper()
	s, err := f.service.Session(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.Status.Session
}

// until polls a condition.
func (f *fixture) until(what string, cond func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			f.t.Fatalf("timed out: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (f *fixture) untilStage(name string, stage cfs.Stage, succeeded cfs.Succeeded) cfs.RunStatus {
	f.t.Helper()
	var got cfs.RunStatus
	f.until(fmt.Sprintf("%s to be %s/%s", name, stage, succeeded), func() bool {
		got = f.session(name)
		return got.Status == stage && got.Succeeded == succeeded
	})
	return got
}

func (f *fixture) started(name string) (n int) {
	f.exec.do(func() { n = f.exec.starts[name] })
	return n
}
