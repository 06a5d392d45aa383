package server

import (
	"cmp"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
)

// OIDC is the identity provider whose access tokens count.
type OIDC struct {
	Issuer      string   `mapstructure:"oidc-issuer"`
	Audiences   []string `mapstructure:"oidc-audience"`
	RoleClaims  []string `mapstructure:"oidc-role-claims"`
	Roles       []string `mapstructure:"oidc-roles"`
	TenantClaim string   `mapstructure:"oidc-tenant-claim"`
	CA          string   `mapstructure:"oidc-ca"`

	roles map[string]auth.Role
	trust *x509.CertPool
}

func declareOIDC(f *pflag.FlagSet) {
	f.String("oidc-issuer", "", "`URL` of an identity provider whose access tokens are taken, such as https://auth.example.org/keycloak/realms/shasta")
	f.StringSlice("oidc-audience", []string{"shasta"}, "`NAME`s of which one has to be in a token's aud, or be its azp")
	f.StringSlice("oidc-role-claims", []string{"resource_access.shasta.roles", "realm_access.roles"}, "`CLAIM`s of a token that list roles")
	f.StringSlice("oidc-roles", []string{"administrator=admin", "operator=operator", "auditor=auditor", "tenant=tenant"}, "`ROLE=NAME`: which role here has the provider's of that name; may be given for several names")
	f.String("oidc-tenant-claim", "tenant", "`CLAIM` with the tenant of the role tenant")
	f.String("oidc-ca", "", "`FILE` with the certificates by which the provider is known (default: the machine's and those of --ca-bundle)")
}

// check refuses what would let nobody in, or anybody.
func (o *OIDC) check() (err error) {
	if o.Issuer == "" {
		return nil
	}
	if !strings.HasPrefix(o.Issuer, "https://") && !strings.HasPrefix(o.Issuer, "http://") {
		return fault.New(fault.Invalid, "oidc-issuer: expected a URL such as https://auth.example.org/keycloak/realms/shasta, got %q", o.Issuer)
	}
	o.Audiences = slices.DeleteFunc(o.Audiences, func(a string) bool { return a == "" })
	if len(o.Audiences) == 0 {
		return fault.New(fault.Invalid, "oidc-audience: expected at least one: tokens that the provider gave for other programs must not count here")
	}
	o.roles = map[string]auth.Role{}
	for _, text := range o.Roles {
		role, name, _ := strings.Cut(text, "=")
		if name == "" || !slices.Contains(auth.Given, auth.Role(role)) {
			return fault.New(fault.Invalid, "oidc-roles: expected ROLE=NAME with a role of %v, got %q", auth.Given, text)
		}
		o.roles[name] = auth.Role(role)
	}
	if o.CA == "" {
		return nil
	}
	if o.trust, err = certs.Authorities(o.CA); err != nil {
		return fault.New(fault.Invalid, "oidc-ca: %w", err)
	}
	return nil
}

// provider is the source of its tokens.
func (s *Server) provider() *auth.Provider {
	o := &s.config.OIDC
	return auth.NewProvider(auth.ProviderConfig{Issuer: o.Issuer, Audiences: o.Audiences, RoleClaims: o.RoleClaims, Roles: o.roles,
		TenantClaim: o.TenantClaim, Transport: s.providerTransport(), Now: s.now})
}

// providerTransport makes the calls of the provider.
func (s *Server) providerTransport() http.RoundTripper {
	return certs.Transport(cmp.Or(s.config.OIDC.trust, s.config.TLS.trust))
}
