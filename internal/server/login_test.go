package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drover-hpc/drover/internal/audit"
)

// Clients of a CSM log in at the gateway's name; what they send reaches the realm whose
// tokens are taken here, and nothing else of the provider.
func TestLoginsReachTheProvidersRealm(t *testing.T) {
	for _, at := range []string{"", "/auth"} { // of Keycloak, and of CSM's
		t.Run("at "+at, func(t *testing.T) { reachesRealmAt(t, at) })
	}
}

func reachesRealmAt(t *testing.T, at string) {
	var mu sync.Mutex
	var asked []string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm() //nolint:errcheck // what is missing is seen below
		mu.Lock()
		defer mu.Unlock() // one who sent too much is still read when the next asks
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL, " ", r.PostForm.Encode(), " ", r.Header.Get("Authorization"), r.Header.Get("Cookie")))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "a=b")
		if r.PostForm.Get("password") != "ada" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, `{"access_token":"of-ada"}`)
	}))
	t.Cleanup(provider.Close)
	c := testConfig(t)
	c.Auth, c.OIDC.Issuer = authToken, provider.URL+at+"/realms/shasta"
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	login := func(realm, password string) (int, string) {
		t.Helper()
		form := url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {password}}
		r, err := http.NewRequest(http.MethodPost, s.URL()+"/keycloak/realms/"+realm+"/protocol/openid-connect/token?x=y", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Bearer of-drover"}, "Cookie": {"c=d"}}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || len(resp.Cookies()) > 0 {
			t.Error(err, resp.Cookies())
		}
		return resp.StatusCode, string(text)
	}
	if status, text := login("shasta", "ada"); status != http.StatusOK || text != `{"access_token":"of-ada"}` {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := login("shasta", "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", status)
	}
	waitFor(t, func() bool { // it is taken down, and the login that went well is not
		list, err := s.audit.List(t.Context(), audit.Filter{})
		list = slices.DeleteFunc(list, func(r audit.Record) bool { return r.Outcome != audit.Denied })
		return err == nil && len(list) == 1 && list[0].Status == http.StatusUnauthorized && strings.HasPrefix(list[0].Path, "/keycloak/")
	})
	if status, text := login("master", "ada"); status != http.StatusNotFound || !strings.Contains(text, "no realm 'master'") {
		t.Errorf("another realm: %d %s", status, text)
	}
	if status, text := login("shasta", strings.Repeat("x", maxLogin)); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "at most 64 KiB") {
		t.Errorf("a long body: %d %s", status, text)
	}
	provider.Close() // whoever asked has been answered
	want := "POST " + at + "/realms/shasta/protocol/openid-connect/token grant_type=password&password=ada&username=ada "
	if len(asked) < 2 || asked[0] != want {
		t.Errorf("the provider was asked %q, want %q", asked, want)
	}
	if status, text := login("shasta", "ada"); status != http.StatusServiceUnavailable || !strings.Contains(text, "does not answer") {
		t.Errorf("without a provider: %d %s", status, text)
	}
}
