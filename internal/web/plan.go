package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
)

// planView is what a session would do, and asks whether it shall be done.
type planView struct {
	frame
	Plan     plan.Plan
	Title    string // what is on the button
	Again    sent   // the form by which the plan can be made anew
	Groups   []planGroup
	Left     []planNodes // who is left out, by the reason
	LeftMore int         // that are not named
	Losing   []losing
	Times    []string
	Wrong    string // why it was not applied
}

// planNodes are nodes of which the same is said.
type planNodes struct {
	Folded, Why string
	Count       int
	Nodes       []string // links, if they are few
}

type planGroup struct {
	Who planNodes
	plan.Group
	Does    string
	Changes []layerChange
}

// layerChange is what becomes of a layer.
type layerChange struct {
	Words string
	Runs  bool
}

// losing is a session that loses nodes to that of the plan.
type losing struct {
	planNodes
	Session, Tenant string
}

func nodesOf(names []string, why string) planNodes {
	n := planNodes{Folded: xname.Fold(names), Why: why, Count: len(names)}
	if len(names) <= linked {
		n.Nodes = names
	}
	return n
}

func applyLink(id, tenant string) string {
	return "/plans/" + url.PathEscape(id) + "/apply" + ofTenant(tenant)
}

func cancelLink(session, tenant string) string {
	return "/sessions/bos/" + url.PathEscape(session) + "/cancel" + ofTenant(tenant)
}

func planLink(id, tenant string) string { return "/plans/" + url.PathEscape(id) + ofTenant(tenant) }

// plan is the page of a plan.
func (h handler) plan(r *http.Request) (framed, error) {
	return h.planNamed(r.Context(), r.PathValue("id"), r.URL.Query().Get("tenant"))
}

func (h handler) planNamed(ctx context.Context, id, tenant string) (*planView, error) {
	var p plan.Plan
	if err := h.of.Gateway(tenant).Get(ctx, plansPath+httpapi.Segment(id), &p); err != nil {
		return nil, err
	}
	v := &planView{frame: frame{Section: "nodes", At: p.At}, Plan: p, Title: operationWords(p.Operation) + " " + progress.Nodes(p.Nodes),
		Again: sent{xname.FoldLimit(p.Limit), p.Operation, templateValue(p.Tenant, p.TemplateName), p.Image, p.Configuration}, LeftMore: p.LeftOutCount - len(p.LeftOut)}
	if p.Stage {
		v.Title = "Stage: " + v.Title
	}
	for _, reason := range plan.Reasons(p.LeftOut) {
		v.Left = append(v.Left, nodesOf(reason.Names, reason.Why))
	}
	for _, t := range p.Boots {
		v.Times = append(v.Times, t.Words())
	}
	loses := map[[2]string][]string{} // nodes by tenant and name of the session
	of := h.sessionTenants(ctx)
	for _, g := range p.Groups {
		group := planGroup{Group: g, Who: nodesOf(g.Nodes, ""), Does: g.Does()}
		for _, c := range g.Layers {
			group.Changes = append(group.Changes, layerChange{c.Words(), c.Runs})
		}
		v.Groups = append(v.Groups, group)
		for _, n := range g.Nodes {
			if g.TakenFrom != "" {
				key := [2]string{of.of(n, g.TakenFrom), g.TakenFrom}
				loses[key] = append(loses[key], n)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(loses), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		v.Losing = append(v.Losing, losing{nodesOf(loses[key], ""), key[1], key[0]})
	}
	return v, nil
}

// apply starts the session of a plan in the name of who asks, and leads to it. Who asks
// twice is led to the session that there is.
func (h handler) apply(w http.ResponseWriter, r *http.Request) {
	id, tenant := r.PathValue("id"), r.URL.Query().Get("tenant")
	var done plan.Applied
	err := h.of.Do(r, tenant, http.MethodPost, plansPath+httpapi.Segment(id)+"/apply", nil, &done)
	if err == nil {
		lead(w, bootLink(done.Session, tenant))
		return
	}
	if p := problemOf(err); p.Status == http.StatusConflict {
		v, failed := h.planNamed(r.Context(), id, tenant)
		switch {
		case failed != nil:
		case v.Plan.Session != "":
			lead(w, bootLink(v.Plan.Session, tenant))
			return
		default:
			v.Wrong = p.Detail
			h.show(w, r, p.Status, "plan.html", v)
			return
		}
	}
	h.answer(w, r, "", nil, err)
}

// Once says that a plan may be applied: it has not been, and there is something to do.
func (v *planView) Once() bool { return v.Plan.Session == "" && v.Plan.Nodes > 0 }
