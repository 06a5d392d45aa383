package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Rule says who may use some operations.
type Rule struct {
	// Methods are those that it is for, with blanks between them.
	Methods string
	// Path is one, as a pattern of net/http; with "/**" at its end that before it
	// and everything below.
	Path  string
	Right Right
	// Node: a node needs it. About itself, if Subject is not 0: the node's name is
	// that segment of the path, counted from its end.
	Node    bool
	Subject int
	// Tenant: a tenant's administrator may use it, within the tenant.
	Tenant bool
	// Jobs are the kinds of jobs that need it.
	Jobs []Kind
	// Own: a job may use it for its own session alone, whose name is the path's fifth
	// segment.
	Own bool
	// Secret: what is read has secrets, so that reading it is recorded.
	Secret bool
	// Report: what nodes and jobs do by it as a matter of course is not recorded one
	// by one.
	Report bool
}

// Recorded tells whether the audit has what who, nil for somebody unknown, does
// by an operation of the rule.
func (r *Rule) Recorded(method string, who *Identity) bool {
	switch {
	case r.Right == Open,
		r.Node && (who == nil || who.Role == Node),
		r.Report && who != nil && who.Role == Job:
		return false
	case r.Secret:
		return true
	}
	return r.Right != Read && r.Right != Audit && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// Allows tells whether who, nil for somebody unknown, may use operations of the
// rule. If not it is a fault.Unauthenticated or a fault.Forbidden.
func (r *Rule) Allows(who *Identity) error {
	switch {
	case r.Right == Open:
		return nil
	case r.Node && (who == nil || who.Role == Node):
		return nil
	case who == nil:
		return fault.New(fault.Unauthenticated, "no token: expected Authorization: Bearer TOKEN; "+
			"`drover auth tokens create` makes one, and on the server's machine its own is in the file `token` of the data directory")
	case who.Role == TenantAdmin && !r.Tenant, who.Role == Job && !slices.Contains(r.Jobs, who.Kind), who.Role != Job && !who.Role.has(r.Right):
		return fault.New(fault.Forbidden, "%s is %s: %s", who.Name, who.what(), r.expects())
	}
	return nil
}

func (i *Identity) what() string {
	switch i.Role {
	case Job:
		return "a job (" + string(i.Kind) + ")"
	case "":
		return "in no role that is known here"
	case TenantAdmin:
		return "administrator of tenant " + i.Tenant
	}
	return "in the role " + string(i.Role)
}

// expects says whom the rule lets through.
func (r *Rule) expects() string {
	if r.Right == everything {
		return "this takes the role administrator"
	}
	roles := []string{string(Administrator)}
	for _, role := range Given[1:] {
		if role.has(r.Right) && (role != TenantAdmin || r.Tenant) {
			roles = append(roles, string(role))
		}
	}
	return fmt.Sprintf("this takes the right %s, of the role %s", r.Right, strings.Join(roles, " or "))
}

// Rules finds the rule of a request.
type Rules struct{ mux *http.ServeMux }

// closed is the rule of what no other is for.
var closed = Rule{Right: everything}

// NewRules are those of the table. Two that name the same operations are a
// defect, and panic.
func NewRules(table []Rule) *Rules {
	m := http.NewServeMux()
	for i := range table {
		r := &table[i]
		for _, path := range spellings(r.Path) {
			path, below := strings.CutSuffix(path, "/**")
			for _, method := range strings.Fields(r.Methods) {
				m.Handle(method+" "+path, marker{r})
				if below {
					m.Handle(method+" "+path+"/{below...}", marker{r})
				}
			}
		}
	}
	return &Rules{m}
}

// spellings are the path, and that without its version where PCS answers as well.
func spellings(path string) []string {
	if rest, is := strings.CutPrefix(path, "/apis/power-control/v1/"); is {
		return []string{path, "/apis/power-control/" + rest}
	}
	return []string{path}
}

// marker stands for a rule in the mux, which is asked and never serves.
type marker struct{ rule *Rule }

func (marker) ServeHTTP(http.ResponseWriter, *http.Request) {}

// What git asks for: which references there are, with the service that it is about
// to use, and then that service.
const (
	gitPrefix      = "/vcs/"
	gitReferences  = "/info/refs"
	gitUploadPack  = "/git-upload-pack"
	gitReceivePack = "/git-receive-pack"
)

// ofGit tells whether git itself asks for the path.
func ofGit(path string) bool {
	return strings.HasPrefix(path, gitPrefix) &&
		(strings.HasSuffix(path, gitReferences) || strings.HasSuffix(path, gitUploadPack) || strings.HasSuffix(path, gitReceivePack))
}

// Of is the rule of the request. To ask for references in order to push takes what
// the push takes: git tells its user why that was refused, and not why a push was.
func (r *Rules) Of(request *http.Request) *Rule {
	if path, ok := strings.CutSuffix(request.URL.Path, gitReferences); ok && ofGit(request.URL.Path) &&
		"/"+request.URL.Query().Get("service") == gitReceivePack {
		push := *request
		push.Method, push.URL = http.MethodPost, &url.URL{Path: path + gitReceivePack}
		request = &push
	}
	found, _ := r.mux.Handler(request)
	if m, is := found.(marker); is {
		return m.rule
	}
	return &closed
}

// Closed tells whether no rule is for the request.
func (r *Rules) Closed(request *http.Request) bool { return r.Of(request) == &closed }
