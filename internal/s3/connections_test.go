package s3

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
)

// site is a server of which a test opens plain connections.
type site struct {
	*Server
	t *testing.T
}

func newSite(t *testing.T, c ServerConfig) site {
	t.Helper()
	c.Dir, c.Listen, c.Credentials = t.TempDir(), "127.0.0.1:0", keys
	server, err := StartServer(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return site{server, t}
}

// open opens a connection and sends the text.
func (s site) open(text string) *net.TCPConn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint(), "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // then reading fails
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// wholeRequest is one that is answered with 403.
const wholeRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// Who connects and asks for nothing, or for half of something, does not keep a
// connection from others; one that had its request is kept.
func TestConnectionsWithoutARequestEnd(t *testing.T) {
	s := newSite(t, ServerConfig{Patience: 300 * time.Millisecond})
	const form = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
	used := s.open(wholeRequest)
	for what, text := range map[string]string{"nothing": "", "half a header": wholeRequest[:20],
		"half a body": form + "Action=", "more of a body": form + strings.Repeat("x", 50_000),
		"half of a second header": wholeRequest + wholeRequest[:20], "half of a second body": wholeRequest + form + strings.Repeat("x", 50_000)} {
		if _, err := io.ReadAll(s.open(text)); err != nil && !errors.Is(err, syscall.ECONNRESET) { // until it is closed
			t.Errorf("%s: %v", what, err)
		}
	}
	// It was there before those whose time is over now.
	if _, err := io.WriteString(used, wholeRequest); err != nil {
		t.Error(err)
	}
	used.CloseWrite() //nolint:errcheck // then reading fails
	answers, err := io.ReadAll(used)
	if n := strings.Count(string(answers), "HTTP/1.1 "); err != nil || n != 2 {
		t.Errorf("a request and another: %d answers, %v", n, err)
	}
}

// One address does not take the connections of all: on a few more it is told to come back,
// and those beyond are closed, if they have not said before what they want.
func TestAnAddressHasSoManyConnections(t *testing.T) {
	const most, told = 4, 8
	s := newSite(t, ServerConfig{Peers: admission.NewPeers(most, func(netip.Addr) bool { return false }, time.Now)})
	answer := func() string {
		got, err := http.ReadResponse(bufio.NewReader(s.open(wholeRequest)), nil)
		if err != nil {
			return "closed"
		}
		return fmt.Sprint(got.StatusCode, " ", got.Header.Get("Retry-After"))
	}
	var silent []net.Conn
	for _, step := range []struct {
		more int
		want []string
	}{{0, []string{"403 "}}, {most, []string{"503 5"}}, {told, []string{"closed", "503 5"}}} {
		for range step.more {
			silent = append(silent, s.open(""))
		}
		if got := answer(); !slices.Contains(step.want, got) {
			t.Errorf("with %d open: %s, want %s", len(silent), got, step.want)
		}
	}
	for _, conn := range silent {
		conn.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); answer() != "403 "; { // the server has yet to see that they are gone
		if time.Now().After(deadline) {
			t.Fatal("still refused with nobody there")
		}
	}
}

// A connection of TLS is ended without a word to its client, who need not take any.
func TestFinishedConnectionsOfTLSEnd(t *testing.T) {
	shown := httptest.NewUnstartedServer(nil)
	shown.StartTLS()
	defer shown.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: shown.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shook := make(chan error, 1)
	go func() {
		client, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		shook <- err
		if err == nil {
			t.Cleanup(func() { client.Close() }) // it reads nothing until then
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, endless{})
		wrote <- err
	}()
	if err := <-shook; err != nil {
		t.Fatal(err)
	}
	finish(conn)
	if err := <-wrote; err == nil {
		t.Error("all was written")
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes come yet", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
