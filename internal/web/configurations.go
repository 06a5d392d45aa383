package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/xname"
)

// configurationsView are configurations by name, each with the nodes that should have it.
type configurationsView struct {
	frame
	List        []configuration
	After, From string
}

// configuration is one with its nodes.
type configuration struct {
	cfs.Configuration
	Nodes int
	Users []users
}

// users are the nodes with one status.
type users struct {
	Status, Folded string
	Count          int
}

const configurationRows = 50

func (h handler) configurations(r *http.Request) (framed, error) {
	v := &configurationsView{frame: h.live("configurations"), From: r.URL.Query().Get("after")}
	q := url.Values{"limit": {strconv.Itoa(configurationRows)}}
	if v.From != "" {
		q.Set("after_id", v.From)
	}
	var page struct {
		Configurations []cfs.Configuration
		Next           *struct {
			AfterID string `json:"after_id"`
		}
	}
	if err := h.of.Gateway("").Get(r.Context(), "/apis/cfs/v3/configurations?"+q.Encode(), &page); err != nil {
		return nil, err
	}
	if page.Next != nil {
		v.After = page.Next.AfterID
	}
	s, err := h.fleet.now(r.Context())
	if err != nil {
		return nil, err
	}
	v.At = s.Time
	names := map[string]map[string][]string{} // by configuration and status
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if names[n.Configuration] == nil {
			names[n.Configuration] = map[string][]string{}
		}
		names[n.Configuration][n.ConfigStatus] = append(names[n.Configuration][n.ConfigStatus], n.Xname)
	}
	among := xname.NewAmong(s.layout.asked)
	for i := range page.Configurations {
		c := configuration{Configuration: page.Configurations[i]}
		for status, list := range names[c.Name] {
			c.Nodes += len(list)
			c.Users = append(c.Users, users{cmp.Or(status, "unknown"), among.Fold(list), len(list)})
		}
		slices.SortFunc(c.Users, func(a, b users) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Status, b.Status)) })
		v.List = append(v.List, c)
	}
	return v, nil
}
