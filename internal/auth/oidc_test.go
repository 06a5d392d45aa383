package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/drover-hpc/drover/internal/fault"
)

// issuer is an identity provider of the test.
type issuer struct {
	t    *testing.T
	url  string
	key  *rsa.PrivateKey
	now  time.Time
	keys atomic.Int64 // how often it was asked for its keys
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, key: key, now: time.Now()}
	front := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "one", Algorithm: "RS256"}}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "keys") {
			i.keys.Add(1)
		}
		front.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	front.SetIssuer(s.URL)
	i.url = s.URL
	return i
}

// token is one with the claims beside those that all have.
func (i *issuer) token(change func(claims map[string]any)) string {
	i.t.Helper()
	claims := map[string]any{"iss": i.url, "sub": "1234", "preferred_username": "otto", "azp": "shasta", "typ": "Bearer", "exp": i.now.Add(5 * time.Minute).Unix(),
		"resource_access": map[string]any{"shasta": map[string]any{"roles": []string{"admin", "unknown"}}}}
	change(claims)
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	return oidctest.SignIDToken(i.key, "one", "RS256", string(text))
}

func (i *issuer) provider() *Provider {
	return NewProvider(ProviderConfig{Issuer: i.url, Audiences: []string{"shasta"}, RoleClaims: []string{"resource_access.shasta.roles", "realm_access.roles"},
		Roles: map[string]Role{"admin": Administrator, "auditor": Auditor, "operator": Operator, "tenant": TenantAdmin}, TenantClaim: "tenant", Now: func() time.Time { return i.now }})
}

func roles(claims map[string]any, names ...string) {
	claims["resource_access"] = map[string]any{"shasta": map[string]any{"roles": names}}
}

func TestAccessTokensOfAProvider(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	for what, c := range map[string]struct {
		change func(map[string]any)
		want   Identity
		says   string // an error
		kind   fault.Kind
	}{
		"a Keycloak's, without aud": {change: func(map[string]any) {}, want: Identity{Name: "otto", Subject: "1234", Role: Administrator}},
		"one for us":                {change: func(c map[string]any) { c["azp"], c["aud"] = "other", []string{"account", "shasta"} }, want: Identity{Name: "otto", Subject: "1234", Role: Administrator}},
		"aud as a text":             {change: func(c map[string]any) { c["azp"], c["aud"] = "other", "shasta" }, want: Identity{Name: "otto", Subject: "1234", Role: Administrator}},
		"the best of several roles": {change: func(c map[string]any) { roles(c, "auditor", "operator") }, want: Identity{Name: "otto", Subject: "1234", Role: Operator}},
		"a realm's role":            {change: func(c map[string]any) { roles(c); c["realm_access"] = map[string]any{"roles": []string{"auditor"}} }, want: Identity{Name: "otto", Subject: "1234", Role: Auditor}},
		"a tenant's":                {change: func(c map[string]any) { roles(c, "tenant"); c["tenant"] = "blue" }, want: Identity{Name: "otto", Subject: "1234", Role: TenantAdmin, Tenant: "blue"}},
		"nobody that is known":      {change: func(c map[string]any) { roles(c, "offline_access") }, want: Identity{Name: "otto", Subject: "1234"}},
		"a tenant's of none":        {change: func(c map[string]any) { roles(c, "tenant") }, says: "expected one tenant", kind: fault.Forbidden},
		"a tenant's of no name":     {change: func(c map[string]any) { roles(c, "tenant"); c["tenant"] = "" }, says: "expected one tenant", kind: fault.Forbidden},
		"one that clears screens":   {change: func(c map[string]any) { c["preferred_username"] = "otto\x1b[2J" }, says: "U+001B", kind: fault.Unauthenticated},
		"for another":               {change: func(c map[string]any) { c["azp"] = "other" }, says: "it is for another", kind: fault.Unauthenticated},
		"an ID token":               {change: func(c map[string]any) { c["typ"], c["aud"] = "ID", "shasta" }, says: "expected an access token", kind: fault.Unauthenticated},
		"an ID token without typ":   {change: func(c map[string]any) { delete(c, "typ"); c["aud"], c["at_hash"] = "shasta", "x" }, says: "expected an access token", kind: fault.Unauthenticated},
		"an expired one":            {change: func(c map[string]any) { c["exp"] = i.now.Add(-time.Minute).Unix() }, says: "expired", kind: fault.Unauthenticated},
		"of a clock that is behind": {change: func(c map[string]any) { c["exp"] = i.now.Add(-20 * time.Second).Unix() }, want: Identity{Name: "otto", Subject: "1234", Role: Administrator}},
		"another provider's":        {change: func(c map[string]any) { c["iss"] = "https://elsewhere" }, says: "different provider", kind: fault.Unauthenticated},
	} {
		who, err := p.Identify(t.Context(), i.token(c.change))
		switch {
		case c.says != "":
			if err == nil || !strings.Contains(err.Error(), c.says) || fault.KindOf(err) != c.kind {
				t.Errorf("%s: %+v, %v", what, who, err)
			}
		case err != nil || !reflect.DeepEqual(*who, c.want):
			t.Errorf("%s: %+v, %v; want %+v", what, who, err, c.want)
		}
	}
	if who, err := p.Identify(t.Context(), "drover-api-x"); who != nil || err != nil {
		t.Error("of another kind:", who, err)
	}
}

// Tokens with keys that nobody knows do not have the provider asked each time, and
// a token that was good counts no longer than it says.
func TestProviderIsAskedSparingly(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	good := i.token(func(map[string]any) {})
	if _, err := p.Identify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forged := newForged(i, own)
	for range 50 {
		if _, err := p.Identify(t.Context(), forged); !fault.Is(err, fault.Unauthenticated) {
			t.Fatal(err)
		}
	}
	if n := i.keys.Load(); n > 2 {
		t.Errorf("the provider was asked for keys %d times", n)
	}
	if _, err := p.Identify(t.Context(), good); err != nil {
		t.Error(err)
	}
	i.now = i.now.Add(6 * time.Minute)
	if _, err := p.Identify(t.Context(), good); !fault.Is(err, fault.Unauthenticated) {
		t.Error("after its end:", err)
	}
}

func newForged(i *issuer, key *rsa.PrivateKey) string {
	real := i.key
	defer func() { i.key = real }()
	i.key = key
	return i.token(func(map[string]any) {})
}

func TestProviderThatIsAwayIsSaidSo(t *testing.T) {
	now := time.Now()
	p := NewProvider(ProviderConfig{Issuer: "http://127.0.0.1:1", Now: func() time.Time { return now }})
	for range 2 {
		if _, err := p.Identify(t.Context(), "eyJ.a.b"); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
			t.Error(err)
		}
	}
}
