package redfish_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	simulated "github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/loopback"
	"github.com/drover-hpc/drover/internal/redfish"
)

const (
	systemPath = "/redfish/v1/Systems/Node0"
	resetPath  = systemPath + "/Actions/ComputerSystem.Reset"
)

// machine is a system that is as it was told to be.
type machine struct {
	simulated.System
	mu     sync.Mutex
	power  simulated.PowerState
	resets int
}

func (m *machine) Hardware() simulated.Hardware         { return simulated.Hardware{} }
func (m *machine) BootOverride() simulated.BootOverride { return simulated.BootOverride{} }
func (m *machine) PowerState() simulated.PowerState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.power
}
func (m *machine) Reset(kind string) *simulated.Refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets++
	if m.power = simulated.Off; kind == simulated.ResetOn {
		m.power = simulated.On
	}
	return nil
}

// secured is simulated BMCs that speak TLS, with the handshakes that they made.
type secured struct {
	face          *simulated.Face
	addresses     []string
	machines      []machine
	full, resumed atomic.Int64
}

func serveSecured(t *testing.T, count int) *secured {
	t.Helper()
	const net loopback.Net = 109
	s := &secured{machines: make([]machine, count)}
	s.face = simulated.NewFace(func(at netip.Addr) (simulated.Controller, bool) {
		i := net.Index(at)
		if i < 0 || i >= count {
			return simulated.Controller{}, false
		}
		return simulated.Controller{Number: i, Systems: []simulated.System{&s.machines[i]}}, true
	}, login.Username, login.Password)
	l, err := loopback.Listen(0, net, count)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		s.machines[i].power = simulated.On
		s.addresses = append(s.addresses, fmt.Sprintf("https://%s:%d", net.Address(i), loopback.Port(l)))
	}
	certified := httptest.NewUnstartedServer(nil) // has a certificate
	certified.StartTLS()
	t.Cleanup(certified.Close)
	config := &tls.Config{Certificates: certified.TLS.Certificates, VerifyConnection: func(c tls.ConnectionState) error {
		if c.DidResume {
			s.resumed.Add(1)
		} else {
			s.full.Add(1)
		}
		return nil
	}}
	go s.face.Serve(tls.NewListener(l, config)) //nolint:errcheck // until Close
	t.Cleanup(s.face.Close)
	return s
}

func (s *secured) connections() int64 {
	n, _ := s.face.Counts()
	return n
}

// reboot turns each machine off and on, as PCS does.
func (s *secured) reboot(t *testing.T, d *redfish.Driver) {
	t.Helper()
	for _, kind := range []string{simulated.ForceOff, simulated.ResetOn} {
		for _, at := range s.addresses {
			if _, err := d.PowerState(t.Context(), at, login, systemPath); err != nil {
				t.Fatal(err)
			}
			if err := d.Reset(t.Context(), at, login, resetPath, kind); err != nil {
				t.Fatal(err)
			}
			if got, err := d.PowerState(t.Context(), at, login, systemPath); err != nil || kind == simulated.ResetOn != (got == "On") {
				t.Fatalf("after %s the power is %q, %v", kind, got, err)
			}
		}
	}
}

func TestARebootTakesOneConnectionAndTheNextOneIsAResumption(t *testing.T) {
	const count = 5
	s := serveSecured(t, count)
	d := redfish.New(4)
	t.Cleanup(d.Close)
	s.reboot(t, d)
	if c, full := s.connections(), s.full.Load(); c != count || full != count || s.resumed.Load() != 0 {
		t.Errorf("%d connections, %d full handshakes and %d resumptions for %d BMCs, want one connection each", c, full, s.resumed.Load(), count)
	}
	redfish.DropKept(d)
	s.reboot(t, d)
	if c, full := s.connections(), s.full.Load(); c != 2*count || full != count || s.resumed.Load() != count {
		t.Errorf("%d connections, %d full handshakes and %d resumptions for %d BMCs, want the second connection to be a resumption",
			c, full, s.resumed.Load(), count)
	}
}

// counting serves, and counts the connections that were and that are open.
func counting(t *testing.T, h http.Handler) (at string, opened, open func() int64) {
	t.Helper()
	var all, now atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			all.Add(1)
			now.Add(1)
		case http.StateClosed:
			now.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return address(s), all.Load, now.Load
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func look(t *testing.T, d *redfish.Driver, at string) {
	t.Helper()
	if got, err := d.PowerState(t.Context(), at, login, systemPath); err != nil || got != "Off" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestTheConnectionUsedLongestAgoMakesRoom(t *testing.T) {
	d := redfish.New(4)
	d.Keep(2)
	t.Cleanup(d.Close)
	a, openedA, openA := counting(t, card)
	b, openedB, openB := counting(t, card)
	c, _, openC := counting(t, card)
	look(t, d, a)
	look(t, d, b)
	look(t, d, a) // b is the one used longest ago
	look(t, d, c)
	eventually(t, "b's is closed", func() bool { return openB() == 0 })
	look(t, d, a)
	look(t, d, b)
	if openedA() != 1 || openedB() != 2 {
		t.Errorf("%d connections to a, %d to b, want 1 and 2", openedA(), openedB())
	}
	eventually(t, "two are kept", func() bool { return openA()+openB()+openC() == 2 })
}

func TestConnectionsAreNotKeptForLong(t *testing.T) {
	d := redfish.New(4)
	redfish.KeepFor(d, 20*time.Millisecond)
	a, openedA, openA := counting(t, card)
	for round := range int64(2) {
		look(t, d, a)
		eventually(t, "the connection is closed", func() bool { return openA() == 0 })
		if openedA() != round+1 {
			t.Errorf("%d connections", openedA())
		}
	}
}

func TestWhatABMCThatIsGoneDoesNotAcknowledgeIsGivenUp(t *testing.T) {
	d := redfish.New(1)
	t.Cleanup(d.Close)
	at := serve(t, card)
	look(t, d, at)
	err := redfish.KeptSocket(d, at, func(fd uintptr) {
		if ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || ms != 5000 {
			t.Errorf("unacknowledged data lasts %d ms, %v; want as long as opening a connection may take", ms, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// script is a BMC that deals with each request as is drawn: it answers, answers
// and closes, or closes without an answer.
type script struct {
	mu     sync.Mutex
	acts   []string
	bodies map[string]int // of resets, how often each came
	reads  int
}

func (s *script) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acts) == 0 {
		return "answer"
	}
	act := s.acts[0]
	s.acts = s.acts[1:]
	return act
}

func (s *script) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

func (s *script) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		if r.Method == http.MethodPost {
			s.bodies[string(body)]++
		} else {
			s.reads++
		}
		s.mu.Unlock()
		act := s.next()
		if act == "reset" {
			c.(*net.TCPConn).SetLinger(0)
		}
		if act == "cut" || act == "reset" {
			return
		}
		if act == "half" {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"PowerState\":\"Off\"}")
		switch act {
		case "close": // without saying so: the next request meets it
			return
		case "unasked":
			io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
			return
		}
	}
}

// Whenever the BMC closes its connections: a reset is never sent twice, one
// that succeeds was sent, and one that is told not to have been sent was not. A
// look is repeated once.
func TestAResetIsNeverSentTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &script{bodies: map[string]int{},
			acts: rapid.SliceOfN(rapid.SampledFrom([]string{"answer", "answer", "close", "cut", "reset", "half", "unasked"}), 0, 12).Draw(rt, "acts")}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Close()
		go s.serve(l)
		d := redfish.New(2)
		defer d.Close()
		for i, isReset := range rapid.SliceOfN(rapid.Bool(), 1, 12).Draw(rt, "resets") {
			if !isReset {
				s.mu.Lock()
				before := s.reads
				s.mu.Unlock()
				_, err := d.PowerState(context.Background(), l.Addr().String(), login, systemPath)
				s.mu.Lock()
				n := s.reads - before
				var timedOut *redfish.Error // said before the look was sent, and read after
				if n > 2 || n == 0 && (!errors.As(err, &timedOut) || timedOut.Status != http.StatusRequestTimeout) {
					rt.Errorf("a look was sent %d times: %v", n, err)
				}
				s.mu.Unlock()
				continue
			}
			kind := fmt.Sprint("Reset", i)
			err := d.Reset(context.Background(), l.Addr().String(), login, resetPath, kind)
			s.mu.Lock()
			switch n := s.bodies[`{"ResetType":"`+kind+`"}`]; {
			case n > 1:
				rt.Errorf("a reset was sent %d times", n)
			case err == nil && n != 1:
				rt.Error("a reset succeeded that was not sent")
			case err != nil && redfish.NotTaken(err) && n != 0:
				rt.Errorf("a reset that was sent is told not to have been: %v", err)
			}
			s.mu.Unlock()
		}
	})
}

// What a BMC closed long ago costs no reset: it is noticed before it is sent.
func TestAResetAfterTheBMCClosedTheConnectionIsSentOnANewOne(t *testing.T) {
	for _, act := range []string{"close", "unasked"} {
		t.Run(act, func(t *testing.T) {
			s := &script{bodies: map[string]int{}, acts: []string{act}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			var over sync.WaitGroup
			over.Go(func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				s.talk(c) // to its end
				over.Go(func() { s.serve(l) })
			})
			d := redfish.New(1)
			t.Cleanup(d.Close)
			at := l.Addr().String()
			look(t, d, at)
			eventually(t, "the connection is seen to be closed", func() bool { return redfish.Stale(d, at) })
			if err := d.Reset(t.Context(), at, login, resetPath, "On"); err != nil || s.bodies[`{"ResetType":"On"}`] != 1 {
				t.Errorf("%v, %v", err, s.bodies)
			}
		})
	}
}

func TestOddAnswersAreRead(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"PowerState":"On"}`)
	z.Close()
	for name, tt := range map[string]struct {
		answer string
		kept   bool
	}{
		"chunked":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Pow\r\ne\r\nerState\":\"On\"}\r\n0\r\n\r\n", true},
		"announced":          {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}", true},
		"until the end":      {"HTTP/1.0 200 OK\r\n\r\n{\"PowerState\":\"On\"}", false},
		"to be closed":       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}", false},
		"packed, unasked":    {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.String()), true},
		"more than was told": {"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				in := bufio.NewReader(c)
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				io.WriteString(c, tt.answer)
				if tt.kept {
					in.ReadByte() // until the driver closes it
				}
			}()
			d := redfish.New(1)
			t.Cleanup(d.Close)
			got, err := d.PowerState(t.Context(), l.Addr().String(), login, systemPath)
			if err != nil || got != "On" {
				t.Errorf("%q, %v", got, err)
			}
			if kept := redfish.Keeps(d, l.Addr().String()); kept != tt.kept {
				t.Errorf("the connection is kept: %v", kept)
			}
		})
	}
}

func TestPathsAreSentAsURLsHaveThem(t *testing.T) {
	got := make(chan string, 1)
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.RequestURI
		io.WriteString(w, `{}`)
	}))
	for path, want := range map[string]string{
		"/redfish/v1/Systems/Node0":     "/redfish/v1/Systems/Node0",
		"/redfish/v1/Chassis?$expand=.": "/redfish/v1/Chassis?$expand=.",
		"/a b/c#/PowerControl/0":        "/a%20b/c",
		"/a%20b":                        "/a%20b",
		"/ä":                            "/%C3%A4",
		"//other.example/x":             "//other.example/x",
	} {
		if _, err := redfish.New(1).PowerState(t.Context(), at, login, path); err != nil {
			t.Errorf("%s: %v", path, err)
		} else if uri := <-got; uri != want {
			t.Errorf("%s is sent as %s, want %s", path, uri, want)
		}
	}
	for _, path := range []string{"/a\r\nX-Other: 1", "/a%zz", "x"} {
		if _, err := redfish.New(1).PowerState(t.Context(), at, login, path); err == nil {
			t.Errorf("%q was sent as %s", path, <-got)
		}
	}
	for _, address := range []string{"", "a b", "ftp://127.0.0.1", "http://", "127.0.0.1\r\nX: 1"} {
		if _, err := redfish.New(1).PowerState(t.Context(), address, login, "/a"); err == nil || redfish.VerdictOf(err) != redfish.Later {
			t.Errorf("address %q: %v", address, err)
		}
	}
}

// An ETag in a resource's text may hold anything.
func TestAnETagDoesNotAddHeaders(t *testing.T) {
	var posts atomic.Int32
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.WriteString(w, `{"@odata.etag":"a\r\nX-Other: 1"}`)
			return
		}
		posts.Add(1)
		w.WriteHeader(http.StatusPreconditionRequired)
	}))
	if err := redfish.New(1).Reset(t.Context(), at, login, resetPath, "On"); err == nil || posts.Load() != 1 {
		t.Errorf("%v, sent %d times", err, posts.Load())
	}
}

func TestACancelledRequestEnds(t *testing.T) {
	asked := make(chan struct{}, 2)
	at, opened, _ := counting(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `{"PowerState":"Off"}`)
	}))
	d := redfish.New(1)
	t.Cleanup(d.Close)
	look(t, d, at)
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := d.PowerState(ctx, at, login, "/slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled look: %v", err)
	}
	look(t, d, at)
	if opened() != 2 {
		t.Errorf("%d connections, want 2: one that was given up is not used again", opened())
	}
}

// BenchmarkLook is one look at the power over a kept connection.
func BenchmarkLook(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"PowerState":"Off","Rest":"`+strings.Repeat("x", 1200)+`"}`)
	}))
	b.Cleanup(s.Close)
	d := redfish.New(1)
	b.Cleanup(d.Close)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.PowerState(b.Context(), address(s), login, systemPath); err != nil {
			b.Fatal(err)
		}
	}
}
