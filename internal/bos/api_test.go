package bos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
)

// site is a service with what it needs, reached as clients reach it.
type site struct {
	t       *testing.T
	mux     *http.ServeMux
	service *Service
	journal *journal.Journal
	now     time.Time
	objects map[string]string
	tenants map[string][]string
	archs   map[string]string
	imsErr  error
}

const testManifest = `{"artifacts":[
	{"type":"application/vnd.cray.image.kernel","link":{"type":"s3","path":"s3://boot-images/image1/kernel","etag":"k"}},
	{"type":"application/vnd.cray.image.initrd","link":{"type":"s3","path":"s3://boot-images/image1/initrd","etag":"i"}}]}`

func newSite(t *testing.T) *site {
	s := &site{t: t, mux: http.NewServeMux(), now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		objects: map[string]string{"s3://boot-images/image1/manifest.json": testManifest,
			"s3://boot-images/image1/kernel": "", "s3://boot-images/image1/initrd": ""},
		tenants: map[string][]string{"blue": {"x1c0s0b0n0"}}, archs: map[string]string{"image1": "x86_64"}}
	hub := events.NewHub()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	clock := func() time.Time { return s.now }
	s.journal = journal.New(db, clock)
	ids := 0
	s.service = NewService(Config{DB: db, Journal: s.journal, Hub: hub, Objects: s, Images: s, Tenants: s, Now: clock,
		NewID: func() string { ids++; return fmt.Sprintf("id-%d", ids) }})
	Register(httpapi.New(s.mux, "/apis/bos", "BOS", "2"), s.service)
	return s
}

func (s *site) Get(_ context.Context, url string, _ int64) ([]byte, error) {
	body, known := s.objects[url]
	if !known {
		return nil, fault.New(fault.NotFound, "no object %s", url)
	}
	return []byte(body), nil
}

func (s *site) ETag(ctx context.Context, url string) (string, error) {
	_, err := s.Get(ctx, url, 0)
	return "", err
}

func (s *site) Arch(_ context.Context, id string) (string, error) {
	if s.imsErr != nil {
		return "", s.imsErr
	}
	a, known := s.archs[id]
	if !known {
		return "", fault.New(fault.NotFound, "no image %s", id)
	}
	return a, nil
}

func (s *site) Project(context.Context, string) error { return nil }

func (s *site) Nodes(_ context.Context, tenant string) ([]string, error) {
	nodes, known := s.tenants[tenant]
	if !known {
		return nil, fault.New(fault.NotFound, "no tenant")
	}
	return nodes, nil
}

// call makes a request; words are "METHOD path" and headers "Name: value".
func (s *site) call(request, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, "/apis/bos"+path, bytes.NewBufferString(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

// expect makes a request and compares the answer with want: a status, and the
// body if it is given.
func (s *site) expect(request, body string, status int, want string, headers ...string) {
	s.t.Helper()
	w := s.call(request, body, headers...)
	if w.Code != status {
		s.t.Errorf("%s %.200s answered %d %s, want %d", request, body, w.Code, w.Body, status)
		return
	}
	if want == "" {
		return
	}
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil {
		s.t.Errorf("%s answered %s", request, w.Body)
		return
	}
	if diff := cmp.Diff(a, b); diff != "" {
		s.t.Errorf("%s: %s", request, diff)
	}
}

func problem(status int, title, detail string) string {
	raw, _ := json.Marshal(map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail})
	return string(raw)
}

const (
	template = `{"enable_cfs":true,"cfs":{"configuration":"c"},"boot_sets":{
		"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["X01C0S0B0N0"]},
		"a":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_groups":["g"],"arch":"X86","cfs":{"configuration":""}}}}`
	badRequest = "Bad Request"
	notThere   = "The resource was not found"
)

func TestTemplates(t *testing.T) {
	s := newSite(t)
	stored := `{"name":"t","tenant":null,"enable_cfs":true,"cfs":{"configuration":"c"},"boot_sets":{
		"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"],"arch":"X86"},
		"a":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_groups":["g"],"arch":"X86"}}}`
	s.expect("PUT /v2/sessiontemplates/t", template, 200, stored)
	s.expect("GET /v2/sessiontemplates/t", "", 200, stored)
	if body := s.call("GET /v2/sessiontemplates/t", "").Body.String(); strings.Index(body, `"b":{`) > strings.Index(body, `"a":{`) {
		t.Error("the order of the boot sets is lost:", body)
	}
	s.expect("GET /v2/sessiontemplates", "", 200, "["+stored+"]")
	s.expect("GET /v2/sessiontemplatesvalid/t", "", 200, `"Valid"`)
	s.expect("PATCH /v2/sessiontemplates/t", `{"description":"d","cfs":{"configuration":""},"boot_sets":{
		"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","kernel_parameters":"quiet"},
		"c":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_roles_groups":["Compute"]}}}`, 200,
		`{"name":"t","tenant":null,"description":"d","enable_cfs":true,"boot_sets":{
		"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"],"arch":"X86","kernel_parameters":"quiet"},
		"a":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_groups":["g"],"arch":"X86"},
		"c":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_roles_groups":["Compute"],"arch":"X86"}}}`)
	blank := `"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"],"arch":"X86","etag":"","kernel_parameters":"","rootfs_provider_passthrough":""`
	s.expect("PUT /v2/sessiontemplates/blank", `{"boot_sets":{"b":{`+blank+`}}}`, 200, `{"name":"blank","tenant":null,"boot_sets":{"b":{`+blank+`}}}`)
	s.expect("DELETE /v2/sessiontemplates/blank", "", 204, "")
	s.expect("GET /v2/sessiontemplatetemplate", "", 200, "")
	s.expect("DELETE /v2/sessiontemplates/t", "", 204, "")
	for _, request := range []string{"GET /v2/sessiontemplates/t", "DELETE /v2/sessiontemplates/t", "GET /v2/sessiontemplatesvalid/t"} {
		s.expect(request, "", 404, problem(404, notThere, "Session template 't' does not exist"))
	}
	s.expect("PATCH /v2/sessiontemplates/t", `{"description":"d"}`, 404, problem(404, notThere, "Session template 't' does not exist"))
	s.expect("GET /v2/sessiontemplates", "", 200, "[]")
}

func TestTemplatesThatAreRefused(t *testing.T) {
	s := newSite(t)
	set := func(b string) string { return `{"boot_sets":{"b":` + b + `}}` }
	ok := `"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1c0s0b0n0"]`
	for body, want := range map[string]string{
		`{}`: "expected required property boot_sets to be present",
		set(`{"path":"s3://a/b/manifest.json","type":"s3","node_list":[""]}`):                                   "expected length >= 1 - 'boot_sets.b.node_list[0]'",
		set(`{"path":"s3://a/b/manifest.json","type":"s3","node_groups":["` + strings.Repeat("g", 128) + `"]}`): "expected length <= 127 - 'boot_sets.b.node_groups[0]'",
		set(`{` + ok + `,"rootfs_provider":"` + strings.Repeat("p", 512) + `"}`):                                "expected length <= 511 - 'boot_sets.b.rootfs_provider'",
		`{"boot_sets":{}}`:                                   "expected object with at least 1 properties - 'boot_sets'",
		`{"boot_sets":{},"other":1}`:                         "",
		set(`{"type":"s3"}`):                                 "expected required property path to be present - 'boot_sets.b'",
		set(`{` + ok + `,"name":"other"}`):                   "The session template could not be created: boot set 'b' has the name 'other': it must equal its key",
		set(`{"path":"s3://a/b/manifest.json","type":"s3"}`): "The session template could not be created: boot set 'b' needs at least one of node_list, node_groups and node_roles_groups",
		set(`{` + ok + `,"arch":"ARM"}`):                     "The session template could not be created: boot set 'b': boot set arch 'ARM' needs an image for aarch64, but image 'image1' is for x86_64",
		`{"name":"t","boot_sets":{"b":{` + ok + `}}}`:        "Property is read-only - 'name'",
		`{"tenant":null,"boot_sets":{"b":{` + ok + `}}}`:     "Property is read-only - 'tenant'",
		set(`{` + ok + `,"arch":"PDP11"}`):                   `expected value to be one of "X86, ARM, Other, Unknown" - 'boot_sets.b.arch'`,
		`{"boot_sets":{"bad name":{` + ok + `}}}`:            "The session template could not be created: boot set name 'bad name' may have up to 127 letters, digits, '.', '-' and '_', the first and last a letter or digit",
	} {
		wantBody := ""
		if want != "" {
			wantBody = problem(400, badRequest, want)
		}
		s.expect("PUT /v2/sessiontemplates/t", body, 400, wantBody)
	}
	s.expect("PUT /v2/sessiontemplates/-bad-", template, 400, "")
	s.expect("PUT /v2/sessiontemplates/t", template, 400, problem(400, "Invalid tenant", "The provided tenant does not exist"), "Cray-Tenant-Name: green")
	s.expect("PUT /v2/sessiontemplates/t", template, 415, "", "Content-Type: text/plain")
	s.expect("PATCH /v2/options", `{"reject_nids":true}`, 200, "")
	s.expect("PUT /v2/sessiontemplates/t", set(`{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["nid001"]}`), 400,
		problem(400, badRequest, "The session template could not be created: reject_nids: boot set 'b': node_list contains NIDs, which are not supported: nid001"))
	s.expect("GET /v2/sessiontemplates", "", 200, "[]")
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/sessiontemplates/t", template, 200, "")
	record := `{"name":"id-1","tenant":null,"operation":"boot","template_name":"t","limit":"","stage":false,"include_disabled":false,
		"components":"","status":{"status":"pending","start_time":"2026-03-04T05:06:07","end_time":null,"error":null}}`
	s.expect("POST /v2/sessions", `{"operation":"boot","template_name":"t","limit":null}`, 201, record)
	s.expect("GET /v2/sessions/id-1", "", 200, record)
	s.now = s.now.Add(90 * time.Minute)
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t","name":"two"}`, 201, "")
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t","name":"two"}`, 409,
		problem(409, "The resource to be created already exists", "Session 'two' already exists"))
	s.expect("GET /v2/sessions?min_age=1h", "", 200, "["+record+"]")
	s.expect("GET /v2/sessions?max_age=1h&status=complete", "", 200, "[]")
	s.expect("GET /v2/sessions?min_age=later", "", 400, "")
	s.expect("GET /v2/sessions/id-1/status", "", 200, `{"status":"pending","managed_components_count":0,
		"phases":{"percent_complete":0,"percent_powering_on":0,"percent_powering_off":0,"percent_configuring":0},
		"percent_successful":0,"percent_failed":0,"percent_staged":0,"error_summary":{},
		"timing":{"start_time":"2026-03-04T05:06:07","end_time":null,"duration":"1:30:00"}}`)
	if body := s.call("GET /v2/sessions/id-1/status", "").Body.String(); !strings.Contains(body, `"percent_complete":0.0,`) || !strings.Contains(body, `"percent_staged":0.0,`) {
		t.Error("percentages are no floats:", body)
	}
	s.expect("PATCH /v2/sessions/id-1", `{"components":"x1","status":{"status":"complete","end_time":"2026-03-04T06:00:00"}}`, 200,
		strings.NewReplacer(`"components":""`, `"components":"x1"`, "pending", "complete", `"end_time":null`, `"end_time":"2026-03-04T06:00:00"`).Replace(record))
	s.expect("DELETE /v2/sessions?status=complete", "", 204, "")
	s.expect("GET /v2/sessions/id-1", "", 404, problem(404, notThere, "Session 'id-1' does not exist"))
	s.expect("GET /v2/sessions/id-1/status", "", 404, problem(404, notThere, "Session 'id-1' does not exist"))
	s.expect("DELETE /v2/sessions/two", "", 204, "")
	s.expect("DELETE /v2/sessions/two", "", 404, "")
	s.expect("DELETE /v2/sessions", "", 204, "")
}

func TestSessionsThatAreRefused(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/sessiontemplates/t", template, 200, "")
	s.expect("POST /v2/sessions", `{"operation":"Boot","template_name":"t"}`, 400, "")
	s.expect("POST /v2/sessions", `{"template_name":"t"}`, 400, problem(400, badRequest, "expected required property operation to be present"))
	s.expect("POST /v2/sessions", `{"operation":"boot","template_name":"none"}`, 400, problem(400, badRequest, "Session Template Name invalid: none"))
	s.expect("POST /v2/sessions", `{"operation":"boot","template_name":"t"}`, 400,
		problem(400, "Invalid tenant", "The provided tenant does not exist"), "Cray-Tenant-Name: green")
	delete(s.objects, "s3://boot-images/image1/kernel")
	s.expect("POST /v2/sessions", `{"operation":"boot","template_name":"t"}`, 400, problem(400, badRequest,
		"Session template fails check: Session template: 't' boot set: 'b': look up kernel: no object s3://boot-images/image1/kernel"))
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t"}`, 201, "")
	s.expect("PATCH /v2/options", `{"session_limit_required":true,"reject_nids":true}`, 200, "")
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t","limit":""}`, 400, problem(400, badRequest,
		"session_limit_required option is set, but this session has no limit specified"))
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t","limit":"x1,!nid1"}`, 400,
		problem(400, badRequest, "reject_nids: session limit appears to contain NIDs: x1,!nid1"))
	s.expect("POST /v2/sessions", `{"operation":"shutdown","template_name":"t","limit":"*"}`, 201, "")
}

// put makes components with the ids.
func (s *site) put(ids ...string) {
	s.t.Helper()
	var list []ComponentPatch
	for _, id := range ids {
		list = append(list, ComponentPatch{ID: id})
	}
	raw, _ := json.Marshal(list)
	s.expect("PUT /v2/components", string(raw), 200, "")
}

func (s *site) ids(query string) string {
	s.t.Helper()
	w := s.call("GET /v2/components"+query, "")
	var list []ComponentRecord
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		s.t.Fatalf("%s: %s", query, w.Body)
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return strings.Join(out, " ")
}

func TestComponentLists(t *testing.T) {
	s := newSite(t)
	s.expect("GET /v2/components", "", 200, "[]")
	s.put("x3", "x1", "x2", "x1c0s0b0n0")
	s.expect("PATCH /v2/components/x2", `{"enabled":true,"session":"one","staged_state":{"session":"two"}}`, 200, "")
	s.expect("PATCH /v2/components/x3", `{"status":{"phase":"configuring"}}`, 200, "")
	for query, want := range map[string]string{
		"": "x1 x1c0s0b0n0 x2 x3", "?ids=x3,x9,x1": "x1 x3", "?session=one": "x2", "?staged_session=two": "x2",
		"?enabled=True": "x2", "?enabled=false": "x1 x1c0s0b0n0 x3", "?phase=configuring": "x3", "?phase=": "x1 x1c0s0b0n0 x2 x3",
		"?status=on_hold,configuring": "x2 x3", "?page_size=2": "x1 x1c0s0b0n0", "?page_size=2&start_after_id=x1c0s0b0n0": "x2 x3",
		"?enabled=true&status=stable": "", "?nonsense=1": "x1 x1c0s0b0n0 x2 x3",
	} {
		if got := s.ids(query); got != want {
			t.Errorf("%q gave %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"?enabled=maybe", "?phase=dancing", "?page_size=-1", "?session=-bad-"} {
		s.expect("GET /v2/components"+query, "", 400, "")
	}
	w := s.call("GET /v2/components", "", "Cray-Tenant-Name: blue")
	if !strings.HasPrefix(w.Body.String(), `[{"id":"x1c0s0b0n0"`) || strings.Contains(w.Body.String(), `"x2"`) {
		t.Errorf("the tenant sees %s", w.Body)
	}
	s.expect("GET /v2/components", "", 400, problem(400, "Invalid tenant", "Data not found for tenant green"), "Cray-Tenant-Name: green")
	s.expect("GET /v2/components/x2", "", 404, problem(404, notThere, "Component 'x2' does not exist"), "Cray-Tenant-Name: blue")
}

func TestComponentChanges(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	s.expect("PATCH /v2/components/x1", `{"desired_state":{"boot_artifacts":{"kernel":"k"}},"session":"s","retry_policy":1,"error":"e"}`, 200,
		`{"id":"x1","actual_state":{"boot_artifacts":{"kernel":"","kernel_parameters":"","initrd":""},"bss_token":""},
		"desired_state":{"boot_artifacts":{"kernel":"k","kernel_parameters":"","initrd":""},"configuration":"","bss_token":"","last_updated":"2026-03-04T05:06:07"},
		"staged_state":{"boot_artifacts":{"kernel":"","kernel_parameters":"","initrd":""},"configuration":"","session":""},
		"last_action":{"failed":false},"event_stats":{"power_on_attempts":0,"power_off_graceful_attempts":0,"power_off_forceful_attempts":0},
		"status":{"phase":"","status":"stable","status_override":""},"enabled":false,"error":"e","session":"s","retry_policy":1}`)
	s.expect("PATCH /v2/components/x9", `{"enabled":true}`, 404, problem(404, notThere, "Component 'x9' does not exist"))
	for body, want := range map[string]string{
		`{"actual_state":{"last_updated":"2026-03-04T05:06:07"}}`: "Property is read-only - 'actual_state.last_updated'",
		`{"status":{"status":"stable"}}`:                          "Property is read-only - 'status.status'",
		`{"enabled":"yes"}`:                                       "expected boolean - 'enabled'",
		`{"nonsense":1}`:                                          "unexpected property - 'nonsense'",
		`{"retry_policy":-1}`:                                     "expected number >= 0 - 'retry_policy'",
		`{"error":null}`:                                          "null is not allowed here - 'error'",
		`{ }`:                                                     "the body says nothing: expected at least one property of the component",
	} {
		s.expect("PATCH /v2/components/x1", body, 400, problem(400, badRequest, want))
		s.expect("PATCH /v2/components", `[{"id":"x2"},{"id":"x1",`+body[1:]+`]`, 400, "")
	}
	s.expect("DELETE /v2/components/x1", "", 204, "")
	s.expect("DELETE /v2/components/x1", "", 404, "")
	s.expect("GET /v2/components/x1", "", 404, problem(404, notThere, "Component 'x1' does not exist"))
}

// However a node's name is written, it is the same component.
func TestComponentsHaveOneSpelling(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/components/X1000C0S00B0N0", `{"enabled":false}`, 200, "")
	s.expect("PATCH /v2/components", `[{"id":"x1000c0s0b00n0","error":"e"}]`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"retry_policy":2},"filters":{"ids":"X1000c0s0b0n0"}}`, 200, "")
	list, err := s.service.Components(t.Context(), store.Query{})
	if err != nil || len(list) != 1 || list[0].ID != "x1000c0s0b0n0" || list[0].Troubles.Newest() != "e" || *list[0].RetryPolicy != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	s.expect("GET /v2/components/x1000C0s0b0n0", "", 200, "")
	if got := s.call("GET /v2/components?ids=X1000C0S0B0N0", "").Body.String(); !strings.Contains(got, `"id":"x1000c0s0b0n0"`) {
		t.Error(got)
	}
	s.expect("DELETE /v2/components/x1000c0s0b0n00", "", 204, "")
}

// A filter without a value is no wish for everything.
func TestFiltersWithoutAValueAreRefused(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	for query, want := range map[string]string{
		"components?ids=":            "expected at least one character - 'query.ids'",
		"components?enabled=":        "expected boolean - 'query.enabled'",
		"components?session=&ids=x1": "expected at least one character - 'query.session'",
		"components?page_size=":      "expected integer - 'query.page_size'",
		"sessions?status=":           `expected value to be one of "pending, running, complete" - 'query.status'`,
		"sessions?min_age=":          "expected at least one character - 'query.min_age'",
	} {
		s.expect("GET /v2/"+query, "", 400, problem(400, badRequest, want))
	}
	s.expect("GET /v2/components?phase=&status=", "", 200, "")
}

func TestReportIsRefusedWhileBOSChangesTheNode(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	if err := s.service.RecordToken(t.Context(), "token", BootArtifacts{Kernel: "k", Initrd: "i"}); err != nil {
		t.Fatal(err)
	}
	report := `{"id":"x1","actual_state":{"bss_token":"token"}}`
	s.expect("PATCH /v2/components/x1", `{"enabled":true,"desired_state":{"bss_token":"token"}}`, 200, "")
	s.expect("PATCH /v2/components/x1", report, 409, problem(409, "Actual state can not be updated.",
		"BOS is currently changing the state of the node 'x1', and the actual state can not be accurately recorded"))
	s.expect("PATCH /v2/components/x1", `{"last_action":{"action":"powering_on"}}`, 200, "")
	s.now = s.now.Add(time.Hour)
	s.expect("PATCH /v2/components/x1", report, 200, "")
	c, _ := s.service.Component(t.Context(), "x1", "")
	if c.ActualState != (ActualState{BootArtifacts: BootArtifacts{Kernel: "k", Initrd: "i"}, BSSToken: "token", LastUpdated: s.now}) {
		t.Errorf("actual state %+v", c.ActualState)
	}
	at := s.now
	s.now = s.now.Add(time.Hour)
	s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"unknown"}}`, 200, "")
	c, _ = s.service.Component(t.Context(), "x1", "")
	if c.ActualState.BootArtifacts.Kernel != "k" || c.ActualState.BSSToken != "unknown" || !c.ActualState.LastUpdated.Equal(at) {
		t.Errorf("an unknown token made the state %+v", c.ActualState)
	}
}

// A node whose kernel lost the end of its command line takes itself for
// another: its token tells.
func TestReportWithTheTokenOfOtherNodesIsRefused(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	tokens := []string{"first", "second", "third"}
	for _, name := range append(tokens, "others") {
		if err := s.service.RecordToken(t.Context(), name, BootArtifacts{Kernel: "k", Initrd: "i"}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := s.service.Change(t.Context(), []string{"x1"}, func(c *Component) error {
		for _, name := range tokens {
			c.Powered(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const why = "BSS gave the token 'others' for the boot of other nodes, not of 'x1': look who really sent this"
	s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"others"}}`, 409, problem(409, "Actual state can not be updated.", why))
	s.expect("PATCH /v2/components", `[{"id":"x1","actual_state":{"bss_token":"others"}}]`, 409, "")
	for _, name := range tokens { // a slow boot may report after the next try began
		s.expect("PATCH /v2/components/x1", `{"actual_state":{"bss_token":"`+name+`"}}`, 200, "")
	}
}

// One call for many nodes follows the rule of one call for one.
func TestReportOfManyIsRefusedWhileBOSChangesOneOfThem(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	s.expect("PATCH /v2/components/x1", `{"enabled":true}`, 200, "")
	reports := `[{"id":"x1","actual_state":{"bss_token":"t"}},{"id":"x2","actual_state":{"bss_token":"t"}}]`
	tokens := func() (both [2]string) {
		for i, id := range []string{"x1", "x2"} {
			c, err := s.service.Component(t.Context(), id, "")
			if err != nil {
				t.Fatal(err)
			}
			both[i] = c.ActualState.BSSToken
		}
		return both
	}
	s.expect("PATCH /v2/components", reports, 409, problem(409, "Actual state can not be updated.",
		"BOS is currently changing the state of the node 'x1', and the actual state can not be accurately recorded"))
	if got := tokens(); got != [2]string{} {
		t.Errorf("a refused call left tokens %q", got)
	}
	s.expect("PATCH /v2/components?skip_bad_ids=true", reports, 200, "")
	if got := tokens(); got != [2]string{"", "t"} {
		t.Errorf("tokens %q, want that of the idle node alone", got)
	}
}

func TestBulkChanges(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2", "x3")
	s.expect("PATCH /v2/components", `[{"id":"x1","enabled":true},{"id":"x9","enabled":true}]`, 404, problem(404, notThere, "Component 'x9' does not exist"))
	if got := s.ids("?enabled=true"); got != "" {
		t.Errorf("a failed call changed %s", got)
	}
	s.expect("PATCH /v2/components?skip_bad_ids=true", `[{"id":"x1","session":"s"},{"id":"x9","enabled":true},{"id":"x1","enabled":true,"session":"s"}]`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"error":"e"},"filters":{"ids":"x2,x3","session":""}}`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"enabled":false},"filters":{"session":"s","ids":null}}`, 200, "")
	s.expect("PATCH /v2/components", `{"patch":{"enabled":false},"filters":{"session":"none"}}`, 200, "[]")
	c1, _ := s.service.Component(t.Context(), "x1", "")
	c2, _ := s.service.Component(t.Context(), "x2", "")
	if c1.Enabled || c1.Session != "s" || c2.Troubles.Newest() != "e" {
		t.Errorf("%+v %+v", c1, c2)
	}
	for _, body := range []string{`{"patch":{}}`, `{"patch":{},"filters":{}}`, `{"patch":{},"filters":{"ids":"a","session":"b"}}`,
		`[{"enabled":true}]`, `[`, `7`, `{"patch":{"nonsense":1},"filters":{"ids":"x1"}}`, `[{"id":"x1","session":"bad name"}]`,
		`[{"id":"x1","error":"` + strings.Repeat("e", 70000) + `"}]`} {
		w := s.call("PATCH /v2/components", body)
		if w.Code != 400 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s answered %d %s", body, w.Code, w.Body)
		}
	}
	s.expect("PATCH /v2/components", `[{"id":"x1"}]`, 404, "", "Cray-Tenant-Name: blue")
}

// Writers of different fields of one record must not undo each other.
func TestConcurrentPatchesLoseNothing(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2")
	const each = 25
	var wg sync.WaitGroup
	for i := range each {
		for _, body := range []string{fmt.Sprintf(`{"error":"e%d"}`, i), fmt.Sprintf(`{"retry_policy":%d}`, i),
			fmt.Sprintf(`{"staged_state":{"configuration":"c%d"}}`, i)} {
			wg.Go(func() { s.call("PATCH /v2/components/x1", body) })
		}
		wg.Go(func() { s.call("PATCH /v2/components", `[{"id":"x1","enabled":true},{"id":"x2","enabled":true}]`) })
		wg.Go(func() {
			s.service.Change(context.Background(), []string{"x2", "x1"}, func(c *Component) error {
				c.EventStats.PowerOnAttempts++
				c.Enabled = true // else enabling would forget the tries
				return nil
			})
		})
	}
	wg.Wait()
	c, err := s.service.Component(t.Context(), "x1", "")
	if err != nil || c.Troubles.Newest() == "" || c.RetryPolicy == nil || c.StagedState.Configuration == "" || !c.Enabled {
		t.Errorf("%+v %v", c, err)
	}
}

func TestOptions(t *testing.T) {
	s := newSite(t)
	o, _ := json.Marshal(DefaultOptions())
	s.expect("GET /v2/options", "", 200, string(o))
	w := s.call("PATCH /v2/options", `{"polling_frequency":3,"my_option":"x"}`)
	var echo map[string]any
	json.Unmarshal(w.Body.Bytes(), &echo)
	if w.Code != 200 || echo["my_option"] != "x" || echo["polling_frequency"] != 3.0 || echo["max_boot_wait_time"] != 1200.0 {
		t.Errorf("PATCH answered %s", w.Body)
	}
	now, err := s.service.Options(t.Context())
	if err != nil || now.PollingFrequency != 3 {
		t.Errorf("%+v %v", now, err)
	}
	for _, body := range []string{`{"polling_frequency":-1}`, `{"component_actual_state_ttl":"30m"}`, `{"clear_stage":"yes"}`, `{}`, `[]`, `{"logging_level":"LOUD"}`, `{"max_boot_wait_time":null}`} {
		if w := s.call("PATCH /v2/options", body); w.Code != 400 {
			t.Errorf("%s answered %d %s", body, w.Code, w.Body)
		}
	}
	s.expect("PATCH /v2/options", `{"component_actual_state_ttl":"6H"}`, 200, "")
	if now, _ = s.service.Options(t.Context()); now.ActualStateTTL() != 6*time.Hour || now.PollingFrequency != 3 {
		t.Errorf("%+v", now)
	}
}

func TestVersionAndHealth(t *testing.T) {
	s := newSite(t)
	s.expect("GET /v2/healthz", "", 200, `{"dbStatus":"ok","apiStatus":"ok"}`)
	for path, isList := range map[string]bool{"/": true, "/v2": false, "/v2/version": false} {
		w := s.call("GET "+path, "")
		if w.Code != 200 || strings.HasPrefix(w.Body.String(), "[") != isList || !strings.Contains(w.Body.String(), `"major":"2"`) ||
			!strings.Contains(w.Body.String(), "http://example.com/apis/bos/") {
			t.Errorf("%s answered %d %s", path, w.Code, w.Body)
		}
	}
}

func TestApplyStagedThatCannotBe(t *testing.T) {
	s := newSite(t)
	s.put("x1", "x2", "x3")
	s.expect("PATCH /v2/components", `[{"id":"x1","staged_state":{"session":"gone"}},{"id":"x2","staged_state":{"session":"boot"}}]`, 200, "")
	s.expect("PUT /v2/sessiontemplates/t", template, 200, "")
	s.expect("POST /v2/sessions", `{"name":"boot","operation":"boot","template_name":"t","stage":true}`, 201, "")
	s.expect("POST /v2/applystaged", `{"xnames":["x1","x2","x3","x9"]}`, 200, `{"succeeded":[],"failed":["x1","x2"],"ignored":["x3","x9"]}`)
	s.expect("POST /v2/applystaged", `{}`, 200, `{"succeeded":[],"failed":[],"ignored":[]}`)
	c, _ := s.service.Component(t.Context(), "x1", "")
	if c.Enabled || c.Session != "gone" || c.LastAction.Action != ApplyStaged || c.Troubles.Newest() != "Staged session 'gone' does not exist" {
		t.Errorf("%+v", c)
	}
}

func TestStatusChangesAreInTheJournal(t *testing.T) {
	s := newSite(t)
	s.put("x1")
	s.expect("PATCH /v2/components/x1", `{"enabled":true,"session":"s"}`, 200, "")
	list, err := s.journal.List(t.Context(), "x1", "", 0)
	if err != nil || len(list) != 1 || list[0].Text != "stable -> on_hold" || list[0].Session != "s" || list[0].Kind != "status" {
		t.Errorf("%+v %v", list, err)
	}
}

// The command line derives its commands without a service.
func TestRegisterWithoutService(t *testing.T) {
	api := httpapi.New(http.NewServeMux(), "/apis/bos", "BOS", "2")
	Register(api, nil)
	var paths []string
	for p := range api.OpenAPI().Paths {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	if len(paths) != 15 {
		t.Errorf("paths %v", paths)
	}
}
