package s3

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Who connects and asks for nothing, or for half of something, does not keep a
// connection from others; one that had its request is kept.
func TestConnectionsWithoutARequestEnd(t *testing.T) {
	const patience = 300 * time.Millisecond
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	const whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	open := func(text string) *net.TCPConn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.Endpoint(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // then reading fails
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return conn.(*net.TCPConn)
	}
	used := open(whole)
	for what, text := range map[string]string{"nothing": "", "half a header": whole[:20],
		"half a body": "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nAction="} {
		if _, err := io.ReadAll(open(text)); err != nil { // until it is closed
			t.Errorf("%s: %v", what, err)
		}
	}
	// It was there before those whose time is over now.
	if _, err := io.WriteString(used, whole); err != nil {
		t.Error(err)
	}
	used.CloseWrite() //nolint:errcheck // then reading fails
	answers, err := io.ReadAll(used)
	if n := strings.Count(string(answers), "HTTP/1.1 "); err != nil || n != 2 {
		t.Errorf("a request and another: %d answers, %v", n, err)
	}
}
