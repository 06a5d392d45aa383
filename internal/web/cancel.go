package web

import (
	"net/http"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
)

// cancelView asks whether a session shall be cancelled.
type cancelView struct {
	frame
	Tally  *progress.Tally
	Under  int // nodes that are not where they should be
	First  bool
	Tenant string
}

// cancelling is the page that asks.
func (h handler) cancelling(r *http.Request) (framed, error) {
	tenant := r.URL.Query().Get("tenant")
	s, err := h.of.Gateway(tenant).Find(r.Context(), r.PathValue("name")).Snapshot(r.Context())
	if err != nil {
		return nil, err
	}
	t := progress.Count(s)
	return &cancelView{frame: frame{Section: "sessions"}, Tally: t, Under: t.Nodes - t.Succeeded - t.Failed, First: s.First, Tenant: tenant}, nil
}

// cancel cancels a session in the name of who asks, and leads back to it.
func (h handler) cancel(w http.ResponseWriter, r *http.Request) {
	name, tenant := r.PathValue("name"), r.URL.Query().Get("tenant")
	if err := h.of.Do(r, tenant, http.MethodPost, makePath+"/"+httpapi.Segment(name)+"/cancel", nil, nil); err != nil {
		h.answer(w, r, "", nil, err)
		return
	}
	lead(w, bootLink(name, tenant))
}
