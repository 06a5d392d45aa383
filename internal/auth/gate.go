package auth

import (
	"context"
	"net/http"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Source knows some tokens.
type Source interface {
	// Identify tells whose the token is; nil, nil if it is none of those that this
	// source gives. A token of its kind that does not count is a
	// fault.Unauthenticated.
	Identify(ctx context.Context, token string) (*Identity, error)
}

// TenantHeader says for which tenant a request is.
const TenantHeader = "Cray-Tenant-Name"

// Gate lets through to Next whom the rules allow.
type Gate struct {
	Rules   *Rules
	Sources []Source
	// SpeaksFor is the identity of the node of that name if the request, which shows
	// no token, comes from it; else the error says why not.
	SpeaksFor func(r *http.Request, node string) (*Identity, error)
	// Certified is who the client is by its certificate, nil for nobody. It is asked
	// when there is no token; nil: there are no certificates.
	Certified func(r *http.Request) *Identity
	Next      http.Handler
	// Audit takes down what is done and what is refused; nil: nobody does.
	Audit Recorder
}

// Recorder takes down who did what, and who was refused.
type Recorder interface {
	// Serve has next answer, and takes down what becomes of it.
	Serve(w http.ResponseWriter, r *http.Request, right Right, who *Identity, next http.Handler)
	// Denied takes down what was refused, and why; who is nil if that is not known.
	Denied(r *http.Request, right Right, who *Identity, why error)
}

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := g.Rules.Of(r)
	if rule.Right == Open {
		g.open(w, r)
		return
	}
	who, err := g.who(r)
	if rule.Node && fault.Is(err, fault.Unauthenticated) { // the token of another gateway, which nodes show everywhere
		who, err = nil, nil
	}
	if err == nil && who == nil && rule.Subject > 0 {
		who, err = g.SpeaksFor(r, segment(r.URL.Path, rule.Subject))
	}
	if err == nil {
		err = rule.Allows(who)
	}
	if err == nil && rule.Own && who.Role == Job && owner(r.URL.Path) != who.ID {
		err = fault.New(fault.Forbidden, "%s speaks for itself alone, not for %s", who.Name, owner(r.URL.Path))
	}
	if err == nil && who != nil && who.Role == TenantAdmin {
		err = within(r, who.Tenant)
	}
	if err != nil {
		if g.Audit != nil && (fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Forbidden)) {
			g.Audit.Denied(r, rule.Right, who, err)
		}
		refuse(w, r, err)
		return
	}
	if who != nil {
		r = known(r, who)
	}
	switch {
	case g.Audit == nil:
		g.Next.ServeHTTP(w, r)
	case rule.Recorded(r.Method, who):
		g.Audit.Serve(w, r, rule.Right, who, g.Next)
	case who != nil && (who.Role == Job || who.Role == Node):
		g.watched(w, r, rule.Right, who)
	default:
		g.Next.ServeHTTP(w, r)
	}
}

// open answers what anybody may ask. Some of it has a check of its own: logins, and what
// pods report. What that refuses is taken down like the rest.
func (g *Gate) open(w http.ResponseWriter, r *http.Request) {
	if g.Audit == nil || r.Method == http.MethodGet {
		g.Next.ServeHTTP(w, r)
		return
	}
	g.watched(w, r, Open, nil)
}

// watched answers what is not recorded unless the service itself refuses it.
func (g *Gate) watched(w http.ResponseWriter, r *http.Request, right Right, who *Identity) {
	told := &status{ResponseWriter: w}
	g.Next.ServeHTTP(told, r)
	switch told.code {
	case http.StatusUnauthorized:
		g.Audit.Denied(r, right, who, fault.New(fault.Unauthenticated, "what it showed does not count"))
	case http.StatusForbidden:
		g.Audit.Denied(r, right, who, fault.New(fault.Forbidden, "it is not for whoever asked"))
	}
}

// status notes that of an answer.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// owner is the segment of the path that has the session's name, as
// /apis/cfs/v3/sessions/NAME.
func owner(path string) string {
	segments := strings.SplitN(path, "/", 7)
	return segments[min(5, len(segments)-1)]
}

// segment is one of the path, counted from its end.
func segment(path string, n int) string {
	for ; n > 1; n-- {
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// who makes the request; nil if it does not say.
func (g *Gate) who(r *http.Request) (*Identity, error) {
	token := credentials(r)
	if token == "" {
		if g.Certified != nil {
			return g.Certified(r), nil
		}
		return nil, nil
	}
	for _, s := range g.Sources {
		if who, err := s.Identify(r.Context(), token); who != nil || err != nil {
			return who, err
		}
	}
	return nil, refused("it is of no kind that is taken here; `drover auth tokens create` makes one that is")
}

// credentials are a bearer token, or one in place of a password: browsers and git
// have no other way.
func credentials(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	_, password, _ := r.BasicAuth()
	return password
}

// within has the request be for the tenant, and refuses one for another.
func within(r *http.Request, tenant string) error {
	if asked := r.Header.Get(TenantHeader); asked != "" && asked != tenant {
		return fault.New(fault.Forbidden, "%s: %s: expected %s, whose administrator the token is for, or no such header", TenantHeader, asked, tenant)
	}
	r.Header.Set(TenantHeader, tenant)
	return nil
}

func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if fault.Is(err, fault.Unauthenticated) {
		w.Header().Add("WWW-Authenticate", `Bearer realm="drover"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="drover, with a token as password"`)
	}
	if ofGit(r.URL.Path) { // git shows its user plain text, and nothing else
		http.Error(w, err.Error(), httpapi.AsProblem(err).Status)
		return
	}
	httpapi.WriteProblem(w, err)
}

func refused(why string) error {
	return fault.New(fault.Unauthenticated, "the token does not count: %s", why)
}

// Asked is the context of a request of which it is not known yet who makes it. Who
// allocates something for each request anyway spares the Gate an allocation and a
// copy of the request by an Asked in it.
type Asked struct {
	context.Context
	who *Identity
}

type (
	askedKey    struct{}
	identityKey struct{}
)

// Value implements context.Context.
func (a *Asked) Value(key any) any {
	switch key {
	case askedKey{}:
		return a
	case identityKey{}:
		return a.who
	}
	return a.Context.Value(key)
}

// known is the request with who makes it in its context.
func known(r *http.Request, who *Identity) *http.Request {
	if a, is := r.Context().Value(askedKey{}).(*Asked); is {
		a.who = who
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), identityKey{}, who))
}

// For refuses nodes that are not of the session that the caller is a job of. What others
// may do does not depend on the node.
func For(ctx context.Context, nodes ...string) error {
	who := Of(ctx)
	if who == nil || who.Outside == nil {
		return nil
	}
	foreign, err := who.Outside(ctx, nodes)
	if err != nil || len(foreign) == 0 {
		return err
	}
	few := strings.Join(foreign[:min(len(foreign), 3)], ", ")
	return fault.New(fault.Forbidden, "%s has nothing to do with %d of the nodes, such as %.200s: expected those of its session", who.Name, len(foreign), few)
}

// Of is who made the request of the context; nil for this server itself, and for
// somebody who was not asked.
func Of(ctx context.Context) *Identity {
	who, _ := ctx.Value(identityKey{}).(*Identity)
	return who
}
