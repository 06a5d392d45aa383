package cfs_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/store"
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

// A terminal obeys control characters that a list shows: no new name has any, and
// those of before can be read and deleted.
func TestFieldsOfNamesWithControlCharactersAreNamed(t *testing.T) {
	f := newFixture(t)
	kept := store.NewTable(f.db, store.Spec[cfs.Configuration]{Name: cfs.ConfigurationsTable, Kind: "Configuration", Key: func(c *cfs.Configuration) string { return c.Name }})
	if err := kept.Put(t.Context(), cfs.Configuration{Name: "old\x1b", Layers: []cfs.Layer{{Name: "l\x07", CloneURL: "u"}}}); err != nil {
		t.Fatal(err)
	}
	f.configuration("cfg", "a")
	f.want(200, "PUT", "/v3/components/x1", `{"desired_config":"cfg"}`)
	const esc, credentials = `\u001b[2J`, `"credentials":{"authentication_method":"password","username":"u","password":"p"}`
	image := `{"name":"i","configuration_name":"cfg","target":{"definition":"image","groups":[{"name":"g","members":["ff287206-6ff7-4659-92ad-6e732821c6b4"]}],` +
		`"image_map":[{"source_id":"ff287206-6ff7-4659-92ad-6e732821c6b4","result_name":"a` + esc + `"}]}}`
	for _, c := range []struct{ method, path, body, field string }{
		{"PUT", "/v3/configurations/a%1B", `{}`, "name"},
		{"PUT", "/v2/configurations/a%C2%85", `{}`, "name"},
		{"PUT", "/v3/configurations/c", `{"layers":[{"clone_url":"u","playbook":"p"},{"name":"a` + esc + `","clone_url":"u","playbook":"q"}]}`, "layers[1].name"},
		{"PUT", "/v3/configurations/c", `{"layers":[{"clone_url":"u","playbook":"p` + esc + `"}]}`, "layers[0].playbook"},
		{"PUT", "/v3/configurations/c", `{"layers":[{"clone_url":"u` + esc + `","playbook":"p"}]}`, "layers[0].clone_url"},
		{"PUT", "/v2/configurations/c", `{"layers":[{"name":"a` + esc + `","cloneUrl":"u"}]}`, "layers[0].name"},
		{"PUT", "/v3/configurations/c", `{"layers":[],"additional_inventory":{"name":"a` + esc + `","clone_url":"u"}}`, "additional_inventory.name"},
		{"POST", "/v3/sources", `{"name":"s` + esc + `","clone_url":"u",` + credentials + `}`, "name"},
		{"POST", "/v3/sources", `{"clone_url":"u` + esc + `",` + credentials + `}`, "clone_url"},
		{"POST", "/v3/sources/a%07", `{"clone_url":"u","credentials":{"authentication_method":"password","secret_name":"s"}}`, "name"},
		{"POST", "/v3/sessions", image, "target.image_map: result_name"},
		{"PUT", "/v3/components/x1c0s0b0n0", `{"desired_config":"a` + esc + `"}`, "desired_config"},
		{"PATCH", "/v2/components", `[{"id":"x1","desiredConfig":"a` + esc + `"}]`, "desired_config"},
	} {
		got := f.call(c.method, c.path, c.body)
		detail, _ := got.object(t)["detail"].(string)
		if got.status != 400 || !strings.HasPrefix(detail, c.field+": ") || !strings.Contains(detail, "has the control character U+") || strings.ContainsFunc(detail, unicode.IsControl) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.text)
		}
	}
	f.want(404, "GET", "/v3/configurations/c", "")
	f.want(200, "GET", "/v3/configurations/old%1B", "")
	f.want(200, "PATCH", "/v3/configurations/old%1B", "")
	f.want(204, "DELETE", "/v3/configurations/old%1B", "")
}
