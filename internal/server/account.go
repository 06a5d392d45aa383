package server

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Account is by what client of an identity provider this server is let in at
// services that run elsewhere.
type Account struct {
	Issuer     string `mapstructure:"services-issuer"`
	Client     string `mapstructure:"services-client-id"`
	SecretFile string `mapstructure:"services-client-secret-file"`

	tokens *auth.Account // nil: services that run elsewhere are shown no token
}

func declareAccount(f *pflag.FlagSet) {
	f.String("services-issuer", "", "`URL` of the identity provider that gives this server tokens for external services")
	f.String("services-client-id", "", "`NAME` of this server at that provider: a client that may have tokens by its secret (client credentials)")
	f.String("services-client-secret-file", "", "`FILE` with the client's secret, read for each token")
}

// checkAccount makes what asks for tokens; without any of the options there is none.
func (c *Config) checkAccount() error {
	a := &c.Account
	if *a == (Account{}) {
		return nil
	}
	for _, flag := range []struct{ name, value string }{{"services-issuer", a.Issuer}, {"services-client-id", a.Client}, {"services-client-secret-file", a.SecretFile}} {
		if flag.value == "" {
			return fault.New(fault.Invalid, "%s: expected it, since another of services-issuer, services-client-id and services-client-secret-file is given", flag.name)
		}
	}
	if !strings.HasPrefix(a.Issuer, "https://") && !strings.HasPrefix(a.Issuer, "http://") {
		return fault.New(fault.Invalid, "services-issuer: expected a URL such as https://auth.example.org/keycloak/realms/shasta, got %q", a.Issuer)
	}
	a.tokens = &auth.Account{Issuer: a.Issuer, Client: a.Client, SecretFile: a.SecretFile, Transport: certs.Transport(c.TLS.trust), Now: time.Now}
	return nil
}

// outward makes calls to the service at base, which runs elsewhere.
func (s *Server) outward(base string) http.RoundTripper {
	next := certs.Transport(s.config.TLS.trust)
	if s.config.Account.tokens == nil {
		return next
	}
	return s.config.Account.tokens.Over(next, base)
}

// forJobs is the URL by which jobs reach a service that runs elsewhere; empty: by
// this server. Where such services ask for a token, they do: no job has this
// server's.
func (c *Config) forJobs(external string) string {
	if c.Account.tokens != nil {
		return ""
	}
	return external
}

// passToExternals has external services answer at the embedded ones' paths where
// they ask for a token: for those who may do here what they ask for. Nodes, which
// show none, do not come through.
func (s *Server) passToExternals() error {
	if s.config.Account.tokens == nil {
		return nil
	}
	at := map[string]string{"hsm-url": hsmPrefix, "pcs-url": pcsPrefix, "bss-url": bssPrefix, "ims-url": imsPrefix, "tapms-url": tapmsPrefix}
	for _, e := range s.config.externals() {
		if *e.url == "" {
			continue
		}
		base, err := url.Parse(*e.url)
		if err != nil {
			return fault.New(fault.Invalid, "%s: %w", e.flag, err)
		}
		pass := http.StripPrefix(at[e.flag], passing(e.name, base, s.leading(s.outward(*e.url))))
		s.mux.HandleFunc(at[e.flag]+"/", func(w http.ResponseWriter, r *http.Request) {
			if who := auth.Of(r.Context()); s.rules.Of(r).Node && (who == nil || who.Role == auth.Node) {
				httpapi.WriteProblem(w, fault.New(fault.NotFound, "%s runs elsewhere, where nodes have to go", e.name))
				return
			}
			if !plainPath(r.URL) {
				httpapi.WriteProblem(w, fault.New(fault.Invalid, "%s runs elsewhere, and might take the path for another one than this server: expected no slash at its end, no '.' or '..' between two, and neither an encoded slash nor any of \\ %% ;", e.name))
				return
			}
			pass.ServeHTTP(w, r)
		})
	}
	return nil
}

// plainPath tells whether every server takes the path for the same one: the rule by
// which somebody was let through is that of this server's reading.
func plainPath(u *url.URL) bool {
	path := u.EscapedPath()
	for segment := range strings.SplitSeq(path, "/") {
		name, err := url.PathUnescape(segment)
		if err != nil || name == "." || name == ".." || strings.ContainsAny(name, "/\\%;") {
			return false
		}
	}
	return !strings.HasSuffix(path, "/")
}

// passing answers with what the service at base does.
func passing(service string, base *url.URL, over http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{Transport: over,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			for _, own := range []string{"Authorization", "Cookie"} {
				r.Out.Header.Del(own) // the caller's are for this server
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			httpapi.WriteProblem(w, fault.New(fault.Unavailable, "call %s: %w", service, err))
		}}
}
