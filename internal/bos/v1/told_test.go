package v1

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lines are what the journal says of the node's way through sessions of this
// version.
func (s *site) lines(node string) (out []string) {
	s.t.Helper()
	list, err := s.journal.List(s.t.Context(), node, "", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range list {
		if e.Kind == lineKind {
			mark := ""
			if e.Failed {
				mark = "! "
			}
			out = append(out, mark+e.Session+" "+e.Text)
		}
	}
	return out
}

func TestWhatSessionsDoWithNodesIsInTheJournal(t *testing.T) {
	s := newSite(t)
	id := s.session("Boot")
	s.begin(id)
	other := s.session("shutdown")
	s.begin(other)
	path := "/v1/session/" + id + "/status"
	const moves = `{"update_type":"NodeChangeList","phase":"boot","data":{"phase":"boot","source":"not_started","destination":"`
	s.call(200, "PATCH", path+"/b", `[`+moves+`in_progress","node_list":["x1c0s0b0n0","x1c0s1b0n0"]}}]`)
	s.call(200, "PATCH", path+"/b", `[`+moves+`succeeded","node_list":["x1c0s0b0n0"]}},`+moves+`failed","node_list":["x1c0s1b0n0"]}},
		{"update_type":"NodeErrorsList","phase":"boot","data":{"no power":["x1c0s1b0n0"]}}]`)
	s.call(200, "PATCH", path+"/b", `[`+moves+`failed","node_list":["x1c0s1b0n0"]}}]`) // nothing new
	s.call(404, "PATCH", path+"/b", `[`+moves+`excluded","node_list":["x1c0s1b0n0"]}},{"update_type":"NodeErrorsList","phase":"shutdown","data":{"x":[]}}]`)
	if component := s.call(200, "GET", "/v2/components/"+node1, ""); !strings.Contains(component, `"v1_session":"`+id+`"`) {
		t.Errorf("the component does not tell of the session: %s", component)
	}
	s.call(200, "PATCH", path, `{"stop_time":"2"}`)
	if component := s.call(200, "GET", "/v2/components/"+node1, ""); strings.Contains(component, "v1_session") {
		t.Errorf("the component tells of a session that is over: %s", component)
	}
	begins := []string{id + " session " + id + " of BOS v1 takes the node: boot of boot set b",
		other + " left out of the session: session '" + id + "' of BOS v1 is moving the node", id + " phase boot: in progress"}
	for node, want := range map[string][]string{
		node0: append(slices.Clone(begins), id+" phase boot: succeeded", id+" session ended"),
		node1: append(slices.Clone(begins), "! "+id+" phase boot: failed: no power", id+" session ended"),
	} {
		if diff := cmp.Diff(want, s.lines(node)); diff != "" {
			t.Errorf("%s: %s", node, diff)
		}
	}
}

func TestHowANodeIsLetGoIsInTheJournal(t *testing.T) {
	s := newSite(t)
	for want, end := range map[string]func(id string){
		"the session was deleted":              func(id string) { s.call(204, "DELETE", "/v1/session/"+id, "") },
		"the session's status was deleted":     func(id string) { s.call(204, "DELETE", "/v1/session/"+id+"/status", "") },
		"the status of boot set b was deleted": func(id string) { s.call(204, "DELETE", "/v1/session/"+id+"/status/b", "") },
		"phase configure: failed: it died, session ended": func(id string) {
			if err := s.service.Abandon(t.Context(), id, "it died"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		id := s.session("boot")
		s.begin(id)
		end(id)
		lines := s.lines(node0)
		said := strings.ReplaceAll(strings.Join(lines[max(0, len(lines)-2):], ", "), id+" ", "")
		if said = strings.TrimPrefix(said, "! "); !strings.HasSuffix(said, want) {
			t.Errorf("%q is said last, expected %q", said, want)
		}
	}
}

// A node that the agent leaves out from the beginning is nobody's.
func TestNodesThatAreLeftOutAreNotTaken(t *testing.T) {
	s := newSite(t)
	id := s.session("boot")
	b := NewBootSetStatus(id, "b", []string{PhaseBoot}, []string{node0})
	b.Exclude("HSM does not know the node", []string{node1})
	if _, err := s.service.CreateBootSet(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.call(404, "GET", "/v2/components/"+node1, "")
	if got := s.lines(node1); !slices.Equal(got, []string{id + " left out of the session: HSM does not know the node"}) {
		t.Errorf("%q", got)
	}
}
