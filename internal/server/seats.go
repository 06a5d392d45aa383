package server

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const (
	// perClient is how many connections an address may have open at a door, and a quarter
	// of what all may have at most: a node has two or three, a cabinet behind one address
	// a few hundred nodes.
	perClient = 512
	// excessPatience is how long one too many has for a request.
	excessPatience = 10 * time.Second
	// excessReturn is when its client is to come back.
	excessReturn = 5 * time.Second
)

// newPeers counts the clients of a door: all but this machine's, proxies that are
// believed, which have many behind them, and the other members of the site.
func (s *Server) newPeers() *admission.Peers {
	all := admission.PerListener()
	most := min(perClient, max(all/4, 8))
	if s.config.Limits.PerClient > 0 {
		most = min(s.config.Limits.PerClient, all)
	}
	return admission.NewPeers(most, func(addr netip.Addr) bool {
		return addr.IsLoopback() && !s.opts.CountLoopback || !addr.IsLoopback() && within(s.config.believed(), addr)
	}, s.now)
}

// seats tells the clients of one door that have too many connections to come back, and
// has those that come near it, or near what all may have, not keep theirs.
type seats struct {
	connections *admission.Connections
	peers       *admission.Peers
	member      func(*http.Request) bool
	// brief tells what need not keep its connection when there are many.
	brief func(*http.Request) bool
	next  http.Handler
}

func (s seats) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := placeOf(r)
	if place != nil && r.Header[passed] != nil && s.member(r) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			s.peers.Know(from.Addr())
		}
		place = nil
	}
	if place != nil && place.Excess {
		w.Header().Set("Retry-After", strconv.Itoa(int(excessReturn/time.Second)))
		w.Header().Set("Connection", "close")
		client, _, _ := net.SplitHostPort(r.RemoteAddr)
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "%s has as many connections open as one address may have: close some, or have the server allow more (client-connections)", client))
		return
	}
	if place.Crowded() || s.connections.Crowded() && s.brief(r) {
		w.Header().Set("Connection", "close")
	}
	s.next.ServeHTTP(w, r)
}
