package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/tapms"
	"github.com/drover-hpc/drover/internal/xname"
)

// tenancy knows which tenants there are.
type tenancy struct {
	list func(context.Context) ([]tapms.Tenant, error)
	now  func() time.Time

	mu   sync.Mutex
	last *tenants
	at   time.Time // of last
}

// tenants are those that TAPMS knows, and whose each node is.
type tenants struct {
	list  []tapms.Tenant
	owner map[string]string // by node
	err   error
}

// TAPMS is asked once in a while for all pages, and not waited for for long: it may be
// elsewhere, and most pages are of use without it.
const (
	tenantsFresh    = 5 * time.Second
	tenantsPatience = 2 * time.Second
)

func (t *tenancy) known(ctx context.Context) *tenants {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); t.last == nil || now.Sub(t.at) >= tenantsFresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tenantsPatience)
		defer cancel()
		list, err := t.list(ctx)
		t.last, t.at = t.last.then(list, err), now
	}
	return t.last
}

// then is what is known after TAPMS was asked again: as before if it does not say, since
// without tenants what they have would be shown as everybody's.
func (t *tenants) then(list []tapms.Tenant, err error) *tenants {
	if err != nil && t != nil {
		return &tenants{list: t.list, owner: t.owner, err: err}
	}
	now := &tenants{list: list, owner: map[string]string{}, err: err}
	for i := range list {
		for _, n := range list[i].Xnames() {
			now.owner[n] = list[i].Metadata.Name
		}
	}
	return now
}

// apart puts nodes of different tenants into lists of their own.
func (t *tenants) apart(names []string) (lists [][]string) {
	at := map[string]int{}
	for _, n := range names {
		i, is := at[t.owner[n]]
		if !is {
			i = len(lists)
			at[t.owner[n]], lists = i, append(lists, nil)
		}
		lists[i] = append(lists[i], n)
	}
	return lists
}

func (t *tenants) any() bool { return len(t.list) > 0 }

// sessionTenants tells of which tenant the session of that name is that has the node.
type sessionTenants struct {
	*tenants
	owned map[string]bool // sessions of tenants, by tenant and name
}

// of the node's owner if that has such a session; an administrator may have started
// one without a tenant.
func (s sessionTenants) of(node, session string) string {
	if owner := s.owner[node]; s.owned[owner+"/"+session] {
		return owner
	}
	return ""
}

func (t *tenants) sessions(list []progress.Session) sessionTenants {
	s := sessionTenants{t, map[string]bool{}}
	for i := range list {
		if tenant := list[i].Tenant; tenant != "" {
			s.owned[tenant+"/"+list[i].Name] = true
		}
	}
	return s
}

// sessionTenants reads the sessions, where there are tenants that may have some. Pages that
// ask are of use without BOS: of sessions that it does not tell nothing is known.
func (h handler) sessionTenants(ctx context.Context) sessionTenants {
	t := h.tenancy.known(ctx)
	var list []progress.Session
	if t.any() && h.of.Gateway("").Get(ctx, "/apis/bos/v2/sessions", &list) != nil {
		list = nil
	}
	return t.sessions(list)
}

// tenantsView are all tenants with what goes on in each.
type tenantsView struct {
	frame
	List    []tenantLine
	Unknown string // why sessions are not known
}

// tenantLine is a tenant with its nodes and the sessions of it that are not over.
type tenantLine struct {
	Name, Folded string
	Count        int
	Sessions     []progress.Session
}

func (h handler) tenants(r *http.Request) (framed, error) {
	v := &tenantsView{frame: h.live("tenants")}
	known := h.tenancy.known(r.Context())
	if known.err != nil {
		return nil, fault.New(fault.Unavailable, "TAPMS does not say which tenants there are: %w", known.err)
	}
	under, err := h.under(r.Context())
	if err != nil {
		v.Unknown = "BOS: " + err.Error()
	}
	for i := range known.list {
		t := &known.list[i]
		nodes := t.Xnames()
		line := tenantLine{Name: t.Metadata.Name, Folded: xname.Fold(nodes), Count: len(nodes)}
		for k := range under {
			if under[k].Tenant == line.Name {
				line.Sessions = append(line.Sessions, under[k])
			}
		}
		v.List = append(v.List, line)
	}
	slices.SortFunc(v.List, func(a, b tenantLine) int { return strings.Compare(a.Name, b.Name) })
	return v, nil
}
