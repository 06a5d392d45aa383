package redfish_test

import (
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
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	simulated "github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/bmc/bmctest"
	"github.com/drover-hpc/drover/internal/loopback"
	"github.com/drover-hpc/drover/internal/redfish"
)

const (
	systemPath = "/redfish/v1/Systems/Node0"
	resetPath  = systemPath + "/Actions/ComputerSystem.Reset"
)

// secured is simulated BMCs that speak TLS, with the handshakes that they made.
type secured struct {
	face          *simulated.Face
	addresses     []string
	machines      []bmctest.Machine
	full, resumed atomic.Int64
}

func serveSecured(t *testing.T, count int) *secured {
	t.Helper()
	const net loopback.Net = 109
	s := &secured{machines: make([]bmctest.Machine, count)}
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
		s.machines[i].Turn(simulated.On)
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
	d.Know(redfish.Certificates{Any: true})
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
	d.Know(redfish.Certificates{Any: true})
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

func TestKeptConnectionsAreNotInTheWayOfNewOnes(t *testing.T) {
	d := redfish.New(4)
	d.Know(redfish.Certificates{Any: true})
	t.Cleanup(d.Close)
	a, _, openA := counting(t, card)
	b, _, openB := counting(t, card)
	look(t, d, a)
	redfish.OutOfFiles(d)
	look(t, d, b)
	eventually(t, "a's connection has made room", func() bool { return openA() == 0 })
	if openB() != 1 {
		t.Errorf("%d connections to b", openB())
	}
}

func TestConnectionsAreNotKeptForLong(t *testing.T) {
	d := redfish.New(4)
	d.Know(redfish.Certificates{Any: true})
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
	d.Know(redfish.Certificates{Any: true})
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
	d.Know(redfish.Certificates{Any: true})
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
	d.Know(redfish.Certificates{Any: true})
	b.Cleanup(d.Close)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.PowerState(b.Context(), address(s), login, systemPath); err != nil {
			b.Fatal(err)
		}
	}
}
