package server

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bos"
)

// An agent of BOS v1 switches and boots the nodes that its session moves, whoever got hold
// of its token.
func TestAgentsMoveTheNodesOfTheirSession(t *testing.T) {
	c := testConfig(t)
	c.Simulate = 2
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	const own, other = "x1000c0s0b0n0", "x1000c0s1b0n0"
	waitFor(t, func() bool {
		status, _ := ask(admin, "GET", bosPrefix+"/v2/components/"+other, "")
		return status == http.StatusOK
	})
	_, _, err := s.bos.Change(t.Context(), []string{own}, func(c *bos.Component) error {
		c.Engine.Agent = "mine"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.site.Load().Alive = func(context.Context, auth.Kind, string, string) bool { return true }
	agent := s.jobToken(auth.Agent, "mine", "")
	for _, c := range []struct {
		method, path, body string
		refused            bool
	}{
		{"POST", capmcPrefix + "/v1/xname_on", `{"xnames":["NODE"]}`, false},
		{"POST", capmcPrefix + "/v1/xname_off", `{"xnames":["NODE"]}`, false},
		{"POST", capmcPrefix + "/v1/xname_off", `{"xnames":["NODE"],"recursive":true}`, true},
		{"POST", capmcPrefix + "/v1/xname_reinit", `{"xnames":["NODE"]}`, true},
		{"POST", capmcPrefix + "/v1/node_off", `{"nids":[1]}`, true},
		{"PUT", bssPrefix + "/boot/v1/bootparameters", `{"hosts":["NODE"],"kernel":"http://k/"}`, false},
		{"PUT", bssPrefix + "/boot/v1/bootparameters", `{"nids":[1],"kernel":"http://k/"}`, true},
		{"PATCH", bssPrefix + "/boot/v1/bootparameters", `{"hosts":["NODE"],"kernel":"http://k/"}`, true},
		{"PATCH", cfsPrefix + "/v3/components", `[{"id":"NODE","enabled":true}]`, false},
		{"PATCH", cfsPrefix + "/v3/components", `{"patch":{"enabled":true},"filters":{"ids":"NODE"}}`, true},
		{"PATCH", cfsPrefix + "/v3/components", `{"patch":{"id":"NODE","enabled":true},"filters":{"ids":"NODE"}}`, true},
		{"PUT", bssPrefix + "/boot/v1/bootparameters", `{"kernel":"http://k/","params":"quiet"}`, true},
		{"GET", bssPrefix + "/boot/v1/bootparameters?name=NODE", "", false},
		{"GET", bssPrefix + "/boot/v1/bootparameters", "", true},
		{"POST", bosPrefix + "/v1/session", `{"operation":"boot","templateName":"a"}`, true},
		{"DELETE", bosPrefix + "/v1/session/mine", "", true},
		{"PATCH", bosPrefix + "/v1/session/mine/status", `{"metadata":{}}`, false},
		{"PATCH", bosPrefix + "/v1/session/another/status", `{"metadata":{}}`, true},
	} {
		if status, text := ask(agent, c.method, strings.ReplaceAll(c.path, "NODE", own), strings.ReplaceAll(c.body, "NODE", own)); (status == http.StatusForbidden) != c.refused {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
		if !strings.Contains(c.path+c.body, "NODE") {
			continue
		}
		if status, text := ask(agent, c.method, strings.ReplaceAll(c.path, "NODE", other), strings.ReplaceAll(c.body, "NODE", other)); status != http.StatusForbidden {
			t.Errorf("for a node that it does not move, %s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
}

// What a session of CFS has IMS make is its own.
func TestSessionsSeeToTheirOwnJobsOfIMS(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	admin := s.site.Load().Token()
	s.site.Load().Alive = func(context.Context, auth.Kind, string, string) bool { return true }
	session := s.jobToken(auth.Session, "nightly", "")
	const keys, jobs, uuid = imsPrefix + "/v3/public-keys", imsPrefix + "/v3/jobs", "00000000-0000-4000-8000-000000000001"
	const key = `"public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJUTYfKXTdpTzFeoDNCSgPIfHgTNPvoIeRXqbXaajBuX a"`
	made := func(name string) string {
		t.Helper()
		status, text := ask(admin, "POST", keys, `{"name":"`+name+`",`+key+`}`)
		_, id, found := strings.Cut(text, `"id":"`)
		if status != http.StatusCreated || !found {
			t.Fatalf("%d %s", status, text)
		}
		return id[:len(uuid)]
	}
	for _, c := range []struct {
		method, path, body string
		refused            bool
	}{
		{"POST", keys, `{"name":"cfs_nightly",` + key + `}`, false},
		{"POST", keys, `{"name":"root",` + key + `}`, true},
		{"DELETE", keys + "/" + made("cfs_nightly"), "", false},
		{"DELETE", keys + "/" + made("cfs_another"), "", true},
		{"POST", jobs, `{"job_type":"customize","artifact_id":"` + uuid + `","public_key_id":"` + uuid + `","image_root_archive_name":"a","ssh_containers":[{"name":"nightly","jail":true}]}`, false},
		{"POST", jobs, `{"job_type":"customize","artifact_id":"` + uuid + `","public_key_id":"` + uuid + `","image_root_archive_name":"a","ssh_containers":[{"name":"another","jail":true}]}`, true},
		{"POST", jobs, `{"job_type":"customize","artifact_id":"` + uuid + `","public_key_id":"` + uuid + `","image_root_archive_name":"a"}`, true},
		{"POST", jobs, `{"job_type":"create","artifact_id":"` + uuid + `","public_key_id":"` + uuid + `","image_root_archive_name":"a"}`, true},
	} {
		if status, text := ask(session, c.method, c.path, c.body); (status == http.StatusForbidden) != c.refused {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
}
