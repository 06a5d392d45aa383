package cfs_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/store"
)

// events returns what the queue holds.
func (f *fixture) events() []cfs.Event {
	f.t.Helper()
	messages, err := store.NewQueue(f.db, cfs.EventsTopic, func() time.Time { return f.now }).Due(f.t.Context(), 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	out := make([]cfs.Event, len(messages))
	for i, m := range messages {
		if err := json.Unmarshal(m.Payload, &out[i]); err != nil {
			f.t.Fatal(err)
		}
	}
	return out
}

// Section A, steps 2 and 3.
func TestSessionCreate(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	got := f.want(201, "POST", "/v3/sessions", `{"name":"s1","configuration_name":"cfg","target":{"definition":"dynamic","groups":[],"image_map":[]}}`).object(t)
	want := map[string]any{"name": "s1", "configuration": map[string]any{"name": "cfg", "limit": ""},
		"ansible": map[string]any{"config": "cfs-default-ansible-cfg", "limit": "", "verbosity": 0.0, "passthrough": ""},
		"target":  map[string]any{"definition": "dynamic", "groups": []any{}, "image_map": nil},
		"tags":    map[string]any{}, "debug_on_failure": false, "logs": "/?label=s1",
		"status": map[string]any{"artifacts": []any{}, "session": map[string]any{"status": "pending", "succeeded": "none",
			"start_time": "2030-01-02T03:04:05", "completion_time": nil, "job": nil, "ims_job": nil}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, f.want(200, "GET", "/v3/sessions/s1", "").object(t)); diff != "" {
		t.Error(diff)
	}
	if got := f.want(409, "POST", "/v3/sessions", `{"name":"s1","configuration_name":"none"}`).title(); got != "Conflicting session name" {
		t.Error(got)
	}
	e := f.events()
	if len(e) != 1 || e[0].Type != cfs.EventCreate || e[0].Data.Name != "s1" {
		t.Errorf("%+v", e)
	}
	v2 := f.want(200, "POST", "/v2/sessions", `{"name":"s2","configurationName":"cfg","ansibleVerbosity":2,"tags":{"k":"v"}}`).object(t)
	ansible := map[string]any{"config": "cfs-default-ansible-cfg", "limit": nil, "verbosity": 2.0, "passthrough": nil}
	if diff := cmp.Diff(ansible, v2["ansible"]); diff != "" || v2["debug_on_failure"] != nil || v2["logs"] != nil {
		t.Errorf("%s %v", diff, v2)
	}
	run := v2["status"].(map[string]any)["session"]
	if diff := cmp.Diff(map[string]any{"status": "pending", "succeeded": "none", "startTime": "2030-01-02T03:04:05",
		"completionTime": nil, "job": nil}, run); diff != "" {
		t.Error(diff)
	}
	f.want(200, "PATCH", "/v3/options", `{"include_ara_links":false}`)
	if logs, has := f.want(200, "GET", "/v3/sessions/s1", "").object(t)["logs"]; !has || logs != nil {
		t.Error(logs)
	}
}

func TestSessionCreateRefused(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	for _, body := range []string{
		`{"name":"s"}`,
		`{"name":"Upper","configuration_name":"cfg"}`,
		`{"name":"` + strings.Repeat("n", 46) + `","configuration_name":"cfg"}`,
		`{"name":"s","configuration_name":"none"}`,
		`{"name":"s","configuration_name":"debug_other"}`,
		`{"name":"s","configuration_name":"cfg","ansible_limit":"a b"}`,
		`{"name":"s","configuration_name":"cfg","ansible_limit":"@/etc/hostname"}`,
		`{"name":"s","configuration_name":"cfg","ansible_limit":"a:@/etc/hostname"}`,
		`{"name":"s","configuration_name":"cfg","ansible_config":"../../etc"}`,
		`{"name":"s","configuration_name":"cfg","ansible_config":"/etc/ansible"}`,
		`{"name":"s","configuration_name":"cfg","ansible_config":".."}`,
		`{"name":"s","configuration_name":"cfg","ansible_config":"a/../b"}`,
		`{"name":"s","configuration_name":"cfg","ansible_config":"a\u001b"}`,
		`{"name":"s","configuration_name":"cfg","ansible_verbosity":5}`,
		`{"name":"s","configuration_name":"cfg","ansible_passthrough":"--check"}`,
		`{"name":"s","configuration_name":"cfg","ansible_passthrough":"-f many"}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"odd"}}`,
		`{"name":"s","configuration_name":"cfg","target":{"groups":[{"name":"g","members":["x"]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec"}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec","groups":[{"name":"g","members":[" "]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec","groups":[{"name":"g","members":["{{ 1 + 1 }}"]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec","groups":[{"name":"{{ g }}","members":["x1"]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec","groups":[{"name":"g","members":["x[1:3]"]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"spec","groups":[{"name":"g","members":["` + strings.Repeat("x", 254) + `"]}]}}`,
		`{"name":"s","configuration_name":"cfg","target":{"definition":"image","groups":[{"name":"g","members":["no-uuid"]}]}}`,
		`{"name":"s","configuration_name":"cfg","status":{}}`,
	} {
		if a := f.call("POST", "/v3/sessions", body); a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.text)
		}
	}
	f.want(400, "POST", "/v2/sessions", `{"name":"s","configurationName":"debug_noop"}`)
	if got := f.want(400, "POST", "/v2/sessions", `{"name":"s","configurationName":"cfg","ansibleConfig":"../../etc"}`).text; !strings.Contains(got, "ansible_config: ") {
		t.Error(got)
	}
	f.want(404, "GET", "/v3/sessions/s", "")
	if e := f.events(); len(e) != 0 {
		t.Errorf("refused sessions left events: %v", e)
	}
	f.want(201, "POST", "/v3/sessions", `{"name":"p","configuration_name":"cfg","ansible_config":"site-1.cfg","ansible_passthrough":"--tags x -e a=b --forks=5"}`)
}

// One image in several groups is one job; its ID has one spelling.
func TestImageSessionPinsItsImages(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/configurations/cfg", `{"layers":[{"clone_url":"https://git/a","playbook":"a"},{"clone_url":"https://git/b","playbook":"b","special_parameters":{"ims_require_dkms":true}}]}`)
	f.want(201, "POST", "/v3/sessions", `{"name":"i","configuration_name":"cfg","configuration_limit":"0","target":{"definition":"image",
		"groups":[{"name":"Compute","members":["FF287206-6FF7-4659-92ad-6e732821c6b4"]},{"name":"Extra","members":["ff2872066ff7465992ad6e732821c6b4","a1c5c6d5-6d87-4a6e-8d7e-0d6c4d2b9a10"]}],
		"image_map":[{"source_id":"ff287206-6ff7-4659-92ad-6e732821c6b4","result_name":"mine"},{"source_id":"00000000-0000-0000-0000-000000000000","result_name":"nobody's"}]}}`)
	run, err := f.service.Run(t.Context(), "i")
	if err != nil {
		t.Fatal(err)
	}
	want := []cfs.JobImage{{ID: "ff287206-6ff7-4659-92ad-6e732821c6b4", Result: "mine"}, {ID: "a1c5c6d5-6d87-4a6e-8d7e-0d6c4d2b9a10"}}
	if diff := cmp.Diff(want, run.Job.Images); diff != "" || !run.Job.DKMS || run.Job.RecordState {
		t.Errorf("%s\n%+v", diff, run.Job)
	}
	if diff := cmp.Diff([]cfs.TargetGroup{{Name: "Compute", Members: []string{want[0].ID}}, {Name: "Extra", Members: []string{want[0].ID, want[1].ID}}}, run.Job.Groups); diff != "" {
		t.Error(diff)
	}
}

func TestSessionWhoseSourceDoesNotExistIsRefused(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	f.want(200, "PATCH", "/v3/options", `{"additional_inventory_source":"nowhere"}`)
	a := f.want(400, "POST", "/v3/sessions", `{"name":"s","configuration_name":"cfg"}`)
	if a.title() != "Source does not exist" || !strings.Contains(a.text, "'nowhere'") || !strings.Contains(a.text, "additional_inventory_source") {
		t.Error(a.text)
	}
	f.want(404, "GET", "/v3/sessions/s", "")
}

// What runs is fixed when the session is created (section H for the limits).
func TestJobIsPinned(t *testing.T) {
	f := newFixture(t)
	f.want(201, "POST", "/v3/sources", `{"name":"inv","clone_url":"https://git/inv","credentials":{"username":"u","password":"p"}}`)
	f.want(200, "PATCH", "/v3/options", `{"additional_inventory_source":"inv","debug_wait_time":7}`)
	f.configuration("cfg", "a", "b", "c")
	create := func(name, more string) cfs.Job {
		t.Helper()
		f.want(201, "POST", "/v3/sessions", `{"name":"`+name+`"`+more+`}`)
		run, err := f.service.Run(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return run.Job
	}
	job := create("s0", `,"configuration_name":"cfg","configuration_limit":"2,0,9","debug_on_failure":true,"ansible_limit":"Compute:!dev"`)
	f.want(200, "PUT", "/v3/configurations/cfg", `{"layers":[]}`)
	after, err := f.service.Run(t.Context(), "s0")
	if err != nil {
		t.Fatal(err)
	}
	layer := func(i int, p string) cfs.JobLayer {
		return cfs.JobLayer{Index: i, Name: p, CloneURL: "https://git/repo", Commit: commitOf("main"), Playbook: p + ".yml"}
	}
	want := cfs.Job{ID: job.ID, Session: "s0", Configuration: "cfg", Selection: "2,0,9", Target: "dynamic", Layers: []cfs.JobLayer{layer(0, "a"), layer(2, "c")},
		Inventory:     &cfs.JobLayer{CloneURL: "https://git/inv", Source: "inv"},
		AnsibleConfig: "cfs-default-ansible-cfg", Limit: "Compute:!dev", DebugWait: 7 * time.Second, RecordState: true}
	if diff := cmp.Diff(want, after.Job); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(job.ID, "cfs-") || len(job.ID) != 40 {
		t.Error(job.ID)
	}
	f.configuration("cfg", "a", "ab", "c")
	for limit, want := range map[string]string{"": "a ab c", "ab": "ab", "c,a": "a c", "a,1": "a", "9": "", "abc": ""} {
		var names []string
		for _, l := range create("n"+fmt.Sprintf("%x", limit), `,"configuration_name":"cfg","configuration_limit":"`+limit+`"`).Layers {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("limit %q selects %q, want %q", limit, got, want)
		}
	}
	debug := create("d", `,"configuration_name":"debug_noop"`)
	if diff := cmp.Diff([]cfs.JobLayer{{Name: cfs.DebugLayer, Playbook: "noop.yaml"}}, debug.Layers); diff != "" || debug.RecordState {
		t.Error(diff)
	}
	if create("p", `,"configuration_name":"cfg","ansible_passthrough":"--tags x"`).RecordState {
		t.Error("a partial run must not be recorded")
	}
}

func TestSessionPatch(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	f.want(201, "POST", "/v3/sessions", `{"name":"s","configuration_name":"cfg"}`)
	patch := func(status int, version, body string) map[string]any {
		t.Helper()
		return f.want(status, "PATCH", "/"+version+"/sessions/s", body).object(t)
	}
	session := func(o map[string]any) map[string]any {
		return o["status"].(map[string]any)["session"].(map[string]any)
	}
	got := session(patch(200, "v3", `{"status":{"session":{"status":"running","job":"j1","succeeded":"","completion_time":null}}}`))
	if got["status"] != "running" || got["job"] != "j1" || got["succeeded"] != "none" {
		t.Error(got)
	}
	if got := patch(409, "v3", `{"status":{"session":{"job":"j1","status":"complete"}}}`)["title"]; got != "Session patch conflict." {
		t.Error(got)
	}
	if got := session(f.want(200, "GET", "/v3/sessions/s", "").object(t))["status"]; got != "running" {
		t.Errorf("a refused patch changed the status to %v", got)
	}
	if got := session(patch(200, "v2", `{"status":{"session":{"job":"j2","status":"pending","succeeded":"odd"}}}`)); got["job"] != "j2" || got["status"] != "running" {
		t.Error(got)
	}
	artifact := `{"status":{"artifacts":[{"image_id":"i","result_id":"r","type":"ims_customized_image"}]}}`
	patch(200, "v3", artifact)
	if got := patch(200, "v3", artifact)["status"].(map[string]any)["artifacts"].([]any); len(got) != 1 {
		t.Error(got)
	}
	patch(400, "v3", `{"tags":{}}`)
	patch(400, "v3", `{"status":{"session":{"status":1}}}`)
	f.want(404, "PATCH", "/v3/sessions/none", `{"status":{}}`)
}

// Section C.
func TestSessionFilters(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	start := f.now
	for i, age := range []time.Duration{48 * time.Hour, 12 * time.Hour, time.Hour, 0} {
		f.now = start.Add(-age)
		f.want(201, "POST", "/v3/sessions", fmt.Sprintf(`{"name":"s%d","configuration_name":"cfg","tags":{"n":"%d","all":"yes"}}`, i, i))
	}
	f.now = start
	f.want(200, "PATCH", "/v3/sessions/s0", `{"status":{"session":{"status":"complete","succeeded":"true"}}}`)
	f.want(200, "PATCH", "/v3/sessions/s1", `{"status":{"session":{"status":"complete","succeeded":"unknown"}}}`)
	f.want(200, "PATCH", "/v3/sessions/s2", `{"status":{"session":{"status":"running"}}}`)
	for query, want := range map[string]string{
		"": "s0 s1 s2 s3", "status=": "s0 s1 s2 s3", "status=complete": "s0 s1", "status=running": "s2", "succeeded=unknown": "s1",
		"min_age=1d": "s0", "min_age=12H": "s0 s1", "max_age=6h": "s2 s3", "min_age=1h&max_age=12h": "s1 s2", "age=1d": "s0 s1 s2 s3",
		"tags=n%3D2": "s2", "tags=n%3D2,all%3Dyes": "s2", "tags=n%3D2,all%3Dno": "", "name_contains=3": "s3",
	} {
		var names []string
		for _, s := range f.want(200, "GET", "/v3/sessions?"+query, "").object(t)["sessions"].([]any) {
			names = append(names, s.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"min_age=1d2h", "min_age=5", "tags=x", "tags=a%3Db%3Dc", "status=odd", "min_age=999999999w"} {
		f.want(400, "GET", "/v3/sessions?"+query, "")
		f.want(400, "DELETE", "/v3/sessions?"+query, "")
	}
	page := f.want(200, "GET", "/v3/sessions?limit=1&status=complete", "").object(t)
	if diff := cmp.Diff(map[string]any{"age": nil, "min_age": nil, "max_age": nil, "status": "complete", "name_contains": nil,
		"succeeded": nil, "tags": nil, "limit": 1.0, "after_id": "s0"}, page["next"]); diff != "" {
		t.Error(diff)
	}
	if got := f.want(200, "GET", "/v2/sessions?age=1d", "").text; !strings.Contains(got, `"s0"`) || strings.Contains(got, `"s1"`) {
		t.Error(got)
	}
	f.want(204, "DELETE", "/v2/sessions?min_age=1d", "")
	if got := f.want(200, "DELETE", "/v3/sessions", "").text; got != `{"session_ids":["s1"]}`+"\n" {
		t.Error(got)
	}
	if got := f.want(200, "DELETE", "/v3/sessions?status=", "").text; got != `{"session_ids":["s2","s3"]}`+"\n" {
		t.Error(got)
	}
	deleted := slices.DeleteFunc(f.events(), func(e cfs.Event) bool { return e.Type != cfs.EventDelete })
	if len(deleted) != 4 {
		t.Errorf("%d DELETE events", len(deleted))
	}
}

// Section E.
func TestSessionDeletesAtTheSameTime(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	const n = 20
	for i := range n {
		f.want(201, "POST", "/v3/sessions", fmt.Sprintf(`{"name":"s%02d","configuration_name":"cfg"}`, i))
	}
	codes := make([]int, 4)
	var group sync.WaitGroup
	for i := range codes {
		group.Go(func() { codes[i] = f.call("DELETE", "/v3/sessions/s00", "").status })
	}
	group.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{http.StatusNoContent, 404, 404, 404}) {
		t.Error(codes)
	}
	answers := make([]answer, 4)
	for i := range answers {
		group.Go(func() { answers[i] = f.call("DELETE", "/v3/sessions?status=pending&name_contains=s", "") })
		group.Go(func() {
			if a := f.call("GET", "/v3/sessions", ""); a.status != 200 {
				t.Errorf("%d %s", a.status, a.text)
			}
			if a := f.call("GET", "/v3/sessions/s07", ""); a.status != 200 && a.status != 404 {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	group.Wait()
	var all []string
	for _, a := range answers {
		for _, id := range a.object(t)["session_ids"].([]any) {
			all = append(all, id.(string))
		}
	}
	slices.Sort(all)
	if len(all) != n-1 || len(slices.Compact(all)) != n-1 {
		t.Errorf("%d sessions deleted: %v", len(all), all)
	}
}

func TestSessionCreatesAtTheSameTime(t *testing.T) {
	f := newFixture(t)
	f.configuration("cfg", "a")
	codes := make([]int, 4)
	var group sync.WaitGroup
	for i := range codes {
		group.Go(func() {
			codes[i] = f.call("POST", "/v3/sessions", `{"name":"s","configuration_name":"cfg"}`).status
		})
	}
	group.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{201, 409, 409, 409}) || len(f.events()) != 1 {
		t.Error(codes)
	}
}
