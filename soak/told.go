package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Fact is what a client was told and what it is told once the storm is over;
// Later is empty if it is told nothing any more.
type Fact struct{ What, Told, Later string }

// told notes facts that can never change once a client was told of them: that a
// session was accepted, how it ended, the lines of journals.
type told struct {
	c     *cluster
	facts map[string]string
	next  int // the node whose journal is read next
}

func newTold(c *cluster) *told { return &told{c: c, facts: map[string]string{}} }

// watch is told as much as the server has time for.
func (t *told) watch(ctx context.Context) {
	for pause(ctx, lookEvery) == nil {
		t.look(ctx) //nolint:errcheck // the server is killed now and then
	}
}

func (t *told) look(ctx context.Context) error {
	for _, name := range t.c.acceptedSessions() {
		t.facts[existence(name)] = "yes"
	}
	if err := t.ends(ctx, t.facts); err != nil {
		return err
	}
	node := t.c.nodes[t.next%len(t.c.nodes)].Xname()
	t.next++
	return t.lines(ctx, node, t.facts)
}

// ends adds how the sessions that are over ended. It reads the status of those
// that it does not have.
func (t *told) ends(ctx context.Context, facts map[string]string) error {
	sessions, err := t.c.bosSessions(ctx)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		what := "end of session " + s.Name
		if _, has := facts[what]; has || s.Status != "complete" {
			continue
		}
		var status json.RawMessage
		if err := t.c.get(ctx, "/apis/bos/v2/sessions/"+s.Name+"/status", &status); err != nil {
			return err
		}
		facts[what] = s.End.Format(time.TimeOnly) + " " + string(status)
	}
	return nil
}

// lines adds those of the node's journal. Two may have the same time, kind and
// words; then both are there or none.
func (t *told) lines(ctx context.Context, node string, facts map[string]string) error {
	var lines []json.RawMessage
	if err := t.c.get(ctx, "/apis/drover/v1/nodes/"+node+"/journal", &lines); err != nil {
		return err
	}
	for _, l := range lines {
		facts["journal: "+string(l)] = "yes"
	}
	return nil
}

func existence(session string) string { return "session " + session }

// compare asks for everything again.
func (t *told) compare(ctx context.Context) (list []Fact, err error) {
	later := map[string]string{}
	sessions, err := t.c.bosSessions(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		later[existence(s.Name)] = "yes"
	}
	if err := t.ends(ctx, later); err != nil {
		return nil, err
	}
	for _, n := range t.c.nodes {
		if err := t.lines(ctx, n.Xname(), later); err != nil {
			return nil, err
		}
	}
	for _, what := range slices.Sorted(maps.Keys(t.facts)) {
		list = append(list, Fact{what, t.facts[what], later[what]})
	}
	return list, nil
}

// post asks for a session and remembers it once it was accepted.
func (c *cluster) post(ctx context.Context, body string) {
	var session struct{ Name string }
	if err := c.call(ctx, http.MethodPost, "/apis/bos/v2/sessions", body, &session); err != nil {
		return // killed meanwhile
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = append(c.accepted, session.Name)
}

func (c *cluster) acceptedSessions() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.accepted...)
}
