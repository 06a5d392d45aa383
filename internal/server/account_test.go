package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// hsmBehindGateway is an HSM with one node, behind a gateway that takes the tokens
// that the issuer gives drover for its secret, "right".
func hsmBehindGateway(t *testing.T) (url, issuer string) {
	t.Helper()
	provider := &oidctest.Server{}
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			provider.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if id, secret, _ := r.BasicAuth(); id != "drover" || secret != "right" {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"access_token":"of-drover","token_type":"Bearer","expires_in":300}`)
	}))
	t.Cleanup(p.Close)
	provider.SetIssuer(p.URL)
	db, err := store.Open(t.Context(), storetest.SQLite(t), events.NewHub().Changed)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	mux := http.NewServeMux()
	hsm.Register(httpapi.New(mux, hsmPrefix, "HSM", "2"), hsm.NewService(db, journal.New(db, time.Now), nil, time.Now))
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of-drover" {
			httpapi.WriteProblem(w, fault.New(fault.Unauthenticated, "no token"))
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, hsmPrefix+"/State/Components", strings.NewReader(`{"Components":[{"ID":"x1c0s0b0n0","Type":"Node","State":"Off","Role":"Compute"}]}`))
	r.Header.Set("Content-Type", "application/json")
	if mux.ServeHTTP(w, r); w.Code >= 400 {
		t.Fatal(w.Code, w.Body)
	}
	return gateway.URL, p.URL
}

// A gateway that lets in whom it knows alone: the server comes in by its account,
// and its clients come through by the rules that count here.
func TestServicesBehindAGatewayThatAsksForTokens(t *testing.T) {
	url, issuer := hsmBehindGateway(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("right\n"), 0o600))
	flags, err := loaded(t, "--hsm-url", url+"/apis/smd", "--services-issuer", issuer, "--services-client-id", "drover", "--services-client-secret-file", secret)
	must(t, err)
	c := testConfig(t)
	c.HSM, c.Account = flags.HSM, flags.Account
	s, ask := startWithTokens(t, c)
	admin, err := auth.Find(os.Getenv, s.URL())
	must(t, err)
	waitFor(t, func() bool { // BOS takes its components from HSM
		_, text := ask(admin, "GET", bosPrefix+"/v2/components", "")
		return strings.Contains(text, "x1c0s0b0n0")
	})
	_, made := ask(admin, "POST", "/apis/drover/v1/tokens", `{"name":"anna","role":"auditor"}`)
	var auditor auth.TokenMade
	must(t, json.Unmarshal([]byte(made), &auditor))
	components, node := hsmPrefix+"/State/Components", hsmPrefix+"/State/Components/x1c0s0b0n0/StateData"
	for _, c := range []struct {
		who, token, method, path, body string
		status                         int
	}{
		{"the administrator", admin, "GET", components, "", 200},
		{"an auditor", auditor.Text, "GET", components, "", 200},
		{"an auditor", auditor.Text, "DELETE", components, "", 403},
		{"nobody", "", "GET", components, "", 401},
		{"a node", "", "PATCH", node, `{"State":"Ready"}`, 403},
		{"the administrator", admin, "PATCH", node, `{"State":"Ready"}`, 204},
	} {
		if status, text := ask(c.token, c.method, c.path, c.body); status != c.status {
			t.Errorf("%s, %s %s: %d %s; want %d", c.who, c.method, c.path, status, text, c.status)
		}
	}
	for _, path := range []string{"/service/ready/../values", "/service/ready/..%2fvalues", "/service/ready/%2e%2e/values", "/State%2fComponents", "/State/Components/"} {
		if status, text := ask(auditor.Text, "GET", hsmPrefix+path, ""); status != http.StatusBadRequest {
			t.Errorf("%s, which another server might take for another path: %d %s", path, status, text)
		}
	}
	if got := s.config.forJobs(s.config.HSM); got != "" {
		t.Errorf("jobs, which have no such token, are sent to %s", got)
	}
}

func TestAccountForServicesIsWhole(t *testing.T) {
	for args, says := range map[string]string{
		"--services-issuer http://i": "services-client-id: expected it",
		"--services-client-id d":     "services-issuer: expected it",
		"--services-issuer i --services-client-id d --services-client-secret-file f":        "services-issuer: expected a URL",
		"--services-issuer http://i --services-client-id d --services-client-secret-file f": "",
	} {
		c, err := loaded(t, strings.Fields(args)...)
		if says == "" && (err != nil || !filepath.IsAbs(c.Account.SecretFile)) || says != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v; want %q", args, err, says)
		}
	}
}
