package web

import (
	"net/http"
	"slices"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/progress"
)

// sessionsView are the sessions of BOS, the latest first, and those of CFS by name.
type sessionsView struct {
	frame
	Boots      []progress.Session
	BootsCount int
	Page, Next int      // of the boots; 0: this is the last
	First      []string // IDs of sessions of BOS v1, the first ones
	FirstCount int
	Runs       []cfs.Session
	After      string // where the list of runs goes on; "" at its end
	From       string // after which it begins
	Unknown    string // why boot sessions are not known
	Tenanted   bool   // some boots are tenants'
}

// bootRows is how many boot sessions a page has.
const bootRows = 100

func (h handler) sessions(r *http.Request) (framed, error) {
	q := r.URL.Query()
	v := &sessionsView{frame: h.live("sessions"), Page: max(1, number(q.Get("page"))), From: q.Get("after")}
	var boots []progress.Session
	if err := h.of.Gateway("").Get(r.Context(), "/apis/bos/v2/sessions", &boots); err != nil {
		v.Unknown = "BOS: " + err.Error()
	}
	slices.SortFunc(boots, latest)
	from := min((v.Page-1)*bootRows, len(boots))
	last := min(from+bootRows, len(boots))
	v.BootsCount, v.Boots = len(boots), boots[from:last]
	v.Tenanted = slices.ContainsFunc(v.Boots, func(s progress.Session) bool { return s.Tenant != "" })
	if last < len(boots) {
		v.Next = v.Page + 1
	}
	var first []string
	if err := h.of.Gateway("").Get(r.Context(), "/apis/bos/v1/session", &first); err != nil && v.Unknown == "" {
		v.Unknown = "BOS v1: " + err.Error()
	}
	v.First, v.FirstCount = first[:min(len(first), bootRows)], len(first)
	list, more, err := h.of.Results.Sessions(r.Context(), v.From, sessionRows)
	if v.Runs = list; more && len(list) > 0 {
		v.After = list[len(list)-1].Name
	}
	return v, err
}
