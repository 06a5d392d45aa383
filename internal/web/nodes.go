package web

import (
	"net/http"
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
}

func (h handler) nodes(r *http.Request) (framed, error) {
	q := r.URL.Query()
	v := &nodesView{frame: h.live("nodes"), Stand: overview.Stand(q.Get("stand")), Filter: q.Get("filter"), Stands: overview.Stands, Tenant: q.Get("tenant")}
	if v.Stand != "" && !slices.Contains(overview.Stands, v.Stand) {
		return nil, fault.New(fault.Invalid, "stand: expected one of %v, got %q", overview.Stands, v.Stand)
	}
	var filters []overview.Filter
	for text := range strings.FieldsSeq(v.Filter) {
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
	of := h.sessionTenants(r.Context())
	for i := range of.list {
		v.Names = append(v.Names, of.list[i].Metadata.Name)
	}
	some := *s.Answer
	some.Nodes = []roster.Node{}
	for _, n := range overview.Keep(s.Nodes, filters) {
		if (v.Stand == "" || overview.StandOf(&n) == v.Stand) && (v.Tenant == "" || of.owner[n.Xname] == v.Tenant) {
			some.Nodes = append(some.Nodes, n)
		}
	}
	v.At, v.Count, v.Silence = s.Time, len(some.Nodes), overview.Silence(s.Answer)
	v.lines(&some, xname.NewAmong(s.layout.asked), of)
	return v, nil
}

// parseFilter reads FIELD=VALUE, or the name of a node.
func parseFilter(text string) (overview.Filter, error) {
	if strings.Contains(text, "=") {
		return overview.ParseFilter(text)
	}
	return overview.ParseFilter("xname=" + xname.Canonical(text))
}

func (v *nodesView) lines(a *roster.Answer, among *xname.Among, of sessionTenants) {
	class := make(map[string]string, len(a.Nodes))
	for i := range a.Nodes {
		class[a.Nodes[i].Xname] = string(codes[overview.StandOf(&a.Nodes[i])])
	}
	for _, g := range overview.Fold(a, "") {
		for _, l := range g.Lines {
			for _, names := range of.apart(l.Names) {
				line := nodeLine{Cells: l.Cells, Class: class[names[0]], Folded: among.Fold(names), Count: len(names), Tenant: of.owner[names[0]], SessionOf: of.of(names[0], l.Cells.Session)}
				if len(names) <= linked {
					line.Nodes = names
				}
				v.Lines = append(v.Lines, line)
			}
		}
	}
}
