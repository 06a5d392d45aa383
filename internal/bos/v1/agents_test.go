package v1

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/job"
)

// jobs is an executor whose agents end as the test says.
type jobs struct {
	mu      sync.Mutex
	states  map[string]job.State
	starts  map[string]int
	changed chan string
	stopped []string
}

func (j *jobs) Start(_ context.Context, o Order) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.starts[o.Session]++
	if _, is := j.states[o.ID]; !is {
		j.states[o.ID] = job.State{Phase: job.Running}
	}
	j.changed <- o.ID
	return nil
}

func (j *jobs) State(id string) job.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, is := j.states[id]; is {
		return s
	}
	return job.State{Phase: job.Lost, Message: "no trace of the job"}
}

func (j *jobs) End(_ context.Context, id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.states[id].Over() {
		j.states[id] = job.State{Phase: job.Lost, Message: "ended"}
	}
	return nil
}

func (j *jobs) Stop(_ context.Context, id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.states, id)
	j.stopped = append(j.stopped, id)
	return nil
}

func (j *jobs) Jobs() (ids []string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id := range j.states {
		ids = append(ids, id)
	}
	return ids, nil
}

func (j *jobs) Changed() <-chan string { return j.changed }

func (j *jobs) end(id string, s job.State) {
	j.mu.Lock()
	j.states[id] = s
	j.mu.Unlock()
	j.changed <- id
}

// eventually waits for what the agents' loop does.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	sub := s.hub.Subscribe(SessionsTable, bos.ComponentsTable)
	defer sub.Close()
	for deadline := time.After(20 * time.Second); !holds(); {
		select {
		case <-sub.Ready():
			sub.Take()
		case <-time.After(10 * time.Millisecond): // what leaves no trace in the tables
		case <-deadline:
			s.t.Fatalf("not so: %s", what)
		}
	}
}

func TestSessionWhoseAgentDiedEndsWithItsNodesFailed(t *testing.T) {
	s := newSite(t)
	j := &jobs{states: map[string]job.State{}, starts: map[string]int{}, changed: make(chan string, 100)}
	agents := NewAgents(s.service, j, s.hub)
	agents.Start(t.Context())
	t.Cleanup(func() { agents.Stop() })
	id := s.session("boot")
	s.eventually("the agent was launched", func() bool { return j.State("boa-"+id).Phase == job.Running })
	s.begin(id)
	s.call(200, "PATCH", "/v1/session/"+id+"/status/b", `[{"update_type":"NodeChangeList","phase":"boot","data":{"phase":"boot","source":"not_started","destination":"succeeded","node_list":["x1c0s0b0n0"]}}]`)
	agents.Stop()
	agents = NewAgents(s.service, j, s.hub) // as after a restart of the server
	agents.Start(t.Context())
	j.end("boa-"+id, job.State{Phase: job.Lost, Message: "killed"})
	s.eventually("the session is complete", func() bool {
		session, _, err := s.service.Session(t.Context(), id)
		return err == nil && session.Over()
	})
	if j.starts[id] != 1 {
		t.Errorf("the agent was started %d times", j.starts[id])
	}
	_, sets, err := s.service.Session(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	boot, configure := sets[0].Phases[0], sets[0].Phases[1]
	const words = "the session's agent ended before its work was done: killed"
	if !slices.Equal(boot.Categories[Succeeded], []string{node0}) || !slices.Equal(boot.Categories[Failed], []string{node1}) ||
		!slices.Equal(configure.Categories[Failed], []string{node0, node1}) || !slices.Equal(boot.Errors[words], []string{node1}) {
		t.Errorf("%+v\n%+v", boot, configure)
	}
	if agent := s.component(node1).Engine.Agent; agent != "" {
		t.Errorf("the node is still %q's", agent)
	}
}

func TestAgentOfADeletedSessionIsStopped(t *testing.T) {
	s := newSite(t)
	j := &jobs{states: map[string]job.State{}, starts: map[string]int{}, changed: make(chan string, 100)}
	agents := NewAgents(s.service, j, s.hub)
	agents.Start(t.Context())
	t.Cleanup(agents.Stop)
	id := s.session("shutdown")
	s.eventually("the agent was launched", func() bool { return j.State("boa-"+id).Phase == job.Running })
	s.begin(id)
	s.call(204, "DELETE", "/v1/session/"+id, "")
	s.eventually("the agent was stopped", func() bool { return j.State("boa-"+id).Phase == job.Lost })
	if agent := s.component(node1).Engine.Agent; agent != "" {
		t.Errorf("the node is still %q's", agent)
	}
}

func TestAgentDoesNotWorkOnForASessionThatIsSaidToBeComplete(t *testing.T) {
	s := newSite(t)
	j := &jobs{states: map[string]job.State{}, starts: map[string]int{}, changed: make(chan string, 100)}
	agents := NewAgents(s.service, j, s.hub)
	agents.Grace = time.Millisecond
	agents.Start(t.Context())
	t.Cleanup(agents.Stop)
	id, other := s.session("shutdown"), s.session("shutdown")
	for _, id := range []string{id, other} {
		s.eventually("the agent was launched", func() bool { return j.State("boa-"+id).Phase == job.Running })
	}
	s.call(200, "PATCH", "/v1/session/"+id+"/status", `{"stop_time":"2"}`)
	s.eventually("the agent was ended", func() bool { return j.State("boa-"+id).Message == "ended" })
	if phase := j.State("boa-" + other).Phase; phase != job.Running {
		t.Errorf("the other session's agent is %s", phase)
	}
}

func TestNothingIsLeftOfAnEndedAgentWhoseSessionIsDeleted(t *testing.T) {
	s := newSite(t)
	j := &jobs{states: map[string]job.State{}, starts: map[string]int{}, changed: make(chan string, 100)}
	agents := NewAgents(s.service, j, s.hub)
	agents.Start(t.Context())
	t.Cleanup(agents.Stop)
	id, kept := s.session("shutdown"), s.session("shutdown")
	for _, id := range []string{id, kept} {
		s.eventually("the agent was launched", func() bool { return j.State("boa-"+id).Phase == job.Running })
		s.call(200, "PATCH", "/v1/session/"+id+"/status", `{"stop_time":"2"}`)
		j.end("boa-"+id, job.State{Phase: job.Succeeded})
	}
	s.call(204, "DELETE", "/v1/session/"+id, "")
	s.eventually("its traces are gone", func() bool { return j.State("boa-"+id).Phase == job.Lost })
	if ids, _ := j.Jobs(); !slices.Equal(ids, []string{"boa-" + kept}) {
		t.Errorf("traces of %v", ids)
	}
}

// It may have left something where another server put it.
func TestAgentOfADeletedSessionIsStoppedAlsoWhereItLeftNoTrace(t *testing.T) {
	s := newSite(t)
	j := &jobs{states: map[string]job.State{}, starts: map[string]int{}, changed: make(chan string, 100)}
	id, kept := s.session("shutdown"), s.session("shutdown")
	for _, id := range []string{id, kept} { // by an agent of another server
		s.call(200, "PATCH", "/v1/session/"+id+"/status", `{"stop_time":"2"}`)
	}
	agents := NewAgents(s.service, j, s.hub)
	agents.Start(t.Context())
	t.Cleanup(func() { agents.Stop() })
	<-agents.loop.Started()
	s.call(204, "DELETE", "/v1/session/"+id, "")
	s.eventually("it was stopped", func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return len(j.stopped) > 0
	})
	agents.Stop()
	if stopped := slices.Compact(j.stopped); !slices.Equal(stopped, []string{"boa-" + id}) {
		t.Errorf("%v were stopped", stopped)
	}
}
