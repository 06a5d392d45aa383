package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// What --auth may be.
const (
	authToken = "token"
	authNone  = "none"
)

// siteKey is the name of the site's secret among those that all servers on a
// database share.
const siteKey = "auth/site"

// asksForTokens tells whether this server does. The zero Config, which only
// programs in this one's process have, does not.
func (c *Config) asksForTokens() bool { return c.Auth == authToken }

// networkToken is what the simulated DHCP server shows.
func (s *Server) networkToken(context.Context) (string, error) {
	return s.jobToken(auth.Network, "", ""), nil
}

// checkAuth refuses to serve everybody on a network.
func (c *Config) checkAuth() error {
	switch c.Auth {
	case authToken:
		return nil
	case authNone:
		if onLoopback(c.Listen) {
			return nil
		}
		return fault.New(fault.Invalid, "auth: none is for loopback alone, and listen is %s: whoever reached it could run anything on every node and on this machine: expected %s", c.Listen, authToken)
	}
	return fault.New(fault.Invalid, "auth: expected %s or %s, got %q", authToken, authNone, c.Auth)
}

func onLoopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// openAuth reads the site's secret, and makes it at the first start.
func (s *Server) openAuth(ctx context.Context) error {
	s.tokens = auth.NewTokens(s.db, s.now)
	if !s.config.asksForTokens() {
		slog.Warn("this server asks nobody for a token: whoever reaches it may do everything", "listen", s.config.Listen)
		return nil
	}
	found, err := s.secrets().Get(ctx, siteKey)
	if fault.Is(err, fault.NotFound) {
		found = secret{Name: siteKey, Value: make([]byte, auth.SiteSecretBytes)}
		rand.Read(found.Value) //nolint:errcheck // it never fails
		err = s.secrets().Put(ctx, found)
	}
	if err != nil {
		return fmt.Errorf("secret of the site's tokens: %w", err)
	}
	site := auth.NewSite(found.Value)
	site.Alive, site.Outside = s.jobAlive, s.outsideJob
	s.site.Store(site)
	return s.keepToken(site)
}

// jobAlive tells whether a job still has something to say.
func (s *Server) jobAlive(ctx context.Context, kind auth.Kind, id, run string) bool {
	switch kind {
	case auth.Session:
		open, err := s.cfs.OpenSessions(ctx, []string{id})
		return err == nil && len(open) == 1 && open[0].Run.Job.ID == run
	case auth.Agent:
		session, _, err := s.agents.Session(ctx, id)
		return err == nil && session.Stop == ""
	}
	return false
}

// outsideJob is, of the nodes, those that a job has nothing to do with: for an agent those
// that its session does not move, for a session of CFS those that it does not run on.
func (s *Server) outsideJob(ctx context.Context, kind auth.Kind, id string, nodes []string) ([]string, error) {
	switch kind {
	case auth.Session:
		open, err := s.cfs.OpenSessions(ctx, []string{id})
		if err != nil || len(open) == 0 {
			return nodes, err
		}
		return open[0].Run.Job.Outside(nodes), nil
	case auth.Agent:
		components, err := s.bos.Components(ctx, store.Query{Keys: nodes})
		if err != nil {
			return nil, err
		}
		moves := map[string]bool{}
		for i := range components {
			moves[components[i].ID] = components[i].Engine.Agent == id
		}
		return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return moves[n] }), nil
	}
	return nil, nil
}

// gate lets requests through to next by the rules.
func (s *Server) gate(next http.Handler) http.Handler {
	site := s.site.Load()
	if site == nil {
		return s.open(next)
	}
	sources := []auth.Source{site, s.tokens}
	if s.config.OIDC.Issuer != "" {
		sources = append(sources, s.provider())
	}
	return &auth.Gate{Rules: s.rules, Sources: sources, SpeaksFor: s.speaksFor, Certified: s.byCertificate, Next: next, Audit: s.audit}
}

// open lets everybody through to next. What is done is taken down where somebody
// has chosen not to ask.
func (s *Server) open(next http.Handler) http.Handler {
	if s.config.Auth != authNone {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rule := s.rules.Of(r); rule.Recorded(r.Method, nil) {
			s.audit.Serve(w, r, rule.Right, nil, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// jobToken is what a job shows when it calls this server; empty where nobody is
// asked.
func (s *Server) jobToken(kind auth.Kind, id, run string) string {
	site := s.site.Load()
	if site == nil {
		return ""
	}
	return site.JobToken(kind, id, run)
}

// keepToken writes the administrator's token where whoever may read this server's
// data finds it, and tells the command line of the same user.
func (s *Server) keepToken(site *auth.Site) error {
	path := filepath.Join(s.config.Data, "token")
	if err := writePrivate(path, []byte(site.Token()+"\n")); err != nil {
		return fmt.Errorf("token of this machine's administrator: %w", err)
	}
	for _, url := range []string{s.URL(), s.ownURL()} {
		forget, err := auth.PointTo(os.Getenv, url, path, s.config.TLS.Bundle)
		if err != nil {
			slog.Warn("commands on this machine will not find the token by themselves", "token", path, "error", err)
			return nil
		}
		s.onStop(forget)
	}
	return nil
}

// borrowToken is keepToken for a server that stands by: another one has made the
// site's secret.
func (s *Server) borrowToken(ctx context.Context) error {
	if !s.config.asksForTokens() {
		return nil
	}
	db, err := store.Look(s.config.Database, store.Sealed(s.keys))
	if err != nil {
		return fmt.Errorf("secret of the site's tokens: %w", err)
	}
	defer db.Close() //nolint:errcheck // it was only read from
	found, err := secretsOf(db).Get(ctx, siteKey)
	if err != nil {
		return fmt.Errorf("secret of the site's tokens: %w", err)
	}
	site := auth.NewSite(found.Value)
	s.site.Store(site)
	return s.keepToken(site)
}

// writePrivate replaces a file that its owner alone may read.
func writePrivate(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && string(old) == string(text) {
		return os.Chmod(path, 0o600)
	}
	return renameio.WriteFile(path, text, 0o600)
}
