package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/vcs"
)

// A page of another site has the browsers of its visitors ask what it likes, from
// inside their network, and a name of its own can lead them here.

// sameOrigin refuses what another site's page has a browser do here: it would show
// the token that its user gave this server.
func sameOrigin(denied func(*http.Request, error), next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := fault.New(fault.Forbidden, "%s %s: a page of another site, %q, has a browser ask this", r.Method, r.URL.Path, r.Header.Get("Origin"))
		denied(r, err)
		httpapi.WriteProblem(w, err)
	}))
	return protection.Handler(next)
}

// called refuses requests that call this server by a name that is not its own, and
// bodies of which nobody says what they are: a browser sends both for any page.
// What another server of the site has passed on it has looked at.
type called struct {
	names  map[string]bool
	member func(*http.Request) bool
	denied func(*http.Request, error)
	next   http.Handler
}

func (c called) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header[passed] != nil && c.member(r):
	case !c.known(r.Host):
		refused := httpapi.NewProblem(http.StatusMisdirectedRequest, "", r.Host+" is no name of this server: expected an address, a name of one of its URLs, or one of those that its option hosts lists (--hosts NAME)")
		c.denied(r, refused)
		httpapi.WriteProblem(w, refused)
		return
	case r.ContentLength != 0 && r.Header["Content-Type"] == nil && changes(r.Method) && !strings.HasPrefix(r.URL.Path, vcs.Prefix):
		httpapi.WriteProblem(w, httpapi.NewProblem(http.StatusUnsupportedMediaType, "", r.Method+" "+r.URL.Path+": the body has no Content-Type: expected application/json, or what the operation takes"))
		return
	}
	c.next.ServeHTTP(w, r)
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// known tells whether the name, with or without a port, is one of this server's. No
// page can have an address lead elsewhere than it says.
func (c called) known(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if c.names[host] || host == "" {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// ownNames are those by which this server is called: those of the machine, of its
// URLs, and those that are listed.
func (c *Config) ownNames() map[string]bool {
	names := map[string]bool{"localhost": true}
	add := func(host string) {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		names[strings.ToLower(host)] = true
	}
	if machine, err := os.Hostname(); err == nil {
		add(machine)
	}
	for _, text := range []string{c.Advertise, c.PeerURL, c.S3Advertise, c.Kubernetes.Gateway} {
		if u, err := url.Parse(text); err == nil && text != "" {
			add(u.Host)
		}
	}
	for _, host := range append(append([]string{c.Listen}, c.VCSHosts...), c.Hosts...) {
		add(host)
	}
	return names
}
