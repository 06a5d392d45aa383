package cfs_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"net/http"

	"github.com/drover-hpc/drover/internal/httpapi"

	"github.com/drover-hpc/drover/internal/cfs"
)

func TestRegisterWithoutService(t *testing.T) {
	api := httpapi.New(http.NewServeMux(), "/apis/cfs", "CFS", "1")
	cfs.Register(api, nil)
	for _, path := range []string{"/v2/sessions/{session_name}", "/v3/components", "/v3/sources/{source_id}", "/healthz"} {
		if api.OpenAPI().Paths[path] == nil {
			t.Errorf("%s is not registered", path)
		}
	}
}

func TestVersionsAndHealth(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/", "/versions", "/v2", "/v3"} {
		got := f.want(200, "GET", path, "").object(t)
		if diff := cmp.Diff(map[string]any{"major": "1", "minor": "31", "patch": "1"}, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	f.want(404, "GET", "/v4", "")
	if got := f.want(200, "GET", "/healthz", "").object(t)["db_status"]; got != "ok" {
		t.Error(got)
	}
	f.db.Close()
	f.want(503, "GET", "/healthz", "")
}

func TestConfigurations(t *testing.T) {
	f := newFixture(t)
	c := f.want(200, "PUT", "/v3/configurations/c", `{"description":"d","layers":[
		{"name":"one","clone_url":"https://git/a","playbook":"site.yml","branch":"main"},
		{"clone_url":"https://git/a","playbook":"other.yml","branch":"devel"},
		{"clone_url":"https://git/b","playbook":"site.yml"}],
		"additional_inventory":{"clone_url":"https://git/inv","branch":"main"}}`).object(t)
	want := map[string]any{"name": "c", "description": "d", "last_updated": "2030-01-02T03:04:05Z", "layers": []any{
		map[string]any{"name": "one", "clone_url": "https://git/a", "playbook": "site.yml", "branch": "main", "commit": commitOf("main")},
		map[string]any{"clone_url": "https://git/a", "playbook": "other.yml", "branch": "devel", "commit": commitOf("devel")},
		map[string]any{"clone_url": "https://git/b", "playbook": "site.yml"}},
		"additional_inventory": map[string]any{"clone_url": "https://git/inv", "branch": "main", "commit": commitOf("main")}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if len(f.git.calls) != 2 {
		t.Errorf("one look-up per repository with branches expected, got %v", f.git.calls)
	}
	dropped := f.want(200, "PUT", "/v3/configurations/d?drop_branches=true",
		`{"layers":[{"clone_url":"u","playbook":"p","branch":"main"}]}`).text
	if strings.Contains(dropped, "branch") || !strings.Contains(dropped, commitOf("main")) {
		t.Error(dropped)
	}
	f.git.heads["main"] = commitOf("elsewhere")
	if got := f.want(200, "PATCH", "/v3/configurations/c", "").text; strings.Count(got, commitOf("elsewhere")) != 2 {
		t.Error(got)
	}
	f.want(200, "PUT", "/v3/configurations/empty", `{}`)
	f.want(404, "PATCH", "/v3/configurations/none", "")
	f.want(204, "DELETE", "/v3/configurations/c", "")
	f.want(404, "GET", "/v3/configurations/c", "")
	f.want(404, "DELETE", "/v3/configurations/c", "")
}

func TestConfigurationsRefused(t *testing.T) {
	f := newFixture(t)
	for body, title := range map[string]string{
		`{"layers":[{"playbook":"p"}]}`:                                                                        "Error handling source",
		`{"layers":[{"playbook":"p","clone_url":"u","source":"s"}]}`:                                           "Error handling source",
		`{"layers":[{"playbook":"p","source":"s"}]}`:                                                           "Source does not exist",
		`{"layers":[{"playbook":"p","clone_url":"u","branch":"nowhere"}]}`:                                     "Error converting branch name to commit",
		`{"layers":[{"playbook":"p","clone_url":"u","branch":"b","commit":"` + commitOf("b") + `"}]}`:          "Error handling branches",
		`{"layers":[{"playbook":"p","clone_url":"u"},{"name":"x","playbook":"p","clone_url":"u"}]}`:            "Error with conflicting layers",
		`{"layers":[{"clone_url":"u"}]}`:                                                                       "Bad Request",
		`{"name":"c","layers":[]}`:                                                                             "Bad Request",
		`{"last_updated":"2030-01-02T03:04:05Z"}`:                                                              "Bad Request",
		`{"layers":[{"playbook":"p","clone_url":"u","commit":"abc"}]}`:                                         "Bad Request",
		`{"layers":[{"playbook":"p","clone_url":"u","name":"` + strings.Repeat("n", 46) + `"}]}`:               "Bad Request",
		`{"additional_inventory":{"clone_url":"u","branch":"b","commit":"` + commitOf("b") + `"},"layers":[]}`: "Error handling branches",
	} {
		if got := f.want(400, "PUT", "/v3/configurations/c", body).title(); got != title {
			t.Errorf("%s: got %q, want %q", body, got, title)
		}
	}
	f.want(400, "PUT", "/v3/configurations/"+strings.Repeat("n", 61), `{}`)
	f.want(200, "PUT", "/v2/configurations/"+strings.Repeat("n", 61), `{}`)
	if got := f.want(400, "PUT", "/v2/configurations/c",
		`{"layers":[{"cloneUrl":"u","branch":"b","commit":"`+commitOf("b")+`"}]}`).title(); got != "Error handling error branches" {
		t.Error(got)
	}
	f.want(404, "GET", "/v3/configurations/c", "")
}

func TestConfigurationInUse(t *testing.T) {
	f := newFixture(t)
	f.configuration("used", "a")
	f.configuration("spare", "a")
	f.want(200, "PUT", "/v3/components/x0", `{"desired_config":"used","enabled":false}`)
	for query, want := range map[string]string{"": "spare used", "?in_use=true": "used", "?in_use=False": "spare"} {
		var names []string
		for _, c := range f.want(200, "GET", "/v3/configurations"+query, "").object(t)["configurations"].([]any) {
			names = append(names, c.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
	if got := f.want(400, "DELETE", "/v3/configurations/used", "").title(); got != "Configuration is in use." {
		t.Error(got)
	}
	f.want(204, "DELETE", "/v3/configurations/spare", "")
}

// A playbook has one path, and it is in the repository.
func TestPlaybooksHaveOneSpelling(t *testing.T) {
	f := newFixture(t)
	layers := func(name string) string {
		return `{"layers":[{"playbook":"` + name + `","clone_url":"u","commit":"` + commitOf("b") + `"}]}`
	}
	for given, want := range map[string]string{"./site.yml": "site.yml", "plays//a.yml": "plays/a.yml", "plays/../site.yml": "site.yml", "site.yml": "site.yml"} {
		got := f.want(200, "PUT", "/v3/configurations/c", layers(given)).object(t)["layers"].([]any)[0].(map[string]any)["playbook"]
		if got != want {
			t.Errorf("%s: %v", given, got)
		}
	}
	for _, bad := range []string{"/etc/site.yml", "~/site.yml", "../site.yml", "."} {
		f.want(400, "PUT", "/v3/configurations/d", layers(bad))
		f.want(400, "PATCH", "/v2/options", `{"defaultPlaybook":"`+bad+`"}`)
	}
	if got := f.want(200, "PATCH", "/v2/options", `{"defaultPlaybook":"./all.yml"}`).object(t)["defaultPlaybook"]; got != "all.yml" {
		t.Error(got)
	}
	f.want(404, "GET", "/v3/configurations/d", "")
}

func TestConfigurationWithoutLayersHasNone(t *testing.T) {
	f := newFixture(t)
	if got := f.want(200, "PUT", "/v3/configurations/bare", `{}`).object(t)["layers"]; len(got.([]any)) != 0 {
		t.Errorf("%v", got)
	}
}

// Section F of the acceptance cases, and the ways round it that the original has.
func TestTenants(t *testing.T) {
	f := newFixture(t)
	const red, blue, unknown = "Cray-Tenant-Name: red", "Cray-Tenant-Name: blue", "Cray-Tenant-Name: green"
	one := "/v3/configurations/c"
	if got := f.want(200, "PUT", one, `{"layers":[]}`, red).object(t)["tenant_name"]; got != "red" {
		t.Error(got)
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		if got := f.want(400, method, one, `{}`, unknown).title(); got != "Invalid tenant" {
			t.Error(got)
		}
		if got := f.want(403, method, one, `{}`, blue).title(); got != "Forbidden operation." {
			t.Error(got)
		}
		f.want(403, method, "/v2/configurations/c", `{}`, blue)
	}
	f.want(400, "GET", "/v3/configurations", "", unknown)
	f.want(400, "GET", "/v3/configurations", "", "Cray-Tenant-Name: "+strings.Repeat("n", 128))
	f.want(404, "GET", "/v3/configurations/none", "", blue)
	f.want(403, "PUT", "/v3/configurations/new", `{"tenant_name":"blue"}`, red)
	if got := f.want(200, "GET", "/v3/configurations", "", blue).text; strings.Contains(got, `"c"`) {
		t.Error(got)
	}
	f.want(403, "POST", "/v3/sessions", `{"name":"s","configuration_name":"c"}`, blue)
	if got := f.want(200, "PUT", "/v2/configurations/c", `{}`).text; strings.Contains(got, "tenant") {
		t.Error(got)
	}
	if got := f.want(200, "GET", one, "").object(t)["tenant_name"]; got != "red" {
		t.Errorf("a v2 PUT took the owner: %v", got)
	}
	f.want(200, "PUT", one, `{"tenant_name":"blue"}`)
	f.want(200, "GET", one, "", blue)
}

func TestSources(t *testing.T) {
	f := newFixture(t)
	const link = "https://git/secret.git"
	twice := "/v3/sources/" + url.PathEscape(url.PathEscape(link))
	once := "/v3/sources/" + url.PathEscape(link)
	body := `{"clone_url":"` + link + `","credentials":{"username":"joe","password":"hunter2"}}`
	created := f.want(201, "POST", "/v3/sources", body)
	if strings.Contains(created.text, "joe") || strings.Contains(created.text, "hunter2") {
		t.Error(created.text)
	}
	if got := f.want(409, "POST", "/v3/sources", body).title(); got != "Conflicting source name" {
		t.Error(got)
	}
	f.want(400, "POST", "/v3/sources", `{"clone_url":"u","credentials":{"username":"joe"}}`)
	for _, path := range []string{twice, once} {
		if got := f.want(200, "GET", path, "").object(t)["name"]; got != link {
			t.Error(got)
		}
	}
	f.want(200, "PUT", "/v3/configurations/c", `{"layers":[{"source":"`+link+`","playbook":"p","branch":"main"}]}`)
	if f.git.user != "joe" || f.git.calls[0] != link {
		t.Errorf("git was called for %v as %q", f.git.calls, f.git.user)
	}
	if got := f.want(400, "DELETE", twice, "").title(); got != "Source is in use." {
		t.Error(got)
	}
	if got := f.want(400, "PATCH", twice, `{"credentials":{"username":"jim"}}`).title(); got != "Invalid credentials" {
		t.Error(got)
	}
	patched := f.want(200, "PATCH", twice, `{"ca_cert":{"configmap_name":"ca"},"credentials":{"username":"jim","password":"p"}}`).object(t)
	if diff := cmp.Diff(map[string]any{"configmap_name": "ca", "configmap_namespace": "services"}, patched["ca_cert"]); diff != "" {
		t.Error(diff)
	}
	if got := f.want(200, "PATCH", twice, `{"ca_cert":null}`).object(t)["ca_cert"]; got != nil {
		t.Error(got)
	}
	f.want(200, "PATCH", "/v3/configurations/c", "")
	if f.git.user != "jim" {
		t.Error("the new credentials are not used")
	}
	f.want(204, "DELETE", "/v3/configurations/c", "")
	f.want(204, "DELETE", once, "")
	f.want(404, "GET", once, "")
	restored := `{"clone_url":"u","credentials":{"authentication_method":"password","secret_name":"lost"}}`
	f.want(201, "POST", "/v3/sources/r", restored)
	f.want(409, "POST", "/v3/sources/r", restored)
	f.want(404, "PATCH", "/v3/sources/none", `{}`)
}

// Who may change a source's URL must not have its password told to a server of
// theirs; nor by another source that names the same secret.
func TestSourceThatMovesToAnotherServerLosesItsPassword(t *testing.T) {
	const layers = `{"layers":[{"source":"s","playbook":"p","branch":"main"}]}`
	for sent, stays := range map[string]bool{
		`{"clone_url":"https://git/other.git"}`: true,
		`{"clone_url":"https://GIT/other.git"}`: true,
		`{"description":"d"}`:                   true,
		`{"clone_url":"http://git/site.git"}`:   false,
		`{"clone_url":"https://git:8443/a"}`:    false,
		`{"clone_url":"https://evil/site.git"}`: false,
		`{"clone_url":"git@git:site.git"}`:      false,
		`{"clone_url":"https://evil/site.git","credentials":{"username":"u","password":"another"}}`: true,
	} {
		f := newFixture(t)
		source := f.want(201, "POST", "/v3/sources", `{"name":"s","clone_url":"https://git/site.git","credentials":{"username":"u","password":"p"}}`).object(t)
		f.want(200, "PATCH", "/v3/sources/s", sent)
		status := 400
		if stays {
			status = 200
		}
		if got := f.want(status, "PUT", "/v3/configurations/c", layers).text; !stays && !strings.Contains(got, "set username and password anew") {
			t.Errorf("%s: %s", sent, got)
		}
		if !stays {
			f.want(200, "PATCH", "/v3/sources/s", `{"credentials":{"username":"u","password":"again"}}`)
			f.want(200, "PUT", "/v3/configurations/c", layers)
			continue
		}
		name := source["credentials"].(map[string]any)["secret_name"].(string)
		f.want(201, "POST", "/v3/sources/thief", `{"clone_url":"https://thief/r.git","credentials":{"authentication_method":"password","secret_name":"`+name+`"}}`)
		f.want(400, "PUT", "/v3/configurations/t", `{"layers":[{"source":"thief","playbook":"p","branch":"main"}]}`)
	}
}

// A clone URL is answered to everybody who may read, and so is what is in it.
func TestNoPasswordIsTakenInACloneURL(t *testing.T) {
	f := newFixture(t)
	f.want(201, "POST", "/v3/sources", `{"name":"s","clone_url":"https://joe@git/site.git","credentials":{"username":"u","password":"p"}}`)
	const with = "https://joe:hunter2@git/site.git"
	for what, field := range map[string]string{
		"PUT /v3/configurations/c " + `{"layers":[{"clone_url":"https://git/a.git","playbook":"p","branch":"main"},{"clone_url":"` + with + `","playbook":"p","branch":"main"}]}`: "layers[1].clone_url",
		"PUT /v2/configurations/c " + `{"layers":[{"name":"l","cloneUrl":"` + with + `","playbook":"p","branch":"main"}]}`:                                                        "layers[0].clone_url",
		"PUT /v3/configurations/c " + `{"layers":[],"additional_inventory":{"clone_url":"` + with + `","branch":"main"}}`:                                                         "additional_inventory.clone_url",
		"POST /v3/sources " + `{"name":"t","clone_url":"` + with + `","credentials":{"username":"u","password":"p"}}`:                                                             "clone_url",
		"POST /v3/sources/t " + `{"clone_url":"` + with + `","credentials":{"authentication_method":"password","secret_name":"n"}}`:                                               "clone_url",
		"PATCH /v3/sources/s " + `{"clone_url":"` + with + `"}`:                                                                                                                   "clone_url",
		"PATCH /v3/options " + `{"additional_inventory_url":"` + with + `"}`:                                                                                                      "additional_inventory_url",
	} {
		words := strings.SplitN(what, " ", 3)
		got := f.want(400, words[0], words[1], words[2]).text
		if !strings.Contains(got, "has a password") || !strings.Contains(got, "'"+field+"'") || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", what, got)
		}
	}
	for _, path := range []string{"/v3/configurations/c", "/v3/sources/t"} {
		f.want(404, "GET", path, "")
	}
	if got := f.want(200, "GET", "/v3/sources/s", "").object(t)["clone_url"]; got != "https://joe@git/site.git" {
		t.Error(got)
	}
}

// A source layer counts like one with a URL (the original never does).
func TestSourceLayersAreConfigured(t *testing.T) {
	f := newFixture(t)
	f.want(201, "POST", "/v3/sources", `{"name":"s","clone_url":"https://git/old","credentials":{"username":"u","password":"p"}}`)
	f.want(200, "PUT", "/v3/configurations/c", `{"layers":[{"source":"s","playbook":"p","branch":"main"}]}`)
	f.want(200, "PUT", "/v3/components/x0", `{"desired_config":"c"}`)
	f.want(200, "PATCH", "/v3/components/x0", fmt.Sprintf(
		`{"state_append":{"clone_url":"https://git/old","playbook":"p","commit":"%s","session_name":"s"}}`, commitOf("main")))
	f.status("x0", "configured")
	f.want(200, "PATCH", "/v3/sources/s", `{"clone_url":"https://git/new"}`)
	f.status("x0", "pending")
}

func TestOptions(t *testing.T) {
	f := newFixture(t)
	if got := f.want(200, "GET", "/v3/options", "").object(t); len(got) != 17 || got["batch_size"] != 25.0 || got["session_ttl"] != "7d" {
		t.Errorf("%v", got)
	}
	f.want(200, "PATCH", "/v3/options", `{"batch_size":2,"session_ttl":""}`)
	f.want(400, "PATCH", "/v3/options", `{"batch_size":0}`)
	f.want(400, "PATCH", "/v3/options", `{"bogus":1}`)
	f.want(400, "PATCH", "/v3/options", `{"default_playbook":"x.yml"}`)
	f.want(400, "PATCH", "/v3/options", `{"session_ttl":"1d2h"}`)
	f.want(400, "PATCH", "/v3/options", `{"default_ansible_config":"../../etc"}`)
	f.want(400, "PATCH", "/v2/options", `{"defaultAnsibleConfig":"/etc/ansible"}`)
	f.want(200, "PATCH", "/v3/options", `{"default_ansible_config":""}`)
	f.want(200, "PATCH", "/v2/options", `{"defaultPlaybook":"x.yml"}`)
	got := f.want(200, "GET", "/v2/options", "").object(t)
	if got["batchSize"] != 2.0 || got["sessionTTL"] != "" || got["defaultPlaybook"] != "x.yml" || got["debug_wait_time"] != nil {
		t.Errorf("%v", got)
	}
}

// What a version does not have, or must not tell, is absent, not empty.
func TestSecretsAndWhatAVersionDoesNotHaveAreAbsent(t *testing.T) {
	f := newFixture(t)
	for _, version := range []string{"v2", "v3"} {
		options := f.want(200, "GET", "/"+version+"/options", "").object(t)
		for _, name := range []string{"additionalInventorySource", "defaultPageSize", "debugWaitTime", "includeAraLinks"} {
			if _, is := options[name]; is {
				t.Errorf("%s options have %s", version, name)
			}
		}
	}
	source := f.want(201, "POST", "/v3/sources", `{"name":"s","clone_url":"https://git/a","credentials":{"username":"u1","password":"p1"}}`)
	for _, a := range []answer{source, f.want(200, "GET", "/v3/sources/s", ""), f.want(200, "GET", "/v3/sources", ""),
		f.want(200, "PATCH", "/v3/sources/s", `{"credentials":{"username":"u1","password":"p2"}}`)} {
		if strings.Contains(a.text, "username") || strings.Contains(a.text, "password\":") || strings.Contains(a.text, "p1") || strings.Contains(a.text, "p2") {
			t.Errorf("answered %s", a.text)
		}
	}
	if got := source.object(t)["ca_cert"]; got != nil {
		t.Errorf("ca_cert is %v", got)
	}
	if _, is := source.object(t)["description"]; is {
		t.Error("a source without a description has one")
	}
}
