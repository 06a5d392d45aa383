package v1

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// agentOf has every token be that of the session's agent.
type agentOf string

func (id agentOf) Identify(context.Context, string) (*auth.Identity, error) {
	return &auth.Identity{Name: "agent " + string(id), Role: auth.Job, Kind: auth.Agent, ID: string(id)}, nil
}

// What an agent names as its boot set's becomes its session's: it takes what the template
// names, and nothing else.
func TestAgentsClaimWhatTheirTemplateNames(t *testing.T) {
	s := newSite(t)
	id := s.session("boot")
	gate := &auth.Gate{Rules: auth.NewRules(auth.Table), Sources: []auth.Source{agentOf(id)}, Next: s.mux}
	for _, c := range []struct {
		set, nodes string
		want       int
	}{
		{"made-up", node0, http.StatusForbidden},
		{"b", node0 + `","x1c0s7b0n0`, http.StatusForbidden},
		{"b", node0 + `","` + node1, http.StatusCreated},
	} {
		r := httptest.NewRequest(http.MethodPost, "/apis/bos/v1/session/"+id+"/status/"+c.set,
			strings.NewReader(`{"phases":[{"name":"boot","categories":[{"name":"not_started","node_list":["`+c.nodes+`"]}]}]}`))
		r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer x"}}
		w := httptest.NewRecorder()
		gate.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("boot set %s of %s: %d %s, want %d", c.set, c.nodes, w.Code, w.Body, c.want)
		}
	}
}
