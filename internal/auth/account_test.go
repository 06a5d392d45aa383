package auth

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/drover-hpc/drover/internal/fault"
)

// elsewhere is a service that asks for tokens, and the provider that makes them for
// the client drover.
type elsewhere struct {
	url, issuer, secret string
	now                 time.Time
	made, asked         atomic.Int64 // tokens, requests of the service
	counts              atomic.Value // the token that the service takes
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{now: time.Now(), secret: filepath.Join(t.TempDir(), "secret")}
	provider := &oidctest.Server{}
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		switch {
		case r.URL.Path != "/token":
			provider.ServeHTTP(w, r)
		case id != "drover" || secret != "of-drover" || r.FormValue("grant_type") != "client_credentials":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"invalid_client","error_description":"no such client or secret"}`) //nolint:errcheck // of the test
		default:
			token := fmt.Sprintf("token-%d", e.made.Add(1))
			e.counts.Store(token)
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`, token)
		}
	}))
	t.Cleanup(p.Close)
	provider.SetIssuer(p.URL)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		body, _ := io.ReadAll(r.Body) //nolint:errcheck // it is looked at
		if token, _ := e.counts.Load().(string); token == "" || r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s %s", r.Method, body)
	}))
	t.Cleanup(service.Close)
	e.issuer, e.url = p.URL, service.URL
	e.keep(t, "of-drover\n")
	return e
}

func (e *elsewhere) keep(t *testing.T, secret string) {
	t.Helper()
	if err := os.WriteFile(e.secret, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (e *elsewhere) client() *http.Client {
	a := &Account{Issuer: e.issuer, Client: "drover", SecretFile: e.secret, Transport: http.DefaultTransport, Now: func() time.Time { return e.now }}
	return &http.Client{Transport: a.Over(http.DefaultTransport, e.url+"/base")}
}

// put is a request whose body has to come through, too.
func (e *elsewhere) put(t *testing.T, c *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(text)), err
}

func TestServicesElsewhereAreShownATokenOfTheirProvider(t *testing.T) {
	e := newElsewhere(t)
	c := e.client()
	for _, step := range []struct {
		what string
		do   func()
		made int64
	}{
		{"the first request", func() {}, 1},
		{"the next", func() {}, 1},
		{"shortly before its end", func() { e.now = e.now.Add(285 * time.Second) }, 2},
		{"refused before its end", func() { e.counts.Store("another") }, 3},
	} {
		step.do()
		if text, err := e.put(t, c, e.url); err != nil || text != "200 PUT body" || e.made.Load() != step.made {
			t.Errorf("%s: %q, %v, %d tokens; want 200 by token %d", step.what, text, err, e.made.Load(), step.made)
		}
	}
}

// A service that refuses every token is asked twice, not for ever.
func TestServiceThatTakesNoTokenIsNotAskedForEver(t *testing.T) {
	e := newElsewhere(t)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer deaf.Close()
	e.url = deaf.URL
	if text, err := e.put(t, e.client(), deaf.URL); err != nil || text != "401 " || e.asked.Load() != 2 {
		t.Errorf("%q, %v after %d requests", text, err, e.asked.Load())
	}
}

// Where a service sends its clients to another host, the token does not go along.
func TestTokenIsShownToItsServiceAlone(t *testing.T) {
	e := newElsewhere(t)
	var shown atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { shown.Store(r.Header.Get("Authorization")) }))
	defer other.Close()
	leads := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer leads.Close()
	e.url = leads.URL
	if text, err := e.put(t, e.client(), leads.URL); err != nil || text != "200 " || shown.Load() != "" {
		t.Errorf("%q, %v; the other host was shown %q", text, err, shown.Load())
	}
}

func TestWhyThereIsNoTokenIsSaid(t *testing.T) {
	e := newElsewhere(t)
	c := e.client()
	for _, secret := range []string{"wrong", "of-drover"} { // the file is read again
		e.keep(t, secret)
		e.now = e.now.Add(time.Minute)
		text, err := e.put(t, c, e.url)
		if secret == "of-drover" {
			if err != nil || text != "200 PUT body" {
				t.Errorf("after the secret was set right: %q, %v", text, err)
			}
			continue
		}
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "gives drover no token: it answered 401 invalid_client no such client or secret") {
			t.Errorf("a wrong secret: %q, %v", text, err)
		}
	}
	if err := os.Remove(e.secret); err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(time.Hour)
	if _, err := e.put(t, c, e.url); err == nil || !strings.Contains(err.Error(), "services-client-secret-file") {
		t.Error("without the file:", err)
	}
}
