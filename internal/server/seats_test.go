package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
)

// from makes connections as the host of the address does.
func from(address string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
}

// asks makes one request from the address, on a connection of its own.
func asks(t *testing.T, address, url string) (*http.Response, error) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: from(address).DialContext, DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

// hold opens connections that send nothing. Those that the server closes are read to
// their end, so that it is known to have counted all of them.
func hold(t *testing.T, address, url string, connections, kept int) (held []net.Conn) {
	t.Helper()
	closed := make(chan struct{}, connections)
	for range connections {
		conn, err := from(address).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		held = append(held, conn)
		go func() {
			conn.Read(make([]byte, 1))
			closed <- struct{}{}
		}()
	}
	for range connections - kept {
		<-closed
	}
	return held
}

// However many connections one client holds and sends nothing, at either door, others
// are answered; and the client itself, once it has let some go.
func TestIdleConnectionsOfOneClientDoNotKeepOthersOut(t *testing.T) {
	c := testConfig(t)
	c.NodeListen, c.NodeIdentity, c.Limits.PerClient = "127.0.0.1:0", byAny, 8
	s, err := Start(t.Context(), c, Options{CountLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	for door, url := range map[string]string{"listen": s.URL(), "node-listen": s.nodeDoor()} {
		hold(t, "127.0.0.2", url, 200, 16)
		if resp, err := asks(t, "127.0.0.2", url+"/livez"); err == nil {
			t.Errorf("%s: the client itself: %s", door, resp.Status)
		}
		for _, other := range []string{"127.0.0.1", "127.0.0.3"} {
			if resp, err := asks(t, other, url+"/livez"); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s: %v, %v", door, other, resp, err)
			}
		}
		held := hold(t, "127.0.0.4", url, 8, 8)
		resp, err := asks(t, "127.0.0.4", url+"/livez")
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "5" || !resp.Close {
			t.Errorf("%s: one too many: %v, %v", door, resp, err)
		}
		for _, conn := range held {
			conn.Close()
		}
		for status := 0; status != http.StatusOK; { // as soon as the server has seen the ends
			resp, err := asks(t, "127.0.0.4", url+"/livez")
			if err != nil {
				t.Fatal(err)
			}
			if status = resp.StatusCode; status != http.StatusOK && status != http.StatusServiceUnavailable {
				t.Fatalf("%s: %s", door, resp.Status)
			}
		}
	}
}

func TestConnectionsOfThisMachineAreNotCounted(t *testing.T) {
	c := testConfig(t)
	c.Limits.PerClient = 8
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	hold(t, "127.0.0.2", s.URL(), 100, 100)
	if resp, err := asks(t, "127.0.0.2", s.URL()+"/livez"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", resp, err)
	}
}

// Whoever looks for why a client is not answered finds it in the log, once however many
// connections it opens.
func TestTooManyConnectionsOfAClientAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	c := testConfig(t)
	c.Limits.PerClient = 8
	s, err := Start(t.Context(), c, Options{CountLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, "127.0.0.2", s.URL(), 100, 16)
	s.Stop() // nobody writes the log any more
	if n := strings.Count(log.String(), "from=127.0.0.2 allowed=8"); n != 1 {
		t.Errorf("it is %d times in the log:\n%s", n, log.String())
	}
}

// Proxies have many clients behind them, and so have the other servers on a database,
// which are known by what they vouch for.
func TestConnectionsOfProxiesAndMembersAreNotCounted(t *testing.T) {
	s := &Server{opts: Options{CountLoopback: true}, config: Config{proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Limits: Limits{PerClient: 8}}, now: time.Now}
	peers := s.newPeers()
	count := func(address string) (n int) {
		for range 100 {
			if _, ok := peers.Take(netip.MustParseAddr(address)); ok {
				n++
			}
		}
		return n
	}
	if proxy, other := count("10.1.2.3"), count("10.2.0.1"); proxy != 100 || other != 16 {
		t.Errorf("a proxy has %d, another client %d", proxy, other)
	}
	served := seats{admission.NewConnections(100), peers, func(r *http.Request) bool { return r.Header.Get(passed) == "vouched" }, asNodesDo,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answered") })}
	l := httptest.NewUnstartedServer(served)
	l.Listener = seeing{l.Listener, admission.NewPeers(0, func(netip.Addr) bool { return false }, time.Now)} // each is one too many
	l.Start()
	t.Cleanup(l.Close)
	for vouch, want := range map[string]int{"vouched": http.StatusOK, "not": http.StatusServiceUnavailable} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", l.URL, nil)
		r.Header.Set(passed, vouch)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", vouch, resp.Status)
		}
	}
	if n := count("127.0.0.1"); n != 100 {
		t.Errorf("a member has %d", n)
	}
}
