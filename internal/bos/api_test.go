package bos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
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
	images  []Image
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
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
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

func (s *site) Find(_ context.Context, image string) (found []Image, err error) {
	for _, one := range s.images {
		if one.ID == image || one.Name == image {
			found = append(found, one)
		}
	}
	if arch, known := s.archs[image]; known {
		found = append(found, Image{ID: image, Name: image, Path: "s3://boot-images/" + image + "/manifest.json", Arch: arch})
	}
	return found, s.imsErr
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
	if len(paths) != 17 {
		t.Errorf("paths %v", paths)
	}
}

func TestNodeNamedTwiceIsKeptOnce(t *testing.T) {
	s := newSite(t)
	s.expect("PUT /v2/sessiontemplates/t", `{"boot_sets":{"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["X1000C0S00B0N0","x1","x1000c0s0b0n0"]}}}`, 200,
		`{"name":"t","tenant":null,"boot_sets":{"b":{"path":"s3://boot-images/image1/manifest.json","type":"s3","node_list":["x1000c0s0b0n0","x1"],"arch":"X86"}}}`)
}

// The published service selects the sessions of all tenants and deletes those
// of none.
func TestDeletingSessionsWithoutATenantDeletesThoseSelected(t *testing.T) {
	s := newSite(t)
	for i, tenant := range []string{"", "blue"} {
		session := Session{Name: fmt.Sprintf("s%d", i), Tenant: tenant, Operation: OperationBoot, TemplateName: "t",
			Status: SessionStatus{Status: SessionComplete, StartTime: s.now}}
		if err := s.service.sessions.Insert(t.Context(), session); err != nil {
			t.Fatal(err)
		}
	}
	s.expect("DELETE /v2/sessions?status=complete", "", 204, "")
	s.expect("GET /v2/sessions", "", 200, "[]")
}
