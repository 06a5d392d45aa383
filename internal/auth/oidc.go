package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/drover-hpc/drover/internal/fault"
)

// ProviderConfig says whose access tokens count, and what they say.
type ProviderConfig struct {
	// Issuer is the identity provider's URL, as tokens have it.
	Issuer string
	// Audiences are those for whom tokens have to be: one of them has to be in
	// "aud", or be "azp", which has to do where Keycloak leaves "aud" out.
	Audiences []string
	// RoleClaims are where roles are found, with dots between the members, such as
	// resource_access.shasta.roles.
	RoleClaims []string
	// Roles are ours by the provider's; those that are not here count for nothing.
	Roles map[string]Role
	// TenantClaim is where the tenant of the role tenant is found.
	TenantClaim string
	// Transport makes the calls of the provider; nil: the usual one.
	Transport http.RoundTripper
	Now       func() time.Time
}

const (
	// skew is how far the provider's clock may be behind.
	skew = 30 * time.Second
	// providerTimeout bounds a call of the provider.
	providerTimeout = 10 * time.Second
	// askAgain is how often it is asked for keys at most: tokens of unknown keys
	// make it be asked.
	askAgain = 5 * time.Second
	// maxVerified bounds the tokens that are remembered.
	maxVerified = 10_000
)

// Provider is a Source of the access tokens of an identity provider that speaks
// OpenID Connect.
type Provider struct {
	config ProviderConfig
	client *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier // nil: the provider did not answer yet
	tried    time.Time
	known    map[[sha256.Size]byte]verified
}

// verified is a token that was good.
type verified struct {
	who     *Identity
	expires time.Time
}

// NewProvider returns a source for the provider, which is asked when the first
// token comes.
func NewProvider(c ProviderConfig) *Provider {
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return &Provider{config: c, known: map[[sha256.Size]byte]verified{},
		client: &http.Client{Timeout: providerTimeout, Transport: &sparing{next: c.Transport, now: c.Now}}}
}

// Identify implements Source.
func (p *Provider) Identify(ctx context.Context, token string) (*Identity, error) {
	if !strings.HasPrefix(token, "eyJ") || strings.Count(token, ".") != 2 {
		return nil, nil
	}
	key := sha256.Sum256([]byte(token))
	p.mu.Lock()
	v, is := p.known[key]
	p.mu.Unlock()
	if is && p.config.Now().Before(v.expires) {
		return v.who, nil
	}
	v, err := p.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxVerified {
		clear(p.known)
	}
	p.known[key] = v
	return v.who, nil
}

func (p *Provider) verify(ctx context.Context, token string) (verified, error) {
	verifier, err := p.ready(ctx)
	if err != nil {
		return verified{}, err
	}
	good, err := verifier.Verify(ctx, token)
	switch {
	case err != nil && strings.Contains(err.Error(), errAskedAlready.Error()): // the library keeps no more than its text
		return verified{}, refused("its key is not among those of " + p.config.Issuer)
	case err != nil && strings.Contains(err.Error(), "fetching keys"):
		return verified{}, fault.New(fault.Unavailable, "the keys of %s cannot be read: %w", p.config.Issuer, err)
	case err != nil:
		return verified{}, refused(strings.TrimPrefix(err.Error(), "oidc: "))
	}
	var claims map[string]any
	if err := good.Claims(&claims); err != nil {
		return verified{}, refused(err.Error())
	}
	who, err := p.config.identity(good.Audience, claims)
	return verified{who, good.Expiry.Add(skew)}, err
}

// ready is the verifier, once the provider has told of itself.
func (p *Provider) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verifier != nil {
		return p.verifier, nil
	}
	if p.config.Now().Sub(p.tried) < askAgain {
		return nil, fault.New(fault.Unavailable, "the identity provider %s did not answer a moment ago", p.config.Issuer)
	}
	p.tried = p.config.Now()
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.config.Issuer)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the identity provider %s does not tell of itself: %w", p.config.Issuer, err)
	}
	p.verifier = provider.Verifier(&oidc.Config{SkipClientIDCheck: true, Now: func() time.Time { return p.config.Now().Add(-skew) }})
	return p.verifier, nil
}

// identity is who the claims of a good token speak of.
func (c *ProviderConfig) identity(audience []string, claims map[string]any) (*Identity, error) {
	azp, _ := claims["azp"].(string)
	ours := slices.ContainsFunc(append(slices.Clone(audience), azp), func(a string) bool { return slices.Contains(c.Audiences, a) })
	typ, _ := claims["typ"].(string)
	switch {
	case typ != "" && !strings.EqualFold(typ, "Bearer"):
		return nil, refused("it is of the type " + typ + ": expected an access token")
	case claims["at_hash"] != nil || claims["c_hash"] != nil: // OpenID Connect Core 1.0, 3.3.2.11: of ID tokens alone
		return nil, refused("it is an ID token: expected an access token")
	case !ours:
		return nil, refused("it is for another: expected an audience, or azp, of " + strings.Join(c.Audiences, " or "))
	}
	who := &Identity{Role: c.role(claims)}
	for _, name := range []string{"preferred_username", "client_id", "sub"} {
		if text, _ := claims[name].(string); who.Name == "" {
			who.Name = text
		}
	}
	who.Subject, _ = claims["sub"].(string)
	if who.Role == TenantAdmin {
		tenants := texts(claims, c.TenantClaim)
		if len(tenants) != 1 || tenants[0] == "" {
			return nil, fault.New(fault.Forbidden, "%s has the role tenant: expected one tenant in the claim %s, got %q", who.Name, c.TenantClaim, tenants)
		}
		who.Tenant = tenants[0]
	}
	for claim, text := range map[string]string{"the name": who.Name, "sub": who.Subject, c.TenantClaim: who.Tenant} {
		if err := fault.CheckName(claim, text); err != nil {
			return nil, refused(err.Error())
		}
	}
	return who, nil
}

// role is the one with the most rights of those that the claims give.
func (c *ProviderConfig) role(claims map[string]any) (best Role) {
	for _, claim := range c.RoleClaims {
		for _, name := range texts(claims, claim) {
			if role, is := c.Roles[name]; is && (best == "" || slices.Index(Given, role) < slices.Index(Given, best)) {
				best = role
			}
		}
	}
	return best
}

// texts are the strings at the path, one or a list.
func texts(claims map[string]any, path string) (out []string) {
	var at any = claims
	for _, name := range strings.Split(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	switch v := at.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			if text, is := item.(string); is {
				out = append(out, text)
			}
		}
	}
	return out
}

// sparing asks for the same document no more often than each askAgain.
type sparing struct {
	next http.RoundTripper
	now  func() time.Time

	mu    sync.Mutex
	asked map[string]time.Time
}

// errAskedAlready says that a document was asked for a moment ago.
var errAskedAlready = errors.New("this provider was asked for the same a moment ago")

func (s *sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	last, is := s.asked[r.URL.Path]
	if is && s.now().Sub(last) < askAgain {
		s.mu.Unlock()
		return nil, errAskedAlready
	}
	if s.asked == nil {
		s.asked = map[string]time.Time{}
	}
	s.asked[r.URL.Path] = s.now()
	s.mu.Unlock()
	return s.next.RoundTrip(r)
}
