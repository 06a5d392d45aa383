package server

import (
	"net/http"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// A node says what it runs; what it shall run, and so what links it is given, is for
// others to say.
func TestNodesReportAndWishForNothing(t *testing.T) {
	c := testConfig(t)
	c.NodeIdentity, c.Simulate = byNothing, 1
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	const bos, v2, v3 = bosPrefix + "/v2/components/x1000c0s0b0n0", cfsPrefix + "/v2/components/x1000c0s0b0n0", cfsPrefix + "/v3/components/x1000c0s0b0n0"
	waitFor(t, func() bool {
		inBOS, _ := ask(admin, "GET", bos, "")
		inCFS, _ := ask(admin, "GET", v3, "")
		return inBOS == http.StatusOK && inCFS == http.StatusOK
	})
	for _, c := range []struct {
		path, body string
		refused    bool
	}{
		{bos, `{"id":"x1000c0s0b0n0","actual_state":{"bss_token":"a"}}`, false},
		{bos, `{"desired_state":{"boot_artifacts":{"kernel":"s3://cfs-sessions/a"}}}`, true},
		{bos, `{"actual_state":{"bss_token":"a"},"enabled":true}`, true},
		{bos, `{"session":"another"}`, true},
		{v3, `{"state":[],"enabled":true}`, false},
		{v3, `{"state":[],"enabled":true,"desired_config":"secret"}`, true},
		{v3, `{"tags":{"bos_session":"another"}}`, true},
		{v2, `{"state":[],"enabled":true}`, false},
		{v2, `{"desiredConfig":"secret"}`, true},
	} {
		if status, text := ask("", "PATCH", c.path, c.body); (status == http.StatusForbidden) != c.refused {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, text)
		}
		if status, text := ask(admin, "PATCH", c.path, c.body); status == http.StatusForbidden {
			t.Errorf("by the administrator, %s %s: %d %s", c.path, c.body, status, text)
		}
	}
}

// A session's token is for what that session reports, and for no later one of its
// name.
func TestSessionsReportWhatTheyRan(t *testing.T) {
	c := testConfig(t)
	c.HoldCFS = true
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	expect := func(want int, method, path, body string) {
		t.Helper()
		if status, text := ask(admin, method, path, body); status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
	}
	expect(200, "PUT", cfsPrefix+"/v3/configurations/c", `{"layers":[{"clone_url":"https://git.invalid/a.git","commit":"0123456789012345678901234567890123456789","playbook":"a.yml"}]}`)
	expect(200, "PUT", cfsPrefix+"/v3/components/x1c0s0b0n0", `{}`)
	expect(200, "PUT", cfsPrefix+"/v3/components/x1c0s1b0n0", `{}`)
	begin := func() (token string) {
		t.Helper()
		expect(201, "POST", cfsPrefix+"/v3/sessions", `{"name":"nightly","configuration_name":"c","ansible_limit":"X1c0s0b0n0,x1c0s2b0n0"}`)
		open, err := s.cfs.OpenSessions(t.Context(), []string{"nightly"})
		if err != nil || len(open) != 1 {
			t.Fatal(open, err)
		}
		return s.jobToken(auth.Session, "nightly", open[0].Run.Job.ID)
	}
	first := begin()
	const own = `"state_append":{"clone_url":"https://git.invalid/a.git","playbook":"a.yml","commit":"b","session_name":"nightly"}`
	const other = `"state_append":{"clone_url":"https://git.invalid/a.git","playbook":"a.yml","commit":"b","session_name":"other"}`
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v3/components?count_errors=true", `[{"id":"x1c0s0b0n0",` + own + `}]`, 200},
		{"/v3/components", `[{"id":"x1c0s0b0n0",` + other + `}]`, 403},
		{"/v3/components", `[{"id":"x1c0s0b0n0","desired_config":"c"}]`, 403},
		{"/v3/components", `{"patch":{"enabled":true},"filters":{"ids":"x1c0s0b0n0"}}`, 403},
		{"/v3/components/x1c0s0b0n0", `{"desired_config":"c"}`, 403},
		{"/v3/components/x1c0s0b0n0", `{` + own + `}`, 200},
		{"/v2/components", `[{"id":"x1c0s0b0n0","desiredConfig":"c"}]`, 403},
		{"/v2/components", `{"patch":{"desiredConfig":"c"},"filters":{"ids":"x1c0s0b0n0"}}`, 403},
		{"/v2/components/x1c0s0b0n0", `{"state":[]}`, 403},
		{"/v3/components", `[{"id":"x1c0s1b0n0",` + own + `}]`, 403}, // it does not run there
		{"/v3/components/x1c0s1b0n0", `{` + own + `}`, 403},
		{"/v3/components", `{"patch":{"id":"x1c0s0b0n0",` + own + `},"filters":{"ids":"x1c0s1b0n0"}}`, 403},
		{"/v2/components", `{"patch":{"id":"x1c0s0b0n0","stateAppend":{"cloneUrl":"u","playbook":"p","commit":"c","sessionName":"nightly"}},"filters":{}}`, 403},
		{"/v3/components", `{"patch":{` + own + `},"filters":{"ids":"x1c0s0b0n0"}}`, 403},
	} {
		if status, text := ask(first, "PATCH", cfsPrefix+c.path, c.body); status != c.status {
			t.Errorf("%s %s: %d %s; want %d", c.path, c.body, status, text, c.status)
		}
	}
	expect(204, "DELETE", cfsPrefix+"/v3/sessions/nightly", "")
	second := begin()
	if status, text := ask(first, "GET", cfsPrefix+"/v3/components", ""); status != http.StatusUnauthorized {
		t.Errorf("by the token of a session that is gone, whose name another one has: %d %s", status, text)
	}
	if status, text := ask(second, "GET", cfsPrefix+"/v3/components", ""); status != http.StatusOK {
		t.Errorf("by the token of the other: %d %s", status, text)
	}
}
