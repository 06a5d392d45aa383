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
}

// nodeLine is nodes that stand alike.
type nodeLine struct {
	overview.Cells
	Class  string
	Folded string
	Count  int
	Nodes  []string // links, if they are few
}

func (h handler) nodes(r *http.Request) (framed, error) {
	q := r.URL.Query()
	v := &nodesView{frame: h.live("nodes"), Stand: overview.Stand(q.Get("stand")), Filter: q.Get("filter"), Stands: overview.Stands}
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
	some := *s.Answer
	some.Nodes = []roster.Node{}
	for _, n := range overview.Keep(s.Nodes, filters) {
		if v.Stand == "" || overview.StandOf(&n) == v.Stand {
			some.Nodes = append(some.Nodes, n)
		}
	}
	v.At, v.Count, v.Silence = s.Time, len(some.Nodes), overview.Silence(s.Answer)
	v.lines(&some, xname.NewAmong(s.layout.asked))
	return v, nil
}

// parseFilter reads FIELD=VALUE, or the name of a node.
func parseFilter(text string) (overview.Filter, error) {
	if strings.Contains(text, "=") {
		return overview.ParseFilter(text)
	}
	return overview.ParseFilter("xname=" + xname.Canonical(text))
}

func (v *nodesView) lines(a *roster.Answer, among *xname.Among) {
	class := make(map[string]string, len(a.Nodes))
	for i := range a.Nodes {
		class[a.Nodes[i].Xname] = string(codes[overview.StandOf(&a.Nodes[i])])
	}
	for _, g := range overview.Fold(a, "") {
		for _, l := range g.Lines {
			line := nodeLine{Cells: l.Cells, Class: class[l.Names[0]], Folded: among.Fold(l.Names), Count: len(l.Names)}
			if len(l.Names) <= linked {
				line.Nodes = l.Names
			}
			v.Lines = append(v.Lines, line)
		}
	}
}
