package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/drover-hpc/drover/internal/fault"
)

// Account is what this server is at an identity provider, whose tokens it shows to
// services that run elsewhere: a client with a secret (RFC 6749, 4.4).
type Account struct {
	// Issuer is the provider's URL, as its configuration has it.
	Issuer string
	Client string
	// SecretFile has the client's secret. It is read for each token, so that it may be
	// changed while the server runs.
	SecretFile string
	// Transport makes the calls of the provider.
	Transport http.RoundTripper
	Now       func() time.Time

	mu    sync.Mutex
	token *oauth2.Token // nil: none yet, or it was refused
	fails error         // of the last try, which was at tried
	tried time.Time
}

const (
	// early is how long before its end a token is asked for anew.
	early = 20 * time.Second
	// failsFor is how long a provider that gave no token is left alone.
	failsFor = time.Second
)

// Over has requests for the host of base show a token, and others, to which an answer
// may lead, none. A token that is refused is asked for anew, once a request.
func (a *Account) Over(next http.RoundTripper, base string) http.RoundTripper {
	u, err := url.Parse(base)
	if err != nil {
		return next // such a URL makes no request either
	}
	return &showing{a, next, u.Scheme, u.Host}
}

type showing struct {
	account      *Account
	next         http.RoundTripper
	scheme, host string
}

func (s *showing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != s.host || r.URL.Scheme != s.scheme {
		return s.next.RoundTrip(r)
	}
	resp, token, err := s.show(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	s.account.forget(token)
	if r.Body != nil && r.GetBody == nil {
		return resp, nil
	}
	again := r.Clone(r.Context())
	if r.Body != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil //nolint:nilerr // the answer that there is says enough
		}
	}
	resp.Body.Close()
	resp, _, err = s.show(again)
	return resp, err
}

// show makes the request with a token.
func (s *showing) show(r *http.Request) (*http.Response, string, error) {
	token, err := s.account.current(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close() // as each RoundTripper has to
		}
		return nil, "", err
	}
	with := r.Clone(r.Context())
	with.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.next.RoundTrip(with)
	return resp, token, err
}

// current is a token that counts for a while yet.
func (a *Account) current(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Now()
	if a.token != nil && (a.token.Expiry.IsZero() || now.Before(a.token.Expiry.Add(-early))) {
		return a.token.AccessToken, nil
	}
	if a.fails != nil && now.Sub(a.tried) < failsFor {
		return "", a.fails
	}
	a.token, a.fails = a.ask(context.WithoutCancel(ctx))
	a.tried = now
	if a.fails != nil {
		return "", a.fails
	}
	return a.token.AccessToken, nil
}

// forget drops the token, which a service refused.
func (a *Account) forget(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != nil && a.token.AccessToken == token {
		a.token = nil
	}
}

// ask has the provider make a token.
func (a *Account) ask(ctx context.Context) (*oauth2.Token, error) {
	secret, err := os.ReadFile(a.SecretFile)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "secret for services that run elsewhere (services-client-secret-file): %w", err)
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: providerTimeout, Transport: a.Transport})
	provider, err := oidc.NewProvider(ctx, a.Issuer)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the identity provider %s (services-issuer) does not tell of itself: %w", a.Issuer, err)
	}
	config := clientcredentials.Config{ClientID: a.Client, ClientSecret: strings.TrimSpace(string(secret)), TokenURL: provider.Endpoint().TokenURL}
	token, err := config.Token(ctx)
	var no *oauth2.RetrieveError
	switch {
	case errors.As(err, &no):
		return nil, fault.New(fault.Unavailable, "%s gives %s no token: it answered %d %s", a.Issuer, a.Client, no.Response.StatusCode, strings.TrimSpace(no.ErrorCode+" "+no.ErrorDescription))
	case err != nil:
		return nil, fault.New(fault.Unavailable, "%s gives %s no token: %w", a.Issuer, a.Client, err)
	}
	return token, nil
}
