package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
)

// roleRights are what roles may, said by hand: package auth is not asked.
var roleRights = map[auth.Role][]auth.Right{
	auth.Auditor:       {auth.Read, auth.Audit},
	auth.TenantAdmin:   {auth.Read, auth.Boot},
	auth.Operator:      {auth.Read, auth.Boot, auth.Configure, auth.Power, auth.Images},
	auth.Administrator: {auth.Read, auth.Boot, auth.Configure, auth.Power, auth.Images, auth.Inventory, auth.Settings, auth.Audit},
}

// expected is what somebody is answered: role is empty for whom there is no token,
// itself says whether the path is about the node at whose address they are.
func expected(rule *auth.Rule, role auth.Role, itself, nodesDoor bool) int {
	switch {
	case nodesDoor && !rule.Node:
		return http.StatusNotFound
	case rule.Right == auth.Open, rule.Node && role == "" && (rule.Subject == 0 || itself):
		return http.StatusOK
	case rule.Node && role == "":
		return http.StatusForbidden
	case role == "":
		return http.StatusUnauthorized
	case slices.Contains(roleRights[role], rule.Right) && (role != auth.TenantAdmin || rule.Tenant):
		return http.StatusOK
	}
	return http.StatusForbidden
}

// unlisted are operations that no service's document has, and other paths of those
// that are there.
var unlisted = []string{"GET /", "GET /metrics", "GET /hosts", "GET /assets/a.css", "GET /nodes", "GET /nodes/x1000c0s0b0n0", "GET /nodes/x1000c0s0b0n0/console", "GET /sessions", "GET /sessions/bos/a", "GET /configurations", "GET /tenants", "GET /plans/new", "GET /plans/a", "POST /plans", "POST /plans/a/apply", "GET /sessions/bos/a/cancel", "POST /sessions/bos/a/cancel",
	"GET /apis/drover/v1/events", "PUT /apis/sts/token", "GET /vcs/cray/a.git/info/refs", "POST /vcs/cray/a.git/git-receive-pack",
	"GET /apis/drover/v1/sessions/x/events", "PATCH /apis/drover/v1/sim/nodes/x", "POST /apis/power-control/transitions", "PATCH /power-cap", "POST /v1/transitions", "GET /readiness",
	"GET /hsm/v2/State/Components", "PATCH /hsm/v2/State/Components/x0/StateData", "DELETE /hsm/v2/groups/x0", "GET /boot/v1/bootscript", "GET /boot/v1/bootparameters"}

// Every operation, asked by everybody at both doors. Nothing is done: what the gate
// lets through is answered by a stand-in.
func TestEverybodyAtBothDoors(t *testing.T) {
	const node, address = "x1000c0s0b0n0", "10.4.0.1"
	c := testConfig(t)
	c.NodeListen, c.NodeIdentity = "127.0.0.1:0", byAny
	s, ask := startWithTokens(t, c)
	admin := s.site.Load().Token()
	tokens := map[auth.Role]string{"": "", auth.Administrator: admin}
	for _, role := range []auth.Role{auth.Auditor, auth.Operator, auth.TenantAdmin} {
		body := `{"name":"a","role":"` + string(role) + `"}`
		if role == auth.TenantAdmin {
			body = `{"name":"a","role":"tenant","tenant":"blue"}`
		}
		var made auth.TokenMade
		if status, text := ask(admin, "POST", "/apis/drover/v1/tokens", body); json.Unmarshal([]byte(text), &made) != nil || made.Text == "" {
			t.Fatal(status, text)
		}
		tokens[role] = made.Text
	}
	for path, body := range map[string]string{"/State/Components": `{"Components":[{"ID":"` + node + `","State":"On"}]}`,
		"/Inventory/EthernetInterfaces": `{"MACAddress":"02:00:00:00:00:01","ComponentID":"` + node + `","IPAddresses":[{"IPAddress":"` + address + `"}]}`} {
		if status, text := ask(admin, "POST", hsmPrefix+path, body); status >= 300 {
			t.Fatal(status, text)
		}
	}
	waitFor(t, func() bool { at, err := s.platform.boot.NodeAt(t.Context(), address); return err == nil && at == node })
	all := append(operations(t, s), unlisted...)
	s.door.own = s.gate(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	at := func(door, operation, token, from string) int {
		method, path, _ := strings.Cut(operation, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, door+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, operation := range all {
		method, path, _ := strings.Cut(operation, " ")
		asked := httptest.NewRequest(method, c.gatewayPrefix(path)+path, nil)
		rule := s.rules.Of(asked)
		if s.rules.Closed(asked) {
			t.Errorf("%s: no rule", operation)
		}
		if rule.Subject > 0 {
			operation = strings.Replace(operation, "x0", node, 1)
		}
		for role, token := range tokens {
			for from, itself := range map[string]bool{address: true, "10.9.9.9": false} {
				for door, nodes := range map[string]bool{s.localURL(): false, s.nodeDoor(): true} {
					if got, want := at(door, operation, token, from), expected(rule, role, itself, nodes); got != want {
						t.Errorf("%s as %q from %s, nodes' door: %t: %d, want %d", operation, role, from, nodes, got, want)
					}
				}
			}
		}
	}
}
