package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"strings"
)

// Site is the secret of a site, of which the tokens that need no record are
// made: that of the server's own machine, and those of jobs.
type Site struct {
	secret []byte
	local  string   // Token
	admin  Identity // whose it is
	// Alive tells whether a job still runs: its token ends with it, and does not count
	// for a later one of the same id, whose run is another. It is set before the first
	// request.
	Alive func(ctx context.Context, kind Kind, id, run string) bool
	// Outside is, of the nodes, those that the job has nothing to do with; nil: jobs may
	// be for any. It is set before the first request.
	Outside func(ctx context.Context, kind Kind, id string, nodes []string) ([]string, error)
}

// SiteSecretBytes is the length of a site's secret.
const SiteSecretBytes = 32

// NewSite is the site with the secret.
func NewSite(secret []byte) *Site {
	s := &Site{secret: secret, admin: Identity{Name: "the administrator of the server's machine", Role: Administrator}}
	s.local = localPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s.mac("local")))
	return s
}

// The beginnings of tokens.
const (
	localPrefix = "drover-local-"
	jobPrefix   = "drover-job."
	apiPrefix   = "drover-api-"
)

func (s *Site) mac(text string) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Token is the administrator's that the server keeps in its data directory.
func (s *Site) Token() string { return s.local }

// JobToken is that of a job, while it is alive. Where an id can come again, run tells
// those apart that have it.
func (s *Site) JobToken(kind Kind, id, run string) string {
	what := string(kind) + "." + base64.RawURLEncoding.EncodeToString([]byte(id)) + "." + base64.RawURLEncoding.EncodeToString([]byte(run))
	return jobPrefix + what + "." + base64.RawURLEncoding.EncodeToString(s.mac(what))
}

// Vouch is what a server says when it passes a request on of which it believes
// where it came from.
func (s *Site) Vouch(from string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("from " + from))
}

// Vouches tells whether a server of the site has said so.
func (s *Site) Vouches(from, word string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Vouch(from)), []byte(word)) == 1
}

// EventToken is the end of the URL at which a BMC tells of events: whoever else knows
// it can have that BMC looked at, or have it believed that the BMC tells.
func (s *Site) EventToken(bmc string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("events of " + bmc)[:16])
}

// Identify implements Source.
func (s *Site) Identify(ctx context.Context, token string) (*Identity, error) {
	if strings.HasPrefix(token, localPrefix) {
		if subtle.ConstantTimeCompare([]byte(token), []byte(s.local)) == 1 {
			return &s.admin, nil
		}
		return nil, refused("it is not this server's: expected what is in the file `token` of its data directory")
	}
	rest, is := strings.CutPrefix(token, jobPrefix)
	if !is {
		return nil, nil
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 4 {
		return nil, refused("it is no job's")
	}
	id, err := base64.RawURLEncoding.DecodeString(parts[1])
	run, err2 := base64.RawURLEncoding.DecodeString(parts[2])
	kind := Kind(parts[0])
	switch {
	case err != nil, err2 != nil, subtle.ConstantTimeCompare([]byte(token), []byte(s.JobToken(kind, string(id), string(run)))) != 1:
		return nil, refused("it is no job's")
	case kind != Git && kind != Network && (s.Alive == nil || !s.Alive(ctx, kind, string(id), string(run))):
		return nil, refused("the job has ended")
	}
	who := &Identity{Name: strings.TrimSpace(string(kind) + " " + string(id)), Role: Job, Kind: kind, ID: string(id)}
	if s.Outside != nil {
		who.Outside = func(ctx context.Context, nodes []string) ([]string, error) {
			return s.Outside(ctx, kind, who.ID, nodes)
		}
	}
	return who, nil
}
