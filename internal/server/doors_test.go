package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/node"
)

func TestNodesHaveADoorOfTheirOwn(t *testing.T) {
	for args, refused := range map[string]string{
		"--listen 127.0.0.1:8080":                                                       "",
		"--listen 10.1.0.1:8080":                                                        "node-listen: ",
		"--listen 10.1.0.1:8080 --insecure":                                             "",
		"--listen 10.1.0.1:8080 --node-listen 10.2.0.1:80":                              "",
		"--listen 10.1.0.1:8080 --node-listen 10.1.0.1:8080":                            "node-listen: ",
		"--listen 0.0.0.0:8080 --node-listen 0.0.0.0:8083":                              "listen: ",
		"--listen 0.0.0.0:8080 --node-listen 0.0.0.0:8083 --advertise http://boot:8083": "",
		"--node-identity address":                                                       "",
		"--node-identity name":                                                          "node-identity: ",
		"--trusted-proxies 10.1.0.5,10.2.0.0/16":                                        "",
		"--trusted-proxies gateway":                                                     "trusted-proxies: ",
	} {
		_, err := loaded(t, strings.Fields(args)...)
		if (err == nil) != (refused == "") || err != nil && (!fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), refused)) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// What nodes reach is what they need; of the rest there is nothing, whatever token
// they show.
func TestNodesDoorLeadsNowhereElse(t *testing.T) {
	c := testConfig(t)
	c.NodeListen, c.NodeIdentity, c.Simulate = "127.0.0.1:0", byAny, 1
	s, ask := startWithTokens(t, c)
	door := s.nodeDoor()
	at := func(method, path string, header ...string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, door+path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	served := 0
	for _, operation := range append(operations(t, s), "GET /", "GET /metrics", "PUT /apis/sts/token", "GET /vcs/cray/a.git/info/refs", "PATCH /apis/drover/v1/sim/nodes/x") {
		method, path, _ := strings.Cut(operation, " ")
		isNodes := s.rules.Of(httptest.NewRequest(method, path, nil)).Node
		if isNodes {
			served++
			continue
		}
		if status := at(method, path, "Authorization", "Bearer "+s.site.Load().Token()); status != http.StatusNotFound {
			t.Errorf("%s at the nodes' door: %d", operation, status)
		}
	}
	if served < 8 || served > 12 {
		t.Errorf("%d operations are nodes'", served)
	}
	if status := at("GET", "/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	const self, other = "/apis/cfs/v3/components/x1000c0s0b0n0", "/apis/cfs/v3/components/x1000c0s1b0n0"
	fleet := s.Fleet().Nodes()[0]
	ip := fleet.Address()
	waitFor(t, func() bool { return s.platform.hsm.SetIPAddress(t.Context(), fleet.MAC(), ip) == nil }) // as the DHCP server does
	waitFor(t, func() bool {
		got, err := s.platform.boot.NodeAt(t.Context(), ip)
		return err == nil && got == "x1000c0s0b0n0"
	})
	for what, want := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"a node of itself":          {self, []string{"X-Forwarded-For", ip}, http.StatusOK},
		"a node of another":         {other, []string{"X-Forwarded-For", ip}, http.StatusForbidden},
		"somebody of a node":        {self, []string{"X-Forwarded-For", "10.9.9.9"}, http.StatusForbidden},
		"somebody with a bad token": {self, []string{"X-Forwarded-For", "10.9.9.9", node.TokenHeader, "x"}, http.StatusForbidden},
		"with another gateway's":    {self, []string{"X-Forwarded-For", ip, "Authorization", "Bearer eyJ"}, http.StatusOK},
	} {
		if status := at("PATCH", want.path, want.header...); status != want.status {
			t.Errorf("%s: %d, want %d", what, status, want.status)
		}
	}
	if status, text := ask("", "GET", "/apis/bos/v2/sessions", ""); status != http.StatusUnauthorized {
		t.Errorf("at the other door without a token: %d %s", status, text)
	}
}

// A page of another site can have a browser send requests, with the token that its
// user gave this server: they change nothing.
func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	s, _ := startWithTokens(t, testConfig(t))
	for origin, want := range map[string]int{"": http.StatusCreated, s.localURL(): http.StatusCreated, "http://elsewhere.example.org": http.StatusForbidden, "null": http.StatusForbidden} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.localURL()+"/apis/smd/hsm/v2/groups", strings.NewReader(`{"label":"group`+strconv.Itoa(len(origin))+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("me", s.site.Load().Token())
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("from %q: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

func TestWhoCallsIsBelievedOfProxiesAlone(t *testing.T) {
	var seen http.Header
	b := believing{proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.5/32")}, member: func(r *http.Request) bool { return r.Header.Get(passed) == "word" },
		next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header })}
	for peer, believed := range map[string]bool{"10.1.0.5:1": true, "[::ffff:10.1.0.5]:1": true, "10.1.0.6:1": false, "10.1.0.7:1": true} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "10.2.0.1")
		r.Header.Set("X-Forwarded-Proto", "https")
		if host, _, _ := net.SplitHostPort(peer); host == "10.1.0.7" {
			r.Header.Set(passed, "word")
		}
		b.ServeHTTP(httptest.NewRecorder(), r)
		if got := seen.Get("X-Forwarded-For") != "" && seen.Get("X-Forwarded-Proto") != ""; got != believed {
			t.Errorf("%s: %v", peer, seen)
		}
	}
}

// waitFor returns once it holds; a hang fails the test.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// Some proxies add a header to that of their client, others a word: the last is the
// proxy's.
func TestOfSeveralHeadersTheProxysCounts(t *testing.T) {
	var caller string
	b := believing{proxies: loopback, member: func(*http.Request) bool { return false },
		next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { caller = httpapi.CallerOf(r).IP })}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header["X-Forwarded-For"] = []string{"10.2.0.1, 10.2.0.2", "10.9.9.9"}
	b.ServeHTTP(httptest.NewRecorder(), r)
	if caller != "10.9.9.9" {
		t.Errorf("the caller is taken for %s, as it says itself", caller)
	}
}
