package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// site is a service with what it needs, reached as clients reach it.
type site struct {
	t       *testing.T
	mux     *http.ServeMux
	hub     *events.Hub
	bos     *bos.Service
	journal *journal.Journal
	service *Service
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, mux: http.NewServeMux(), hub: events.NewHub()}
	db, err := store.Open(t.Context(), storetest.Migrated(t), s.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
	s.journal = journal.New(db, now)
	s.bos = bos.NewService(bos.Config{DB: db, Journal: s.journal, Hub: s.hub, Now: now})
	ids := 0
	s.service = NewService(Config{DB: db, BOS: s.bos, Journal: s.journal, Now: now, NewID: func() string { ids++; return fmt.Sprintf("id-%d", ids) }})
	api := httpapi.New(s.mux, "/apis/bos", "BOS", "2")
	bos.Register(api, s.bos)
	Register(api, s.service)
	return s
}

// call sends a body and returns the answer as text, without the line's end.
func (s *site) call(want int, method, path, body string, header ...string) string {
	s.t.Helper()
	r := httptest.NewRequest(method, "/apis/bos"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	if w.Code != want {
		s.t.Errorf("%s %s answered %d, expected %d: %s", method, path, w.Code, want, w.Body)
	}
	return strings.TrimSpace(w.Body.String())
}

// is compares an answer with JSON, whatever the order of its keys.
func (s *site) is(got, want string) {
	s.t.Helper()
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || cmp.Diff(a, b) != "" {
		s.t.Errorf("got  %s\nwant %s", got, want)
	}
}

const (
	template = `{"name":"t","enable_cfs":true,"cfs":{"configuration":"c","branch":"old"},"partition":"p1","cfs_url":"http://old","boot_sets":{` +
		`"b":{"path":"s3://b/i/manifest.json","type":"s3","node_list":["X01C0S0B0N0","x1c0s1b0n0"],"rootfs_provider":"","boot_ordinal":1,"network":"nmn"}}}`
	node0, node1 = "x1c0s0b0n0", "x1c0s1b0n0"
)

func (s *site) session(operation string) string {
	s.t.Helper()
	s.is(s.call(201, "POST", "/v1/sessiontemplate", template), `"t"`)
	var created CreatedSession
	body := s.call(201, "POST", "/v1/session", `{"operation":"`+operation+`","templateUuid":"t"}`)
	if err := json.Unmarshal([]byte(body), &created); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(created.Job, "boa-")
}

func TestTemplatesAreSharedWithVersion2AndLoseWhatIsOld(t *testing.T) {
	s := newSite(t)
	s.is(s.call(201, "POST", "/v1/sessiontemplate", template), `"t"`)
	want := `{"name":"t","enable_cfs":true,"cfs":{"configuration":"c"},"boot_sets":{"b":{"path":"s3://b/i/manifest.json","type":"s3","node_list":["x1c0s0b0n0","x1c0s1b0n0"],"arch":"X86"}}}`
	s.is(s.call(200, "GET", "/v1/sessiontemplate/t", ""), want)
	s.is(s.call(200, "GET", "/v1/sessiontemplate", ""), "["+want+"]")
	s.is(s.call(200, "GET", "/v2/sessiontemplates/t", ""), strings.Replace(want, `"name":"t"`, `"name":"t","tenant":null`, 1))
	s.is(s.call(201, "POST", "/v1/sessiontemplate", strings.Replace(template, `"cfs":{"configuration":"c","branch":"old"},`, "", 1)), `"t"`)
	if got := s.call(200, "GET", "/v1/sessiontemplate/t", ""); strings.Contains(got, "configuration") {
		t.Errorf("not replaced: %s", got)
	}
	if got := s.call(400, "POST", "/v1/sessiontemplate", `{"name":"t","boot_sets":{}}`); !strings.Contains(got, `"title":"The session template could not be created."`) {
		t.Error(got)
	}
	if got := s.call(200, "GET", "/v1/sessiontemplatetemplate", ""); !strings.Contains(got, `"rootfs_provider":"cpss3"`) {
		t.Error(got)
	}
	derived, err := s.bos.Template(t.Context(), "t", "")
	if err != nil {
		t.Fatal(err)
	}
	derived.Name, derived.CFS = "t-12345678", &bootset.CFS{Configuration: "other"}
	if err := s.bos.StartSession(t.Context(), bos.Session{Name: "s", Operation: bos.OperationBoot, TemplateName: derived.Name, Derived: &derived}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/sessiontemplate/t-12345678", "/v1/sessiontemplate", "/v2/sessiontemplates/t-12345678"} {
		if got := s.call(200, "GET", path, ""); !strings.Contains(got, `"configuration":"other"`) || strings.Contains(got, "derived") {
			t.Errorf("%s: %s", path, got)
		}
	}
	s.call(204, "DELETE", "/v1/sessiontemplate/t", "")
	s.call(404, "GET", "/v2/sessiontemplates/t", "")
}

func TestSessionsHaveTheShapesOfVersion1(t *testing.T) {
	s := newSite(t)
	s.call(201, "POST", "/v1/sessiontemplate", template)
	s.is(s.call(200, "GET", "/v1/session", ""), `[]`)
	s.is(s.call(201, "POST", "/v1/session", `{"operation":"ReBoot","templateName":"t","limit":"x1c0s0b0n0"}`),
		`{"operation":"ReBoot","templateName":"t","job":"boa-id-1","limit":"x1c0s0b0n0","links":[
			{"href":"/v1/session/id-1","jobId":"boa-id-1","rel":"session","type":"GET"},{"href":"/v1/session/id-1/status","jobId":"boa-id-1","rel":"status","type":"GET"}]}`)
	s.is(s.call(200, "GET", "/v1/session", ""), `["id-1"]`)
	s.is(s.call(200, "GET", "/v1/session/id-1", ""), `{"templateName":"t","operation":"ReBoot","job":"boa-id-1","status_link":"/v1/session/id-1/status",
		"start_time":"","stop_time":"","complete":false,"in_progress":true,"error_count":0}`)
	s.is(s.call(404, "GET", "/v1/session/none", ""), `{}`)
	s.is(s.call(404, "POST", "/v1/session", `{"operation":"boot","templateName":"none"}`), `"Session Template ID invalid: none"`)
	s.is(s.call(400, "POST", "/v1/session", `{"operation":"boot"}`), `"templateName is a required parameter"`)
	s.call(400, "POST", "/v1/session", `{"operation":"explode","templateName":"t"}`)
	s.call(415, "POST", "/v1/session", `operation=boot`, "Content-Type", "text/plain")
	for _, path := range []string{"/v1/session", "/v1/session/id-1/status", "/v1/sessiontemplate"} {
		if got := s.call(400, "GET", path, "", "Cray-Tenant-Name", "blue"); !strings.Contains(got, `"title":"Multi-tenancy not supported"`) {
			t.Error(got)
		}
	}
	s.call(200, "GET", "/v1/version", "", "Cray-Tenant-Name", "blue")
	s.call(204, "DELETE", "/v1/session/id-1", "")
	s.call(404, "DELETE", "/v1/session/id-1", "")
	s.call(404, "GET", "/v1/session/id-1/status", "")
}

// tree is the status that an agent begins: both nodes in not_started.
func (s *site) begin(id string) {
	s.t.Helper()
	b := NewBootSetStatus(id, "b", []string{PhaseBoot, PhaseConfigure}, []string{node0, node1})
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(bootSetRecord(&b)); err != nil {
		s.t.Fatal(err)
	}
	s.call(201, "POST", "/v1/session/"+id+"/status/b", body.String())
	s.call(409, "POST", "/v1/session/"+id+"/status/b", body.String())
}

func TestStatusTreeFollowsItsUpdates(t *testing.T) {
	s := newSite(t)
	id := s.session("boot")
	path := "/v1/session/" + id + "/status"
	s.is(s.call(200, "GET", path, ""), `{"metadata":{"complete":false,"in_progress":true,"error_count":0},"boot_sets":["b"],"id":"id-1",
		"links":[{"href":"/v1/session/id-1/status","rel":"self"},{"href":"/v1/session/id-1/status/b","rel":"Boot Set"}]}`)
	s.call(409, "POST", path, `{"boot_sets":["b"]}`)
	s.begin(id)
	s.call(200, "PATCH", path+"/b", `[
		{"update_type":"NodeChangeList","phase":"Boot","data":{"phase":"boot","source":"not_started","destination":"IN_PROGRESS","node_list":["x1c0s0b0n0","x1c0s1b0n0"]}},
		{"update_type":"NodeChangeList","phase":"boot","data":{"phase":"boot","source":"in_progress","destination":"failed","node_list":["X1C0S1B0N0"]}},
		{"update_type":"NodeErrorsList","phase":"boot","data":{"no power":["x1c0s1b0n0"],"no cable":["x1c0s1b0n0"]}},
		{"update_type":"NodeErrorsList","phase":"boot","data":{"no power":["x1c0s0b0n0"],"too hot":["x1c0s0b0n0"]}},
		{"update_type":"GenericMetadata","phase":"boot","data":{"start_time":"1"}},
		{"update_type":"GenericMetadata","phase":"boot","data":{"start_time":"2"}},
		{"update_type":"GenericMetadata","phase":"boot_set","data":{"start_time":"0"}},
		{"update_type":"GenericMetadata","phase":"","data":{"stop_time":"9"}}]`)
	s.is(s.call(200, "GET", path+"/b/BOOT", ""), `{"name":"boot","metadata":{"complete":false,"in_progress":true,"error_count":1,"start_time":"1"},
		"categories":[{"name":"not_started","node_list":[]},{"name":"succeeded","node_list":[]},{"name":"failed","node_list":["x1c0s1b0n0"]},{"name":"excluded","node_list":[]},{"name":"in_progress","node_list":["x1c0s0b0n0"]}],
		"errors":{"no power":["x1c0s0b0n0","x1c0s1b0n0"],"no cable":["x1c0s1b0n0"],"too hot":["x1c0s0b0n0"]}}`)
	s.is(s.call(200, "GET", path+"/b/boot/Failed", ""), `{"name":"failed","node_list":["x1c0s1b0n0"]}`)
	got := s.call(200, "GET", path+"/b", "")
	if !strings.Contains(got, `"metadata":{"complete":false,"error_count":1,"in_progress":true,"start_time":"0","stop_time":"9"}`) {
		t.Error(got)
	}
	before := got
	for _, bad := range []string{
		`[{"update_type":"GenericMetadata","phase":"boot","data":{"stop_time":"9"}},{"update_type":"NodeErrorsList","phase":"shutdown","data":{"x":[]}}]`,
		`[{"update_type":"NodeChangeList","phase":"boot","data":{"phase":"boot","source":"in_progress","destination":"nowhere","node_list":["x1"]}}]`,
		`[{"update_type":"Guess","phase":"boot","data":{}}]`,
	} {
		want := 400
		if strings.Contains(bad, "shutdown") {
			want = 404
		}
		s.call(want, "PATCH", path+"/b", bad)
	}
	s.is(s.call(200, "GET", path+"/b", ""), before)
	s.call(404, "GET", path+"/b/shutdown", "")
	s.call(400, "GET", path+"/b/nothing", "")
	s.call(404, "GET", path+"/none", "")
	s.call(200, "PATCH", path, `{"start_time":"1","stop_time":"2"}`)
	s.call(200, "PATCH", path, `{"start_time":"3","stop_time":"4"}`)
	if got := s.call(200, "GET", path, ""); !strings.Contains(got, `"metadata":{"complete":true,"error_count":1,"in_progress":false,"start_time":"1","stop_time":"2"}`) {
		t.Error(got)
	}
	s.call(204, "DELETE", path, "")
	s.call(404, "GET", path, "")
	s.call(404, "GET", path+"/b", "")
	s.call(200, "POST", path, `{"boot_sets":["b"]}`)
}

func (s *site) component(id string) bos.Component {
	s.t.Helper()
	c, err := s.bos.Component(s.t.Context(), id, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestNodesThatVersion2MovesAreExcludedWithItsSession(t *testing.T) {
	s := newSite(t)
	s.call(200, "PUT", "/v2/components/"+node0, `{"session":"mine","enabled":true}`)
	id := s.session("boot")
	s.begin(id)
	b, err := s.service.BootSet(t.Context(), id, "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Phases {
		if !slices.Equal(p.Categories[Excluded], []string{node0}) || !slices.Equal(p.Categories[NotStarted], []string{node1}) ||
			!slices.Equal(p.Errors["session 'mine' of BOS v2 is moving the node"], []string{node0}) {
			t.Errorf("%+v", p)
		}
	}
	if a, b := s.component(node0).Engine.Agent, s.component(node1).Engine.Agent; a != "" || b != id {
		t.Errorf("the nodes are %q's and %q's", a, b)
	}
	second := s.session("boot")
	s.begin(second)
	b, err = s.service.BootSet(t.Context(), second, "b")
	if err != nil || !slices.Equal(b.Phases[0].Errors["session '"+id+"' of BOS v1 is moving the node"], []string{node1}) {
		t.Errorf("%+v, %v", b, err)
	}
	// A record written anew by hand does not take the node from its agent.
	s.call(200, "PUT", "/v2/components/"+node1, `{"enabled":false}`)
	s.call(200, "PATCH", "/v1/session/"+second+"/status", `{"stop_time":"1"}`)
	if agent := s.component(node1).Engine.Agent; agent != id {
		t.Errorf("the node is %q's, expected %q's", agent, id)
	}
	s.call(200, "PATCH", "/v1/session/"+id+"/status", `{"stop_time":"1"}`)
	if agent := s.component(node1).Engine.Agent; agent != "" {
		t.Errorf("the node is still %q's", agent)
	}
}

// Each node of a status is a component: what is no node must not become one.
func TestStatusWithWhatIsNoNodeIsRefused(t *testing.T) {
	s := newSite(t)
	path := "/v1/session/" + s.session("boot") + "/status/b"
	for _, name := range []string{"gateway", "x1c0s0b0", "x1", "x1c0s0b0n0,x1c0s1b0n0"} {
		got := s.call(400, "POST", path, `{"phases":[{"name":"boot","categories":[{"name":"not_started","node_list":["x1c0s0b0n0","`+name+`"]}]}]}`)
		if want := "'" + name + "' in node_list is no node"; !strings.Contains(got, want) {
			t.Errorf("%s, want %q", got, want)
		}
	}
	s.call(404, "GET", path, "")
	var all []struct{ ID string }
	if err := json.Unmarshal([]byte(s.call(200, "GET", "/v2/components", "")), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.ID == "gateway" || c.ID == "x1" || c.ID == "" {
			t.Errorf("a component '%s' was made", c.ID)
		}
	}
	s.call(201, "POST", path, `{"phases":[{"name":"boot","categories":[{"name":"not_started","node_list":["X1C0S0B0N0"]}]}]}`)
}

func TestStatusHoldsEveryNodeAndListsAlone(t *testing.T) {
	s := newSite(t)
	path := "/v1/session/" + s.session("boot") + "/status/b"
	s.is(s.call(400, "POST", path, `{"phases":[{"name":"boot","categories":[{"node_list":["x1c0s0b0n0"]}]}]}`),
		`"phases[0]: a category has no name: its nodes would be in none"`)
	if got := s.call(201, "POST", path, `{"phases":[{"name":"boot","errors":{"HSM is away":[]}}]}`); !strings.Contains(got, `"errors":{"HSM is away":[]}`) {
		t.Error(got)
	}
	if got := s.call(200, "PATCH", path, `[{"update_type":"NodeErrorsList","phase":"boot","data":{"and CFS":null}}]`); !strings.Contains(got, `"and CFS":[]`) {
		t.Error(got)
	}
}

// What is a list stays one when there is nothing in it.
func TestListsOfNothingAreEmptyLists(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/v1/sessiontemplate", "/v1/session"} {
		if got := s.call(200, "GET", path, ""); got != "[]" {
			t.Errorf("GET %s: %s, expected []", path, got)
		}
	}
}
