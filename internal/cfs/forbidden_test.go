package cfs_test

import (
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/vcs"
)

// A repository that sessions must not use is refused wherever it may be named.
func TestFieldsOfForbiddenRepositoriesAreNamed(t *testing.T) {
	f := newFixture(t)
	f.files = &vcs.Files{Roots: []string{"/srv/git"}}
	good := `{"layers":[{"clone_url":"/srv/git/a","playbook":"a.yml","branch":"main"}]}`
	f.want(200, "PUT", "/v3/configurations/good", good)
	f.want(200, "PATCH", "/v3/options", `{"additional_inventory_url":"https://git/x"}`)
	source := func(name, url string) string {
		return `{"name":"` + name + `","clone_url":"` + url + `","credentials":{"authentication_method":"password","username":"u","password":"p"}}`
	}
	f.want(201, "POST", "/v3/sources", source("s", "https://git/x"))
	for _, c := range []struct{ method, path, body, field string }{
		{"PUT", "/v3/configurations/bad", `{"layers":[{"clone_url":"https://git/x","playbook":"a.yml","branch":"main"},{"clone_url":"file:///etc","playbook":"a.yml","branch":"main"}]}`, "layers[1].clone_url"},
		{"PUT", "/v3/configurations/bad", `{"layers":[],"additional_inventory":{"clone_url":"/srv/git/../../etc","branch":"main"}}`, "additional_inventory.clone_url"},
		{"PUT", "/v3/configurations/bad", `{"layers":[{"clone_url":"ext::id","playbook":"a.yml","branch":"main"}]}`, "layers[0].clone_url"},
		{"PUT", "/v2/configurations/bad", `{"layers":[{"cloneUrl":"file:///etc","branch":"main"}]}`, "layers[0].clone_url"},
		{"POST", "/v3/sources", source("t", "file:///etc"), "clone_url"},
		{"PATCH", "/v3/sources/s", `{"clone_url":"/etc"}`, "clone_url"},
		{"PATCH", "/v3/options", `{"additional_inventory_url":"/etc"}`, "additional_inventory_url"},
	} {
		if got := f.want(400, c.method, c.path, c.body).text; !strings.Contains(got, "'"+c.field+"'") {
			t.Errorf("%s %s: %s", c.path, c.body, got)
		}
	}
	for _, url := range f.git.calls {
		if url != "/srv/git/a" {
			t.Errorf("git was asked for %s", url)
		}
	}
}
