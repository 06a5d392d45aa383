package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/roster/overview"
	"github.com/drover-hpc/drover/internal/xname"
)

// Bounds of what the first page tells.
const (
	troublesTold = 20
	sessionsTold = 20
)

// homeView is the fleet, what is wrong with it and what goes on.
type homeView struct {
	frame
	Fleet    *snapshot
	Known    bool // the browser has the racks: where nodes stand is enough
	Counts   []standCount
	Silence  []string
	Troubles []trouble
	Others   int // troubles that are not told
	Boots    []bootLine
	Runs     []runLine
	// Unknown is why sessions are not known.
	Unknown []string
}

// standCount is how many nodes stand like that.
type standCount struct {
	Stand overview.Stand
	Code  string
	Count int
}

// trouble is what nodes failed of.
type trouble struct {
	Error, Folded string
	Count         int
	Node          string // the only one
	Wish          string // where it is asked what shall be done with them
}

// bootLine is a boot session that is not over.
type bootLine struct {
	Session progress.Session
	Tally   *progress.Tally
	Bar     bar
}

// runLine is a session of CFS that is not over.
type runLine struct {
	Session cfs.Session
	Bar     bar
}

func (h handler) home(r *http.Request) (framed, error) {
	ctx := r.Context()
	s, err := h.fleet.now(ctx)
	if err != nil {
		return nil, err
	}
	v := &homeView{frame: h.live("fleet"), Fleet: s, Known: r.URL.Query().Get("names") == s.Names(), Counts: s.counts(), Silence: overview.Silence(s.Answer)}
	v.At = s.Time
	among := xname.NewAmong(s.layout.asked)
	troubles := overview.Troubles(s.Answer)
	v.Others = max(len(troubles)-troublesTold, 0)
	for _, t := range troubles[:len(troubles)-v.Others] {
		one := trouble{Error: t.Error, Folded: among.Fold(t.Names), Count: len(t.Names), Wish: wishLink(t.Names)}
		if one.Count == 1 {
			one.Node = t.Names[0]
		}
		v.Troubles = append(v.Troubles, one)
	}
	v.boots(ctx, h)
	v.runs(ctx, h)
	return v, nil
}

// counts are how many nodes stand how, without those of which there are none.
func (s *snapshot) counts() (list []standCount) {
	count := map[overview.Stand]int{}
	for _, stand := range s.stands {
		count[stand]++
	}
	for _, stand := range overview.Stands {
		if n := count[stand]; n > 0 {
			list = append(list, standCount{stand, string(codes[stand]), n})
		}
	}
	return list
}

// under are the boot sessions that are not over, the latest first.
func (h handler) under(ctx context.Context) (list []progress.Session, _ error) {
	for _, status := range []string{"running", "pending"} {
		var some []progress.Session
		if err := h.of.Gateway("").Get(ctx, "/apis/bos/v2/sessions?status="+status, &some); err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortFunc(list, latest)
	return list, nil
}

// boots adds the boot sessions that are not over. Where their nodes are is known already.
func (v *homeView) boots(ctx context.Context, h handler) {
	list, err := h.under(ctx)
	if err != nil {
		v.Unknown = append(v.Unknown, "BOS: "+err.Error())
		return
	}
	tenants := h.tenancy.known(ctx).sessions(list)
	list = list[:min(len(list), sessionsTold)]
	of := map[string]*progress.Snapshot{}
	for i := range list {
		of[list[i].Tenant+"/"+list[i].Name] = &progress.Snapshot{Session: list[i]}
	}
	for i := range v.Fleet.Nodes {
		n := &v.Fleet.Nodes[i]
		if s := of[tenants.of(n.Xname, n.Session)+"/"+n.Session]; s != nil {
			c := progress.Component{ID: n.Xname, Error: n.Error, Session: n.Session}
			c.Status.Status = n.Status
			s.Components = append(s.Components, c)
		}
	}
	for i := range list {
		t := progress.Count(of[list[i].Tenant+"/"+list[i].Name])
		v.Boots = append(v.Boots, bootLine{list[i], t, barOf(t)})
	}
}

// latest puts sessions that started last first.
func latest(a, b progress.Session) int {
	return strings.Compare(b.Status.StartTime, a.Status.StartTime)
}

// runs adds the sessions of CFS that are not over.
func (v *homeView) runs(ctx context.Context, h handler) {
	status := map[string]string{}
	for i := range v.Fleet.Nodes {
		n := &v.Fleet.Nodes[i]
		status[n.Xname] = n.ConfigStatus
	}
	for _, stage := range []cfs.Stage{cfs.StageRunning, cfs.StagePending} {
		var page struct{ Sessions []cfs.Session }
		q := url.Values{"status": {string(stage)}, "limit": {"20"}}
		if err := h.of.Gateway("").Get(ctx, "/apis/cfs/v3/sessions?"+q.Encode(), &page); err != nil {
			v.Unknown = append(v.Unknown, "CFS: "+err.Error())
			return
		}
		for i := range page.Sessions {
			v.Runs = append(v.Runs, runLine{page.Sessions[i], barOfRun(&page.Sessions[i], status)})
		}
	}
}
