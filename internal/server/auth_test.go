package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
)

// startWithTokens starts a server that asks for tokens and returns what asks it
// with one; empty: none.
func startWithTokens(t *testing.T, c Config) (s *Server, ask func(token, method, path, body string) (int, string)) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	c.Auth = authToken
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, func(token, method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.localURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var text bytes.Buffer
		text.ReadFrom(resp.Body) //nolint:errcheck // the tests look at what came
		return resp.StatusCode, text.String()
	}
}

// operations are all that the services' own documents describe, with a word in
// place of each parameter.
func operations(t *testing.T, s *Server) (list []string) {
	t.Helper()
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	for _, prefix := range []string{bosPrefix, cfsPrefix, hsmPrefix, pcsPrefix, bssPrefix, imsPrefix, tapmsPrefix, capmcPrefix + "/v1", nativePrefix} {
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, prefix+"/openapi.json", nil))
		var doc struct {
			Paths map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Paths) == 0 {
			t.Fatalf("%s: %v, %d paths", prefix, err, len(doc.Paths))
		}
		w = httptest.NewRecorder()
		if s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, prefix+"/docs", nil)); w.Code != http.StatusOK {
			t.Errorf("%s/docs: %d", prefix, w.Code)
		}
		for path, methods := range doc.Paths {
			for method := range methods {
				if m := strings.ToUpper(method); strings.Contains(" GET POST PUT PATCH DELETE ", " "+m+" ") {
					list = append(list, m+" "+prefix+parameter.ReplaceAllString(path, "x0"))
				}
			}
		}
	}
	return list
}

// Each operation has a rule, and without a token nothing but probes and what nodes
// need is answered.
func TestEveryOperationHasARule(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	rules := auth.NewRules(auth.Table)
	all := operations(t, s)
	if len(all) < 250 {
		t.Fatalf("only %d operations", len(all))
	}
	for _, operation := range append(all, "GET /metrics", "GET /", "GET /vcs/cray/a.git/info/refs", "PUT /apis/sts/token",
		"GET /apis/drover/v1/sessions/x/events", "GET /apis/drover/v1/sim/nodes", "PATCH /apis/drover/v1/sim/nodes/x") {
		method, path, _ := strings.Cut(operation, " ")
		r := httptest.NewRequest(method, path, nil)
		if rules.Closed(r) {
			t.Errorf("%s: no rule", operation)
			continue
		}
		rule := rules.Of(r)
		if status, text := ask("", method, path, "{}"); (status == http.StatusUnauthorized) != (rule.Right != auth.Open && !rule.Node) {
			t.Errorf("%s without a token: %d %.100s", operation, status, text)
		}
	}
	if status, _ := ask("", "POST", "/apis/none/of/these", ""); status != http.StatusUnauthorized {
		t.Errorf("what nothing serves: %d", status)
	}
}

func TestTokensAreGivenAndTaken(t *testing.T) {
	c := testConfig(t)
	s, ask := startWithTokens(t, c)
	info, err := os.Stat(filepath.Join(c.Data, "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	admin, err := auth.Find(os.Getenv, s.URL())
	if err != nil || admin == "" {
		t.Fatal("the command line finds no token:", err)
	}
	status, text := ask(admin, "POST", "/apis/drover/v1/tokens", `{"name":"anna","role":"auditor"}`)
	var made auth.TokenMade
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusCreated || made.Text == "" {
		t.Fatal(status, text, err)
	}
	for operation, want := range map[string]int{"GET /apis/bos/v2/sessions": 200, "POST /apis/bos/v2/sessions": 403, "GET /apis/drover/v1/tokens": 403,
		"GET /apis/bss/boot/v1/bootparameters": 403, "GET /apis/drover/v1/whoami": 200, "GET /apis/drover/v1/can-i?method=POST&path=/apis/bos/v2/sessions": 200} {
		method, path, _ := strings.Cut(operation, " ")
		if status, text := ask(made.Text, method, path, "{}"); status != want {
			t.Errorf("%s by an auditor: %d %s, want %d", operation, status, text, want)
		}
	}
	if _, text := ask(made.Text, "GET", "/apis/drover/v1/can-i?method=POST&path=/apis/bos/v2/sessions", ""); !strings.Contains(text, `"allowed":false`) || !strings.Contains(text, "boot") {
		t.Error(text)
	}
	for _, query := range []string{"method=FOO&path=/apis/bos/v2/sessions", "method=POST&path=apis/bos/v2/sessions"} {
		if status, text := ask(admin, "GET", "/apis/drover/v1/can-i?"+query, ""); status != http.StatusBadRequest || !strings.Contains(text, "expected such as POST and /apis/bos/v2/sessions") {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if _, list := ask(admin, "GET", "/apis/drover/v1/tokens", ""); strings.Contains(list, "hash") || !strings.Contains(list, made.ID) {
		t.Error(list)
	}
	if status, text := ask(admin, "DELETE", "/apis/drover/v1/tokens/"+made.ID, ""); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	if status, text := ask(made.Text, "GET", "/apis/bos/v2/sessions", ""); status != http.StatusUnauthorized {
		t.Errorf("with a revoked token: %d %s", status, text)
	}
}

func TestNobodyIsServedUnaskedOnANetwork(t *testing.T) {
	for listen, allowed := range map[string]bool{"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true, "10.1.0.1:8080": false, "0.0.0.0:8080": false} {
		_, err := loaded(t, "--auth", "none", "--listen", listen, "--advertise", "http://boot")
		if (err == nil) != allowed || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if _, err := loaded(t, "--auth", "some"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
