package web

import (
	"net/http"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
)

// bootView is how far a boot session is.
type bootView struct {
	frame
	Tally    *progress.Tally
	Outcome  string
	Elapsed  string
	Percent  int
	Rows     []bootRow
	Troubles []bootTrouble
	Late     []bootTrouble
	First    bool
	Limit    string // folded, if it is a list of nodes
	Retry    string // where a plan of those that failed is made; "" if none did
}

// bootRow is a phase.
type bootRow struct {
	progress.Row
	Bar bar
}

// bootTrouble is what befell nodes.
type bootTrouble struct {
	Kind, Error, Folded string
	Count               int
	Nodes               []string // links, if they are few
}

// linked is up to how many nodes are links, each by itself.
const linked = 64

func (h handler) boot(r *http.Request) (framed, error) {
	session := h.of.Gateway(r.URL.Query().Get("tenant")).Find(r.Context(), r.PathValue("name"))
	s, err := session.Snapshot(r.Context())
	if err != nil {
		return nil, err
	}
	now := h.of.Now()
	t := progress.Count(s)
	v := &bootView{frame: frame{At: now, Section: "sessions"}, Tally: t, Outcome: t.Outcome(now), Elapsed: progress.Clock(t.Elapsed(now).Truncate(time.Second)), First: s.First, Limit: xname.FoldLimit(s.Session.Limit)}
	if !t.Complete() {
		if v.Events, v.Every = session.Events(), 10; v.Events == "" {
			v.Events, v.Every = h.of.Events, 5
		}
	}
	if t.Nodes > 0 {
		v.Percent = 100 * (t.Succeeded + t.Failed) / t.Nodes
	}
	for _, row := range t.Rows() {
		v.Rows = append(v.Rows, bootRow{row, barOfRow(t, row)})
	}
	for _, f := range t.Failures {
		v.Troubles = append(v.Troubles, troubleOf(f.Kind, f.Error, f.Nodes, f.Count))
	}
	if t.Complete() && !s.First {
		v.Retry = retryLink(t)
	}
	for _, l := range t.Late {
		v.Late = append(v.Late, troubleOf("still "+l.Phase, "", l.Nodes, len(l.Nodes)))
	}
	return v, nil
}

// retryLink leads to the form for the same with the nodes that failed; "" if there are none,
// or if not all are known by name.
func retryLink(t *progress.Tally) string {
	var nodes []string
	for _, f := range t.Failures {
		if f.Kind == progress.Failed {
			nodes = append(nodes, f.Nodes...)
		}
	}
	folded := xname.Fold(nodes)
	if len(nodes) == 0 || len(nodes) < t.Failed || len(folded) > longestLink {
		return ""
	}
	return sent{Nodes: folded, Operation: bos.Operation(t.Session.Operation), Template: templateValue(t.Session.Tenant, t.Session.TemplateName)}.Link()
}

func troubleOf(kind, why string, nodes []string, count int) bootTrouble {
	t := bootTrouble{Kind: kind, Error: why, Folded: xname.Fold(nodes), Count: count}
	if len(nodes) <= linked {
		t.Nodes = nodes
	}
	return t
}
