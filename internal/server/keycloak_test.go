package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// keycloakRealm has the client shasta, as CSM's has, with the roles admin and
// auditor, and for each a user whose password is its name.
const keycloakRealm = `{"realm":"shasta","enabled":true,
	"roles":{"client":{"shasta":[{"name":"admin"},{"name":"auditor"}]}},
	"clients":[{"clientId":"shasta","enabled":true,"publicClient":true,"directAccessGrantsEnabled":true},
		{"clientId":"other","enabled":true,"publicClient":true,"directAccessGrantsEnabled":true},
		{"clientId":"robot","enabled":true,"secret":"robot","serviceAccountsEnabled":true,"protocolMappers":[{"name":"shasta","protocol":"openid-connect",
			"protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"shasta","access.token.claim":"true"}}]}],
	"users":[{"username":"ada","enabled":true,"email":"ada@example.org","firstName":"Ada","lastName":"A","credentials":[{"type":"password","value":"ada"}],"clientRoles":{"shasta":["admin"]}},
		{"username":"anna","enabled":true,"email":"anna@example.org","firstName":"Anna","lastName":"A","credentials":[{"type":"password","value":"anna"}],"clientRoles":{"shasta":["auditor"]}},
		{"username":"otto","enabled":true,"email":"otto@example.org","firstName":"Otto","lastName":"O","credentials":[{"type":"password","value":"otto"}]},
		{"username":"service-account-robot","enabled":true,"serviceAccountClientId":"robot","clientRoles":{"shasta":["auditor"]}}]}`

// startKeycloak starts a real Keycloak with the realm and returns its URL.
func startKeycloak(t *testing.T) string {
	t.Helper()
	home := os.Getenv("KEYCLOAK_HOME")
	if home == "" {
		t.Skip("make test-keycloak runs this against a real Keycloak")
	}
	dir := filepath.Join(t.TempDir(), "keycloak") // it keeps its data beside its programs
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", home, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data/import"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data/import/shasta.json"), []byte(keycloakRealm), 0o644); err != nil {
		t.Fatal(err)
	}
	port, management := freePort(t), freePort(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	cmd := exec.Command(filepath.Join(dir, "bin/kc.sh"), "start", "--optimized", "--import-realm", "--http-enabled=true", "--http-host=127.0.0.1",
		fmt.Sprintf("--http-port=%d", port), "--hostname="+base, fmt.Sprintf("--http-management-port=%d", management), "--http-management-scheme=http")
	cmd.Env = append(os.Environ(), "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		cmd.Wait()                          //nolint:errcheck // how it ends is its own affair
		log.Close()
	})
	for tick, deadline := time.Tick(200*time.Millisecond), time.After(5*time.Minute); ; {
		resp, err := http.Get(base + "/realms/shasta/.well-known/openid-configuration")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
		select {
		case <-tick:
		case <-deadline:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("Keycloak does not answer: %v\n%s", err, text)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// The tokens of a real Keycloak, as the command line and services get them.
func TestTokensOfKeycloak(t *testing.T) {
	base := startKeycloak(t)
	c, err := loaded(t, "--oidc-issuer", base+"/realms/shasta")
	if err != nil {
		t.Fatal(err)
	}
	own := testConfig(t)
	own.OIDC = c.OIDC
	s, ask := startWithTokens(t, own)
	logIn := func(form url.Values) (access, id string) { // as a gateway's clients do
		t.Helper()
		resp, err := http.PostForm(s.URL()+"/keycloak/realms/shasta/protocol/openid-connect/token", form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		var answer struct {
			Access string `json:"access_token"`
			ID     string `json:"id_token"`
		}
		if err != nil || json.Unmarshal(text, &answer) != nil || answer.Access == "" {
			t.Fatalf("log in: %v %s %s", err, resp.Status, text)
		}
		return answer.Access, answer.ID
	}
	password := func(client, user string) url.Values {
		return url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {user}, "password": {user}, "scope": {"openid"}}
	}
	ada, adasID := logIn(password("shasta", "ada"))
	anna, _ := logIn(password("shasta", "anna"))
	byOther, _ := logIn(password("other", "ada")) // who has roles at shasta, so that Keycloak makes the token for that, too
	elsewhere, _ := logIn(password("other", "otto"))
	otto, _ := logIn(password("shasta", "otto"))
	robot, _ := logIn(url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {"robot"}})
	for what, want := range map[string]struct {
		token, operation string
		status           int
		says             string
	}{
		"an administrator":                 {ada, "GET /apis/drover/v1/tokens", http.StatusOK, ""},
		"an administrator's name":          {ada, "GET /apis/drover/v1/whoami", http.StatusOK, `"name":"ada"`},
		"an auditor reads":                 {anna, "GET /apis/bos/v2/sessions", http.StatusOK, ""},
		"an auditor writes":                {anna, "POST /apis/bos/v2/sessions", http.StatusForbidden, "anna is in the role auditor"},
		"a service's account":              {robot, "GET /apis/drover/v1/whoami", http.StatusOK, `"role":"auditor"`},
		"got by another client":            {byOther, "GET /apis/drover/v1/whoami", http.StatusOK, `"name":"ada"`},
		"somebody without roles":           {otto, "GET /apis/bos/v2/sessions", http.StatusForbidden, "otto is in no role that is known here"},
		"a token for another client":       {elsewhere, "GET /apis/bos/v2/sessions", http.StatusUnauthorized, "it is for another"},
		"an ID token":                      {adasID, "GET /apis/bos/v2/sessions", http.StatusUnauthorized, "expected an access token"},
		"a token whose signature is wrong": {ada[:len(ada)-8] + "AAAAAAAA", "GET /apis/bos/v2/sessions", http.StatusUnauthorized, ""},
	} {
		method, path, _ := strings.Cut(want.operation, " ")
		if status, text := ask(want.token, method, path, "{}"); status != want.status || !strings.Contains(text, want.says) {
			t.Errorf("%s: %d %s; want %d and %q", what, status, text, want.status, want.says)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("robot\n"), 0o600))
	account := &auth.Account{Issuer: base + "/realms/shasta", Client: "robot", SecretFile: secret, Transport: http.DefaultTransport, Now: time.Now}
	calls := httpapi.NewClient("Drover", s.URL(), account.Over(http.DefaultTransport, s.URL()))
	var who struct{ Name, Role string }
	if _, err := calls.Do(t.Context(), http.MethodGet, "/apis/drover/v1/whoami", nil, nil, &who); err != nil || who.Role != "auditor" {
		t.Errorf("another server, by an account of its own: %+v, %v", who, err)
	}
}
