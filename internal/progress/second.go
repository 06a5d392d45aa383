package progress

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/explain"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Gateway is where sessions are asked for.
type Gateway struct {
	// Get reads what is at a path of the gateway into out.
	Get func(ctx context.Context, path string, out any) error
	// Missing tells whether an error of Get is that there is nothing.
	Missing func(error) bool
}

// Paths at the gateway.
const (
	secondAPI   = "/apis/bos/v2"
	firstAPI    = "/apis/bos/v1/session/"
	cfsAPI      = "/apis/cfs/v3"
	cfsSessions = cfsAPI + "/sessions/"
)

// PageSize is how many components are asked for at a time.
const PageSize = 2000

// Follower looks at a session again and again.
type Follower interface {
	// Snapshot is the session now.
	Snapshot(ctx context.Context) (*Snapshot, error)
	// Events is the path at which the gateway tells of changes; empty if it does not.
	Events() string
}

// Find is the session of that name: one of version 2, or else one of version 1
// with that ID. Errors are for the first look to meet again.
func (g Gateway) Find(ctx context.Context, name string) Follower {
	second := g.Second(name)
	if !g.Missing(g.Get(ctx, second.path(), nil)) {
		return second
	}
	if g.Get(ctx, firstAPI+httpapi.Segment(name), nil) != nil {
		return second
	}
	return &firstSession{Gateway: g, id: name}
}

// Second is the session of version 2 with that name.
func (g Gateway) Second(name string) *Second { return &Second{Gateway: g, name: name, why: Reasons{}} }

// Second is a session of version 2.
type Second struct {
	Gateway
	name string
	why  Reasons // of the nodes whose configuration failed
}

func (s *Second) path() string { return secondAPI + "/sessions/" + httpapi.Segment(s.name) }

// Snapshot implements Follower.
func (s *Second) Snapshot(ctx context.Context) (*Snapshot, error) {
	out := &Snapshot{}
	if err := s.Get(ctx, s.path(), &out.Session); err != nil {
		return nil, err
	}
	if err := s.Get(ctx, s.path()+"/status", &out.Extended); err != nil {
		return nil, err
	}
	var err error
	if out.Components, err = s.Components(ctx, url.Values{"session": {s.name}}); err != nil {
		return nil, err
	}
	s.SayWhy(ctx, out.Components, s.why)
	out.Work = s.work(ctx, out.Components)
	return out, nil
}

// Events implements Follower.
func (s *Second) Events() string {
	return "/apis/drover/v1/sessions/" + httpapi.Segment(s.name) + "/events"
}

// Components are those of BOS that the query selects, page by page.
func (g Gateway) Components(ctx context.Context, query url.Values) (all []Component, err error) {
	query.Set("page_size", strconv.Itoa(PageSize))
	for {
		var page []Component
		if err := g.Get(ctx, secondAPI+"/components?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < PageSize {
			return all, nil
		}
		query.Set("start_after_id", page[len(page)-1].ID)
	}
}

// ConfigurationFailed is how the boot service says that a node failed by its
// configuration.
const ConfigurationFailed = "cfs configuration failed"

// Bounds of what is asked about nodes that failed: nodes at a time, results
// of a session.
const (
	whyNodes   = 200
	whyResults = 10_000
)

// Reasons are what is known of nodes whose configuration failed, by node.
type Reasons map[string]string

// SayWhy adds to the errors of nodes whose configuration failed which task did,
// and its message. Each node is asked about once; what the configuration
// service does not tell is not told.
func (g Gateway) SayWhy(ctx context.Context, components []Component, why Reasons) {
	var unknown []string
	for i := range components {
		if c := &components[i]; c.Error == ConfigurationFailed {
			if _, asked := why[c.ID]; !asked {
				unknown = append(unknown, c.ID)
				why[c.ID] = ""
			}
		}
	}
	sessions := map[string]bool{}
	for nodes := range slices.Chunk(unknown, whyNodes) {
		g.failedIn(ctx, nodes, sessions)
	}
	for name := range sessions {
		g.FailedTasks(ctx, name, why)
	}
	for i := range components {
		if c := &components[i]; c.Error == ConfigurationFailed && why[c.ID] != "" {
			c.Error += ": " + why[c.ID]
		}
	}
}

// failedIn adds the configuration sessions in which the nodes failed.
func (g Gateway) failedIn(ctx context.Context, nodes []string, sessions map[string]bool) {
	q := url.Values{"ids": {strings.Join(nodes, ",")}, "state_details": {"true"}, "limit": {strconv.Itoa(len(nodes))}}
	var page struct {
		Components []struct{ State []explain.Layer }
	}
	if g.Get(ctx, cfsAPI+"/components?"+q.Encode(), &page) != nil {
		return
	}
	for i := range page.Components {
		if name := explain.LastFailure(page.Components[i].State); name != "" {
			sessions[name] = true
		}
	}
}

// FailedTasks notes the first task of each node that failed in the configuration session.
func (g Gateway) FailedTasks(ctx context.Context, session string, why Reasons) {
	q := url.Values{"status": {"failed,unreachable"}, "limit": {strconv.Itoa(whyResults)}}
	var page struct{ Results []explain.FailedTask }
	if g.Get(ctx, cfsSessions+httpapi.Segment(session)+"/results?"+q.Encode(), &page) != nil {
		return
	}
	for i := range page.Results {
		if one := &page.Results[i]; why[one.Host] == "" {
			why[one.Host] = one.Words()
		}
	}
}
