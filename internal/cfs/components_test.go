package cfs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/store"
)

func TestComponentRecord(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a", "b")
	f.want(200, "PUT", "/v3/components", `[{"id":"x0","desired_config":"c","tags":{"k":"v"}},{"id":"x1"}]`)
	got := f.want(200, "GET", "/v3/components/x0?state_details=true&config_details=true", "").object(t)
	layer := func(p string) any {
		return map[string]any{"name": strings.TrimSuffix(p, ".yml"), "clone_url": "https://git/repo", "playbook": p, "commit": commitOf("main"), "status": "pending"}
	}
	want := map[string]any{"id": "x0", "state": []any{}, "desired_config": "c", "desired_state": []any{layer("a.yml"), layer("b.yml")},
		"error_count": 0.0, "enabled": true, "configuration_status": "pending", "tags": map[string]any{"k": "v"}, "logs": "/hosts?name=x0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bare := f.want(200, "GET", "/v3/components/x1", "").object(t)
	for _, absent := range []string{"state", "desired_state", "retry_policy"} {
		if _, has := bare[absent]; has {
			t.Errorf("%s was not asked for", absent)
		}
	}
	if got := f.want(200, "GET", "/v3/components/x1?config_details=true", "").object(t)["desired_state"]; !cmp.Equal(got, []any{}) {
		t.Errorf("desired_state without a configuration is %v", got)
	}
	f.want(200, "PATCH", "/v3/options", `{"include_ara_links":false}`)
	if _, has := f.want(200, "GET", "/v3/components/x1", "").object(t)["logs"]; has {
		t.Error("links are off")
	}
	f.want(204, "DELETE", "/v3/components/x1", "")
	f.want(404, "DELETE", "/v3/components/x1", "")
	f.want(404, "GET", "/v3/components/x1", "")
}

// Section B, steps 2, 3 and 10.
func TestComponentLife(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a", "b")
	f.want(200, "PUT", "/v3/components/x0", `{}`)
	f.status("x0", "unconfigured")
	session := 0
	report := func(playbook, status string) {
		t.Helper()
		session++
		f.report("x0", playbook, status, fmt.Sprint("s", session))
	}
	f.want(200, "PATCH", "/v3/components/x0", `{"desired_config":"c","enabled":true}`)
	f.status("x0", "pending")
	report("a", "failed")
	report("a", "failed")
	f.errors("x0", 2)
	f.status("x0", "pending")
	report("a", "failed")
	f.status("x0", "failed") // the default policy is 3
	f.want(200, "PATCH", "/v3/components/x0", `{"retry_policy":-1}`)
	f.status("x0", "pending")
	f.want(200, "PATCH", "/v3/components/x0", `{"retry_policy":3}`)
	f.want(200, "PATCH", "/v3/components/x0", `{"error_count":0}`)
	f.status("x0", "pending")
	report("a", "applied")
	report("b", "incomplete")
	f.errors("x0", 0)
	f.status("x0", "pending")
	report("b", "skipped")
	f.status("x0", "configured")

	f.git.heads["main"] = commitOf("elsewhere")
	f.want(200, "PATCH", "/v3/configurations/c", "")
	f.status("x0", "pending")
	f.want(200, "PUT", "/v3/configurations/c", `{"layers":[]}`)
	f.status("x0", "configured")
	f.want(200, "PATCH", "/v3/components/x0", `{"desired_config":"none"}`)
	f.status("x0", "configured") // something ran, nothing is to be done
	f.configuration("none", "a")
	f.status("x0", "pending")
	f.want(200, "PATCH", "/v3/components/x0", `{"state":[],"enabled":true}`)
	f.status("x0", "pending")
	if got := f.want(200, "GET", "/v3/components/x0?state_details=true", "").object(t)["state"]; !cmp.Equal(got, []any{}) {
		t.Errorf("%v", got)
	}
	f.want(200, "PATCH", "/v3/options", `{"default_batcher_retry_policy":0}`)
	f.want(200, "PATCH", "/v3/components/x0", `{"desired_config":"none"}`)
	f.status("x0", "pending") // has a policy of its own
	f.want(200, "PUT", "/v3/components/x0", `{"desired_config":"none"}`)
	f.status("x0", "failed")
	f.want(200, "PATCH", "/v3/options", `{"default_batcher_retry_policy":1}`)
	f.status("x0", "pending")

	lines, err := f.journal.List(t.Context(), "x0", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, l := range lines {
		texts = append(texts, l.Text)
	}
	joined := strings.Join(texts, "\n")
	for _, want := range []string{"desired configuration set to 'c'", "playbook a.yml of https://git/repo at 00000000 failed", "forgotten"} {
		if !strings.Contains(joined, want) {
			t.Errorf("the journal lacks %q:\n%s", want, joined)
		}
	}
}

func TestComponentPatchForms(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a")
	f.want(200, "PUT", "/v3/components", `[{"id":"x0","tags":{"a":"1","b":"2"}},{"id":"x1","tags":{"a":"1"}},{"id":"x2"}]`)

	got := f.want(200, "PATCH", "/v3/components", `{"patch":{"id":"zz","desired_config":"c","tags":{"b":"","c":"3"}},"filters":{"tags":"a=1"}}`).text
	if want := `{"component_ids":["x0","x1"]}` + "\n"; got != want {
		t.Error(got)
	}
	if diff := cmp.Diff(map[string]any{"a": "1", "c": "3"}, f.want(200, "GET", "/v3/components/x0", "").object(t)["tags"]); diff != "" {
		t.Error(diff)
	}
	for body, want := range map[string]string{
		`{"patch":{"enabled":false},"filters":{"ids":"x2,none,x0"}}`:                      `["x0","x2"]`,
		`{"patch":{"enabled":false},"filters":{}}`:                                        `["x0","x1","x2"]`,
		`{"patch":{},"filters":{"config_name":"c","status":"pending","ids":"x1,x2"}}`:     `["x1"]`,
		`{"patch":{},"filters":{"status":"unconfigured,failed"}}`:                         `["x2"]`,
		`{"patch":{},"filters":{"status":"failed"}}`:                                      `[]`,
		`[{"id":"x1","error_count":1},{"id":"x0","error_count":1},{"id":"x1","tags":{}}]`: `["x0","x1"]`,
	} {
		if got := f.want(200, "PATCH", "/v3/components", body).text; got != `{"component_ids":`+want+"}\n" {
			t.Errorf("%s: %s", body, got)
		}
	}
	f.want(404, "PATCH", "/v3/components", `[{"id":"x0","error_count":9},{"id":"none","error_count":9}]`)
	if got := f.want(200, "GET", "/v3/components/x0", "").object(t)["error_count"]; got != 1.0 {
		t.Errorf("a refused list changed something: %v", got)
	}
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", "/v3/components", `[{"error_count":9}]`},
		{"PATCH", "/v3/components", `[{"id":"x0","errors":9}]`},
		{"PATCH", "/v3/components", `[{"id":"x0","configuration_status":"failed"}]`},
		{"PATCH", "/v3/components", `[{"id":"x0","enabled":"yes"}]`},
		{"PATCH", "/v3/components", `[{"id":"x0","state_append":{"commit":"a_b_c"}}]`},
		{"PATCH", "/v3/components", `{"patch":{}}`},
		{"PATCH", "/v3/components/x0", `{"state_append":{}}`},
		{"GET", "/v3/components?enabled=", ""},
		{"GET", "/v2/components?status=", ""},
		{"PATCH", "/v3/components", `[{"id":"x0","desired_config":"` + strings.Repeat("n", 61) + `"}]`},
		{"PUT", "/v3/components/@etc", `{}`},
		{"PUT", "/v3/components", `[{"id":"x7"},{"id":"{{ x8 }}"}]`},
		{"PATCH", "/v3/components", `{"patch":{},"filters":{"status":"odd"}}`},
		{"PATCH", "/v3/components", `{"patch":{},"filters":{"tags":"novalue"}}`},
		{"PATCH", "/v3/components", `[{"id":"x0"}`},
		{"PATCH", "/v3/components/x0", `{"id":"x1"}`},
		{"PATCH", "/v3/components/x0", `{"logs":"l"}`},
		{"PATCH", "/v3/components/x0", `{"state":[{"clone_url":"u","playbook":"p","commit":"c","session_name":"s","status":"applied","last_updated":"2030"}]}`},
		{"PUT", "/v3/components/x0", `{"state_append":{"commit":"c"}}`},
		{"PUT", "/v3/components/x0", `{"id":"x1"}`},
		{"PUT", "/v3/components", `[{}]`},
		{"GET", "/v3/components?status=odd", ""},
		{"GET", "/v3/components?limit=0", ""},
		{"GET", "/v3/components?enabled=perhaps", ""},
	} {
		if a := f.call(c.method, c.path, c.body); a.status != 400 {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.text)
		}
	}
	f.want(404, "PATCH", "/v3/components/none", `{"enabled":true}`)
}

// However a node's name is written, it is the same component.
func TestComponentsHaveOneSpelling(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components/X1000C0S00B0N0", `{"enabled":false}`)
	f.want(200, "PATCH", "/v3/components", `[{"id":"x1000c0s0b00n0","error_count":2}]`)
	f.want(200, "PATCH", "/v2/components/x1000C0s0b0n0", `{"id":"X1000C0S0B0N0","retryPolicy":4}`)
	got := f.want(200, "GET", "/v3/components?ids=X1000c0s0b0n0", "").object(t)["components"].([]any)
	if len(got) != 1 {
		t.Fatalf("%v", got)
	}
	if c := got[0].(map[string]any); c["id"] != "x1000c0s0b0n0" || c["error_count"] != 2.0 || c["retry_policy"] != 4.0 {
		t.Errorf("%v", c)
	}
	if after := f.want(200, "GET", "/v3/components?after_id=X1000C0S00B0N0", "").object(t)["components"].([]any); len(after) != 0 {
		t.Errorf("after it: %v", after)
	}
	f.want(204, "DELETE", "/v3/components/x1000c0s0b0n00", "")
}

func TestNoLimitIsTooLarge(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components", `[{"id":"x0"}]`)
	for _, list := range []string{"components", "sessions", "configurations", "sources"} {
		f.want(200, "GET", "/v3/"+list+"?limit=9223372036854775807", "")
	}
}

// Section G.
func TestComponentPages(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components", `[{"id":"x2","tags":{"a":"1"}},{"id":"x0","tags":{"a":"1"}},{"id":"x1"},{"id":"x3","tags":{"a":"1"}}]`)
	query, seen := "?limit=1&tags=a%3D1&enabled=true", []string{}
	for {
		page := f.want(200, "GET", "/v3/components"+query, "").object(t)
		for _, c := range page["components"].([]any) {
			seen = append(seen, c.(map[string]any)["id"].(string))
		}
		next, more := page["next"].(map[string]any)
		if !more {
			break
		}
		want := map[string]any{"ids": "", "status": "", "enabled": true, "config_name": "", "state_details": false,
			"config_details": false, "tags": "a=1", "limit": 1.0, "after_id": seen[len(seen)-1]}
		if diff := cmp.Diff(want, next); diff != "" {
			t.Fatal(diff)
		}
		query = fmt.Sprintf("?ids=%v&status=%v&enabled=%v&config_name=%v&state_details=%v&config_details=%v&tags=%v&limit=%v&after_id=%v",
			next["ids"], next["status"], next["enabled"], next["config_name"], next["state_details"], next["config_details"], "a%3D1", next["limit"], next["after_id"])
	}
	if got := strings.Join(seen, " "); got != "x0 x2 x3" {
		t.Error(got)
	}
	f.want(200, "PATCH", "/v3/options", `{"default_page_size":3}`)
	if got := f.want(400, "GET", "/v2/components", "").title(); got != "The response size is too large" {
		t.Error(got)
	}
	f.want(200, "GET", "/v2/components?tags=a%3D1", "")
	all, err := f.client.Components(t.Context(), nil)
	if err != nil || len(all) != 4 {
		t.Errorf("the client reads all pages: %d, %v", len(all), err)
	}
}

func TestComponentsV2(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a")
	f.want(200, "PUT", "/v2/components/x0", `{"desiredConfig":"c","retryPolicy":5}`)
	got := f.want(200, "PATCH", "/v2/components/x0", `{"stateAppend":{"cloneUrl":"u","playbook":"p","commit":"abc_failed","sessionName":"s"}}`).object(t)
	want := map[string]any{"id": "x0", "desiredConfig": "c", "errorCount": 0.0, "retryPolicy": 5.0, "enabled": true, "tags": map[string]any{},
		"state": []any{map[string]any{"cloneUrl": "u", "playbook": "p", "commit": "abc_failed", "lastUpdated": "2030-01-02T03:04:05Z", "sessionName": "s"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	list := f.want(200, "PATCH", "/v2/components", `{"patch":{"stateAppend":{"cloneUrl":"u","playbook":"p","commit":"abc"}},"filters":{"configName":"c"}}`).text
	var components []map[string]any
	if err := json.Unmarshal([]byte(list), &components); err != nil {
		t.Fatal(err)
	}
	if got := components[0]["state"].([]any)[0].(map[string]any)["commit"]; got != "abc" {
		t.Error(got)
	}
	if a := f.want(200, "PATCH", "/v2/components", `{"patch":{"errorCount":1},"filters":{"configurationStatus":"failed"}}`); strings.TrimSpace(a.text) != "[]" {
		t.Errorf("the filter by configurationStatus took %s", a.text)
	}
	f.want(200, "PATCH", "/v2/components", `[{"id":"x0","errorCount":2}]`)
	if got := f.want(200, "GET", "/v2/components/x0?configDetails=true", "").object(t); got["configurationStatus"] != "pending" || len(got["desiredState"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
	f.want(400, "PATCH", "/v2/components/x0", `{"state":[{"cloneUrl":"u","playbook":"p","commit":"a_incomplete","sessionName":"s"}]}`)
	f.want(400, "PATCH", "/v2/components/x0", `{"desired_config":"c"}`)
	f.want(204, "DELETE", "/v2/components/x0", "")
}

// Reports from many sessions at the same time lose nothing.
func TestCreateComponentsLeavesThoseThatExist(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components/x0", `{"enabled":false,"error_count":7}`)
	n, err := f.service.CreateComponents(t.Context(), []string{"x1", "x0"})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got := f.want(200, "GET", "/v3/components/x0", "").object(t)["error_count"]; got != 7.0 {
		t.Error(got)
	}
	if n, err = f.service.CreateComponents(t.Context(), []string{"x1", "x0"}); err != nil || n != 0 {
		t.Error(n, err)
	}
	f.status("x1", "unconfigured")
}

func TestConfigurationChangeHintsItsComponents(t *testing.T) {
	f := newFixture(t)
	f.configuration("c", "a")
	f.want(200, "PUT", "/v3/components", `[{"id":"x0","desired_config":"c"},{"id":"x1"}]`)
	f.want(200, "PATCH", "/v3/components/x0", fmt.Sprintf(
		`{"state_append":{"clone_url":"https://git/repo","playbook":"a.yml","commit":"%s"}}`, commitOf("main")))
	sub := f.hub.Subscribe(cfs.ComponentsTable)
	defer sub.Close()
	f.git.heads["main"] = commitOf("elsewhere")
	f.want(200, "PATCH", "/v3/configurations/c", "")
	if keys, _ := sub.Take(); !cmp.Equal(keys, []string{"x0"}) {
		t.Errorf("hints for %v", keys)
	}
}

// What a transaction rolls back is not seen: components join the caller's.
func TestPatchJoinsTransaction(t *testing.T) {
	f := newFixture(t)
	f.want(200, "PUT", "/v3/components/x0", `{}`)
	n := 4
	err := f.db.InTx(t.Context(), func(ctx context.Context) error {
		if _, err := f.service.PatchComponents(ctx, []cfs.ComponentPatch{{ID: "x0", ErrorCount: &n}}, false); err != nil {
			return err
		}
		return store.ErrUnchanged
	})
	if err != store.ErrUnchanged {
		t.Fatal(err)
	}
	if got := f.want(200, "GET", "/v3/components/x0", "").object(t)["error_count"]; got != 0.0 {
		t.Error(got)
	}
}
