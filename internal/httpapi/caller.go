package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Caller is embedded in inputs of operations that know the caller by the
// address that it calls from: what the nearest gateway says, else the
// connection's.
type Caller struct {
	IP string `json:"-" hidden:"true"`
}

// Resolve implements huma.Resolver.
func (c *Caller) Resolve(ctx huma.Context) []error {
	c.IP = callerIP(ctx.Header("X-Forwarded-For"), ctx.RemoteAddr())
	return nil
}

// CallerOf is who makes the request.
func CallerOf(r *http.Request) Caller {
	return Caller{IP: callerIP(r.Header.Get("X-Forwarded-For"), r.RemoteAddr)}
}

// callerIP is the last address that was forwarded for, which the nearest
// gateway added, else the peer's.
func callerIP(forwarded, peer string) string {
	if forwarded != "" {
		hops := strings.Split(forwarded, ",")
		peer = strings.TrimSpace(hops[len(hops)-1])
	}
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	if ip, err := netip.ParseAddr(strings.Trim(peer, "[]")); err == nil {
		return ip.Unmap().String() // one spelling of an address
	}
	return peer
}
