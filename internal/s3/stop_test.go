package s3

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A server that ends waits for the requests that run, and for no connection that
// has none.
func TestStopWaitsForRunningRequestsAndForNoConnection(t *testing.T) {
	ctx := t.Context()
	server, err := StartServer(ctx, ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(server.Endpoint(), Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBuckets(ctx, "boot-images"); err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20 // more than a connection holds
	if _, err := client.Put(ctx, "s3://boot-images/i/rootfs", bytes.NewReader(make([]byte, size)), size, ""); err != nil {
		t.Fatal(err)
	}
	link, err := client.Presign(ctx, "s3://boot-images/i/rootfs", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.Endpoint(), "http://")
	fresh, kept := dial(t, address), dial(t, address)
	if _, err := io.WriteString(kept, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1<<16)
	if n, err := kept.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 403")) {
		t.Fatalf("%s, %v", answer[:n], err)
	}
	running, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Body.Close()

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Stop()
	}()
	for name, c := range map[string]net.Conn{"without a request yet": fresh, "kept after one": kept} {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection %s stays open: %v", name, err)
		}
	}
	select {
	case <-stopped:
		t.Error("the server did not wait for the request that runs")
	default:
	}
	if n, err := io.Copy(io.Discard, running.Body); n != size || err != nil {
		t.Errorf("the request that ran got %d of %d bytes, %v", n, size, err)
	}
	<-stopped
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("a server that has ended takes connections")
	}
}

// dial is a connection on which nothing is waited for without end.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}
