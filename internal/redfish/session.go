package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// sessions are the logins at BMCs that do not take Basic authentication.
type sessions struct {
	mu    sync.Mutex
	known map[sessionKey]*session
}

type sessionKey struct {
	address string
	login   Login
}

// session is one login. Its token is empty before the first and when the BMC
// did not take it.
type session struct {
	mu       sync.Mutex // held while logging in: who comes meanwhile takes the same token
	token    string
	location string
	refused  time.Time
}

const (
	// refusedFor is how long a login that a BMC refused is not tried again as a
	// session: BMCs lock accounts after a few.
	refusedFor = time.Minute
	// logOutWithin bounds the end of all sessions together.
	logOutWithin = 2 * time.Second

	sessionsPath = root + "SessionService/Sessions"
)

// authorized makes the request as the login: by Basic authentication, or in a
// session where the BMC does not take that.
func (d *Driver) authorized(ctx context.Context, address string, login Login, r request) (answer, error) {
	key := sessionKey{address, login}
	r.login, r.basic, r.token = login, true, d.sessions.token(key)
	a, err := d.send(ctx, address, r)
	if statusOf(err) != http.StatusUnauthorized || login.Username == "" {
		return a, err
	}
	token, failed := d.logIn(ctx, key, r.token)
	switch statusOf(failed) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return a, err // the login is wrong, or there are no sessions
	}
	if failed != nil {
		return a, failed
	}
	if token == "" {
		return a, err
	}
	r.token = token
	return d.send(ctx, address, r)
}

// token is that of an open session, empty if there is none.
func (s *sessions) token(key sessionKey) string {
	s.mu.Lock()
	known := s.known[key]
	s.mu.Unlock()
	if known == nil {
		return ""
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	return known.token
}

func (s *sessions) of(key sessionKey) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[sessionKey]*session{}
	}
	known := s.known[key]
	if known == nil {
		known = &session{}
		s.known[key] = known
	}
	return known
}

// logIn opens a session, unless another caller did since the token was used.
// The token is empty where the same login was refused a moment ago.
func (d *Driver) logIn(ctx context.Context, key sessionKey, used string) (token string, err error) {
	s := d.sessions.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != used {
		return s.token, nil
	}
	s.token = ""
	if d.now().Sub(s.refused) < refusedFor {
		return "", nil
	}
	body, err := json.Marshal(struct{ UserName, Password string }{key.login.Username, key.login.Password})
	if err != nil {
		return "", err
	}
	a, err := d.send(ctx, key.address, request{method: http.MethodPost, path: d.sessionsPath(ctx, key), body: body, login: key.login})
	if status := statusOf(err); status >= 400 && status < 500 && VerdictOf(err) != Later {
		s.refused = d.now()
	}
	if err != nil {
		return "", err
	}
	s.token, s.location = a.header.Get("X-Auth-Token"), pathOf(a.header.Get("Location"))
	return s.token, nil
}

// sessionsPath is where the BMC says that sessions are opened, which it says to
// anybody.
func (d *Driver) sessionsPath(ctx context.Context, key sessionKey) string {
	var service struct {
		Links struct{ Sessions link }
	}
	a, err := d.send(ctx, key.address, request{method: http.MethodGet, path: root, login: key.login})
	if err != nil || json.Unmarshal(a.body, &service) != nil || service.Links.Sessions.OdataID == "" {
		return sessionsPath
	}
	return service.Links.Sessions.OdataID
}

// logOut ends all sessions: BMCs have room for a few.
func (d *Driver) logOut() {
	ctx, cancel := context.WithTimeout(context.Background(), logOutWithin)
	defer cancel()
	d.sessions.mu.Lock()
	known := d.sessions.known
	d.sessions.known = nil
	d.sessions.mu.Unlock()
	var all sync.WaitGroup
	for key, s := range known {
		if s.token != "" && s.location != "" {
			all.Go(func() {
				d.send(ctx, key.address, request{method: http.MethodDelete, path: s.location, token: s.token, login: key.login}) //nolint:errcheck // it ends by itself
			})
		}
	}
	all.Wait()
}

// statusOf is the status of a BMC's refusal; 0: there was no answer, or no refusal.
func statusOf(err error) int {
	if err == nil { // as most are
		return 0
	}
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// pathOf is the path in a Location, which may be a whole URL; the host is
// always the BMC.
func pathOf(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.RequestURI()
}
