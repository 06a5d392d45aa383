package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/roster"
	"github.com/drover-hpc/drover/internal/roster/overview"
	"github.com/drover-hpc/drover/internal/xname"
)

// nodesView are lines of nodes that stand alike, as `drover status` prints them.
type nodesView struct {
	frame
	Stand   overview.Stand // only these; "" all
	Filter  string
	Stands  []overview.Stand
	Lines   []nodeLine
	Count   int
	Silence []string
	Tenant  string   // whose nodes; "" all
	Names   []string // of the tenants
	Wish    string   // where it is asked what shall be done with them
}

// nodeLine is nodes that stand alike.
type nodeLine struct {
	overview.Cells
	Class     string
	Folded    string
	Count     int
	Nodes     []string // links, if they are few
	Tenant    string   // that owns them
	SessionOf string   // tenant of their session
	Wish      string   // where it is asked what shall be done with them
}

func (h handler) nodes(r *http.Request) (framed, error) {
	some, err := h.selected(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	v := &nodesView{frame: h.live("nodes"), Stand: overview.Stand(q.Get("stand")), Filter: q.Get("filter"), Stands: overview.Stands, Tenant: q.Get("tenant"),
		Count: len(some.Nodes), Silence: overview.Silence(some.Answer), Wish: "/plans/new?" + url.Values{"filter": {q.Get("filter")}, "stand": {q.Get("stand")}, "tenant": {q.Get("tenant")}}.Encode()}
	v.At = some.Time
	for i := range some.of.list {
		v.Names = append(v.Names, some.of.list[i].Metadata.Name)
	}
	v.lines(some)
	return v, nil
}

// selection are some of the nodes.
type selection struct {
	*roster.Answer
	among *xname.Among
	of    sessionTenants
}

func (s *selection) names() []string { return overview.Names(s.Answer) }

// selected are the nodes that the query of the request names.
func (h handler) selected(r *http.Request) (*selection, error) {
	q := r.URL.Query()
	stand, tenant := overview.Stand(q.Get("stand")), q.Get("tenant")
	if stand != "" && !slices.Contains(overview.Stands, stand) {
		return nil, fault.New(fault.Invalid, "stand: expected one of %v, got %q", overview.Stands, stand)
	}
	var filters []overview.Filter
	for text := range strings.FieldsSeq(q.Get("filter")) {
		f, err := parseFilter(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "filter: %w", err)
		}
		filters = append(filters, f)
	}
	s, err := h.fleet.now(r.Context())
	if err != nil {
		return nil, err
	}
	some := *s.Answer
	out := &selection{&some, xname.NewAmong(s.layout.asked), h.sessionTenants(r.Context())}
	some.Nodes = []roster.Node{}
	for _, n := range overview.Keep(s.Nodes, filters) {
		if (stand == "" || overview.StandOf(&n) == stand) && (tenant == "" || out.of.owner[n.Xname] == tenant) {
			some.Nodes = append(some.Nodes, n)
		}
	}
	return out, nil
}

// parseFilter reads FIELD=VALUE, or the name of a node.
func parseFilter(text string) (overview.Filter, error) {
	if strings.Contains(text, "=") {
		return overview.ParseFilter(text)
	}
	return overview.ParseFilter("xname=" + xname.Canonical(text))
}

func (v *nodesView) lines(some *selection) {
	class := make(map[string]string, len(some.Nodes))
	for i := range some.Nodes {
		class[some.Nodes[i].Xname] = string(codes[overview.StandOf(&some.Nodes[i])])
	}
	for _, g := range overview.Fold(some.Answer, "") {
		for _, l := range g.Lines {
			for _, names := range some.of.apart(l.Names) {
				line := nodeLine{Cells: l.Cells, Class: class[names[0]], Folded: some.among.Fold(names), Count: len(names), Wish: wishLink(names),
					Tenant: some.of.owner[names[0]], SessionOf: some.of.of(names[0], l.Cells.Session)}
				if len(names) <= linked {
					line.Nodes = names
				}
				v.Lines = append(v.Lines, line)
			}
		}
	}
}
