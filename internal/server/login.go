package server

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const (
	// loginPath is where clients of a CSM log in, at the gateway's name: see
	// `drover auth login`.
	loginPath = "/keycloak/realms/{realm}/protocol/openid-connect/token"
	// maxLogin is the longest body of a login, in bytes.
	maxLogin = 64 << 10
)

// passLogins passes what is sent to loginPath on to the identity provider, if that is a
// Keycloak's realm of the same name. Nothing else of the provider is reached through
// this server, and it keeps nothing of what passes.
func (s *Server) passLogins() error {
	issuer := strings.TrimSuffix(s.config.OIDC.Issuer, "/")
	base, realm, is := strings.Cut(issuer, "/realms/")
	if !is || strings.Contains(realm, "/") {
		return nil
	}
	target, err := url.Parse(base + "/realms/" + realm + "/protocol/openid-connect/token")
	if err != nil {
		return fault.New(fault.Invalid, "oidc-issuer: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: s.providerTransport(),
		Rewrite: func(r *httputil.ProxyRequest) {
			to := *target
			r.Out.URL, r.Out.Host = &to, ""
			r.Out.Header = http.Header{"Content-Type": r.In.Header["Content-Type"], "Accept": r.In.Header["Accept"]}
			r.SetXForwarded() // the provider slows down who guesses
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Set-Cookie")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			httpapi.WriteProblem(w, fault.New(fault.Unavailable, "the identity provider %s does not answer: %w", issuer, err))
		},
	}
	s.mux.HandleFunc("POST "+loginPath, func(w http.ResponseWriter, r *http.Request) {
		if asked := r.PathValue("realm"); asked != realm {
			httpapi.WriteProblem(w, fault.New(fault.NotFound, "no realm '%.100s': tokens of %s are taken here", asked, issuer))
			return
		}
		r.Body = httpapi.AtMost(r.Body, r.ContentLength, maxLogin, "")
		proxy.ServeHTTP(w, r)
	})
	return nil
}
