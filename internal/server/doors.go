package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/node"
	"github.com/drover-hpc/drover/internal/xname"
)

// What --node-identity may be: by what a node that speaks of itself is known.
const (
	byAny     = "any"     // its boot token, or its address
	byToken   = "token"   // its boot token
	byAddress = "address" // its address
	byBoth    = "both"
	byNothing = "none" // whoever speaks of a node is taken for it
)

// checkDoors refuses a network on which nodes would reach what is for
// administrators, and reads who is a proxy.
func (c *Config) checkDoors() (err error) {
	switch c.NodeIdentity {
	case byAny, byToken, byAddress, byBoth, byNothing:
	default:
		return fault.New(fault.Invalid, "node-identity: expected %s, %s, %s, %s or %s, got %q", byAny, byToken, byAddress, byBoth, byNothing, c.NodeIdentity)
	}
	if c.proxies, err = prefixes(c.TrustedProxies); err != nil {
		return fault.New(fault.Invalid, "trusted-proxies: expected addresses and networks such as 10.1.0.5 or 10.1.0.0/24, got %q", c.TrustedProxies)
	}
	switch {
	case c.NodeListen != "" && c.NodeListen == c.Listen && !strings.HasSuffix(c.Listen, ":0"):
		return fault.New(fault.Invalid, "node-listen: expected another address than listen, or none, which has nodes come to listen")
	case c.NodeListen == "" && !onLoopback(c.Listen) && !c.Insecure:
		return fault.New(fault.Invalid, "node-listen: listen is %s, and nodes would reach everything there that is for administrators: "+
			"expected a HOST:PORT for nodes alone, or insecure, which says that this is meant", c.Listen)
	}
	return nil
}

// loopback is whom a server believes that was not told whom: nodes that are
// simulated here come from there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func prefixes(list []string) (out []netip.Prefix, err error) {
	out = []netip.Prefix{}
	for _, text := range list {
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(text); err != nil {
				return nil, err
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (c *Config) believed() []netip.Prefix {
	if c.proxies == nil {
		return loopback
	}
	return c.proxies
}

// listenForNodes opens the nodes' own door, if there is one.
func (s *Server) listenForNodes() (err error) {
	if s.config.NodeListen == "" {
		return nil
	}
	if s.nodeListener, err = net.Listen("tcp", s.config.NodeListen); err != nil {
		return fault.New(fault.Unavailable, "node-listen: listen on %s: %w", s.config.NodeListen, err)
	}
	s.onStop(func() { s.nodeListener.Close() })
	return nil
}

// nodesOnly lets through what nodes need and what tells whether this server runs:
// nothing else is there.
type nodesOnly struct {
	rules  *auth.Rules
	denied func(*http.Request, error)
	next   http.Handler
}

func (n nodesOnly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !n.rules.Of(r).Node && r.URL.Path != "/livez" && r.URL.Path != "/readyz" {
		err := fault.New(fault.NotFound, "%s %s: nodes find nothing here but what they boot by, and where they report", r.Method, r.URL.Path)
		n.denied(r, err)
		httpapi.WriteProblem(w, err)
		return
	}
	n.next.ServeHTTP(w, r)
}

// believing forgets what a request says of where it came from, unless a proxy
// that this server knows says so, or another server on its database.
type believing struct {
	proxies []netip.Prefix
	member  func(*http.Request) bool
	next    http.Handler
}

// origin are the headers by which proxies say who calls.
var origin = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func (b believing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.forget(r)
	b.next.ServeHTTP(w, r)
}

func (b believing) forget(r *http.Request) {
	member := r.Header[passed] != nil && b.member(r)
	believed := member || b.proxy(r)
	for _, name := range origin {
		switch lines := r.Header[name]; {
		case !believed:
			delete(r.Header, name)
		case len(lines) > 1: // some proxies add a line to what their client says
			r.Header[name] = []string{strings.Join(lines, ", ")}
		}
	}
	if !member {
		delete(r.Header, certificateHeader)
	}
}

func (b believing) proxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return within(b.proxies, peer.Addr())
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// fromMember tells whether another server on the database passed the request on.
func (s *Server) fromMember(r *http.Request) bool {
	site := s.site.Load()
	return site != nil && site.Vouches(vouched(r), r.Header.Get(passed))
}

// vouch is what this server says of itself when it passes a request on.
func (s *Server) vouch(r *http.Request) string {
	site := s.site.Load()
	if site == nil {
		return "drover"
	}
	return site.Vouch(vouched(r))
}

// vouched is what a server that passes the request on stands for: from where it came,
// and whose certificate it saw.
func vouched(r *http.Request) string {
	from := r.Header.Get("X-Forwarded-For")
	if whose := r.Header.Get(certificateHeader); whose != "" {
		return from + " " + whose
	}
	return from
}

// denied takes down what a door refused. A server that stands by has no log, and
// refuses nothing that the one that leads would not.
func (s *Server) denied(r *http.Request, err error) {
	if s.door.isOpen() {
		s.audit.Denied(r, s.rules.Of(r).Right, nil, err)
	}
}

// nodeAt is the node whose address one is; empty: none's, or it is not known.
func (s *Server) nodeAt(ctx context.Context, address string) string {
	if s.platform.boot == nil {
		return ""
	}
	name, err := s.platform.boot.NodeAt(ctx, address)
	if err != nil {
		return ""
	}
	return name
}

// speaksFor is the node's identity if the request, which nobody else makes, comes
// from the node.
func (s *Server) speaksFor(r *http.Request, name string) (*auth.Identity, error) {
	name = xname.Canonical(name)
	who := &auth.Identity{Name: name, Role: auth.Node}
	boot := s.platform.boot
	if s.config.NodeIdentity == byNothing || boot == nil { // without the boot tokens and addresses of BSS there is nothing to know it by
		return who, nil
	}
	at, err := boot.NodeAt(r.Context(), httpapi.CallerOf(r).IP)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "whose address %s is: %w", httpapi.CallerOf(r).IP, err)
	}
	if s.config.NodeIdentity == byAny && at == name {
		return who, nil // most of them
	}
	token := r.Header.Get(node.TokenHeader)
	booted := false
	if token != "" {
		if booted, err = boot.Booted(r.Context(), name, token); err != nil {
			return nil, fmt.Errorf("boot token of %s: %w", name, err)
		}
	}
	if known(s.config.NodeIdentity, booted, at == name) {
		return who, nil
	}
	from := at
	if from == "" {
		from = "no node that HSM knows"
	}
	return nil, fault.New(fault.Forbidden, "%s speaks for itself alone, known by %s: this comes from %s, the address of %s, and %s", name, means[s.config.NodeIdentity],
		httpapi.CallerOf(r).IP, from, map[bool]string{true: "with its boot token", false: "without its boot token"}[booted])
}

var means = map[string]string{byAny: "its boot token or its address in HSM", byToken: "its boot token", byAddress: "its address in HSM", byBoth: "its boot token and its address in HSM"}

// known tells whether a node is taken for what it says.
func known(by string, token, address bool) bool {
	switch by {
	case byToken:
		return token
	case byAddress:
		return address
	case byBoth:
		return token && address
	}
	return token || address
}

// serveNodes answers at the nodes' door.
func (s *Server) serveNodes(handler http.Handler, server *http.Server) {
	if s.nodeListener == nil {
		return
	}
	connections, peers := admission.NewConnections(admission.PerListener()), s.newPeers()
	s.enters(doorNodes, connections, peers)
	all := func(*http.Request) bool { return true }
	own := &http.Server{Handler: s.atBasePaths(arriving{bodyPace, seats{connections, peers, s.fromMember, all, handler}}),
		ReadHeaderTimeout: server.ReadHeaderTimeout, IdleTimeout: server.IdleTimeout, ErrorLog: server.ErrorLog, ConnState: connections.Note}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := own.Serve(over(connections.Listen(seeing{s.nodeListener, peers}), s.config.TLS.nodePair)); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("listener of nodes failed", "error", err)
		}
	}()
	s.onStop(func() {
		if own.Shutdown(canceled()) != nil {
			own.Close()
		}
		<-done
	})
}

// canceled is a context that is over: whoever is idle is let go, and nobody waited
// for.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
