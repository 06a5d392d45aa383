package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Names go into paths, inventories, scripts and tables of terminals: no door takes one
// of any length, and each takes one of a usual length.
func TestNamesAreBounded(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	send := func(method, path, body string) (int, string) {
		r, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	const commit = "0123456789012345678901234567890123456789"
	needs := map[string]string{ // what refuses a usual name, in its words
		"POST /apis/bos/v2/sessions":       "none",
		"POST /apis/cfs/v3/sessions":       "configuration 'none' does not exist",
		"PATCH /apis/bos/v2/components/%s": "does not exist",
	}
	for door, body := range map[string]string{ // %s is the name
		"PUT /apis/bos/v2/sessiontemplates/%s":             `{"boot_sets":{"a":{"path":"s3://b/k","type":"s3","node_list":["x0c0s0b0n0"]}}}`,
		"POST /apis/bos/v2/sessions":                       `{"name":"%s","operation":"boot","template_name":"none"}`,
		"POST /apis/bos/v1/sessiontemplate":                `{"name":"%s","boot_sets":{"a":{"path":"s3://b/k","type":"s3","node_list":["x0c0s0b0n0"]}}}`,
		"PUT /apis/cfs/v3/configurations/%s":               `{"layers":[{"clone_url":"https://git.invalid/a.git","commit":"` + commit + `","playbook":"a.yml"}]}`,
		"PUT /apis/cfs/v2/configurations/%s":               `{"layers":[{"cloneUrl":"https://git.invalid/a.git","commit":"` + commit + `","playbook":"a.yml"}]}`,
		"POST /apis/cfs/v3/sessions":                       `{"name":"%s","configuration_name":"none"}`,
		"POST /apis/cfs/v3/sources":                        `{"name":"%s","clone_url":"https://git.invalid/a.git","credentials":{"username":"u","password":"p"}}`,
		"POST /apis/cfs/v3/sources/%s":                     `{"clone_url":"https://git.invalid/a.git","credentials":{"authentication_method":"password","secret_name":"s"}}`,
		"POST /apis/ims/v3/images":                         `{"name":"%s"}`,
		"POST /apis/ims/v3/recipes":                        `{"name":"%s","recipe_type":"kiwi-ng","linux_distribution":"sles15"}`,
		"POST /apis/ims/v3/public-keys":                    `{"name":"%s","public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"}`,
		"POST /apis/smd/hsm/v2/groups":                     `{"label":"%s"}`,
		"POST /apis/smd/hsm/v2/partitions":                 `{"name":"p1%s"}`,
		"PUT /apis/bss/boot/v1/bootparameters":             `{"hosts":["%s"],"params":"quiet"}`,
		"POST /apis/power-control/v1/transitions":          `{"operation":"On","location":[{"xname":"%s"}]}`,
		"PUT /apis/tapms/v1alpha3/tenants/%s":              `{"spec":{"tenantname":"%s","tenantresources":[]}}`,
		"POST /apis/drover/v1/vcs/repositories":            `{"org":"a","name":"%s"}`,
		"POST /apis/drover/v1/tokens":                      `{"name":"%s","role":"auditor"}`,
		"PATCH /apis/bos/v2/components/%s":                 `{"enabled":false}`,
		"PUT /apis/cfs/v3/components/%s":                   `{"enabled":false}`,
		"PUT /apis/smd/hsm/v2/State/Components/%s":         `{"Component":{"State":"On"}}`,
		"POST /apis/smd/hsm/v2/State/Components":           `{"Components":[{"ID":"%s","State":"On"}]}`,
		"POST /apis/smd/hsm/v2/Inventory/RedfishEndpoints": `{"ID":"x9000c1s0b%s","User":"u","Password":"p"}`,
	} {
		try := func(name string) (int, string) {
			method, path, _ := strings.Cut(door, " ")
			return send(method, strings.Replace(path, "%s", name, 1), strings.ReplaceAll(body, "%s", name))
		}
		for _, name := range []string{strings.Repeat("long", 500), strings.Repeat("7", 2000)} {
			status, text := try(name)
			if status < 400 || status >= 500 {
				t.Errorf("%s takes a name of %d bytes: %d %.300s", door, len(name), status, text)
			}
			if len(text) > 5000 {
				t.Errorf("%s answers %d bytes to a name of %d", door, len(text), len(name))
			}
		}
		usual := "x9000c1s0b0n0"
		if strings.Contains(door, "sources/") {
			usual = "another"
		}
		if strings.Contains(door, "partitions") || strings.Contains(door, "RedfishEndpoints") {
			usual = "1"
		}
		if status, text := try(usual); status >= 300 && (needs[door] == "" || !strings.Contains(text, needs[door])) {
			t.Errorf("%s refuses a usual name: %d %s", door, status, text)
		}
	}
}
