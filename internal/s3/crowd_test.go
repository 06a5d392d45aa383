package s3

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Fetches of large objects hold their connections; who comes beyond three
// quarters of them is told when to come back, and gets through later.
func TestFetchesBeyondTheBoundAreToldToComeBack(t *testing.T) {
	ctx := t.Context()
	server, err := StartServer(ctx, ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}, Connections: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	client, err := NewClient(server.Endpoint(), Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBuckets(ctx, "boot-images"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(ctx, "s3://boot-images/i/kernel", bytes.NewReader(make([]byte, 9)), 9, ""); err != nil {
		t.Fatal(err)
	}
	link, err := client.Presign(ctx, "s3://boot-images/i/kernel", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c *http.Client) (*http.Response, string) {
		t.Helper()
		resp, err := c.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	var clients []*http.Client // each keeps its connection
	for {
		c := &http.Client{Transport: &http.Transport{}}
		clients = append(clients, c)
		resp, text := ask(c)
		if resp.StatusCode == http.StatusOK && len(clients) <= 6 {
			continue
		}
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || !resp.Close || !strings.Contains(text, "<Code>SlowDown</Code>") {
			t.Errorf("%s %v %s", resp.Status, resp.Header, text)
		}
		break
	}
	if len(clients) < 6 { // the one that put the object may have a connection too
		t.Errorf("client %d was sent away", len(clients))
	}
	idle, err := net.Dial("tcp", strings.TrimPrefix(server.Endpoint(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for !server.crowd.connections.Crowded() {
		runtime.Gosched()
	}
	if got, err := client.Get(ctx, "s3://boot-images/i/kernel", 9); err != nil || len(got) != 9 {
		t.Errorf("who signs in the header: %d bytes, %v", len(got), err)
	}
	idle.Close()
	for _, c := range clients {
		c.CloseIdleConnections()
	}
	for range 1000 { // the server has yet to see that they are gone
		if resp, text := ask(clients[0]); resp.StatusCode == http.StatusOK && len(text) == 9 {
			return
		}
	}
	t.Error("still sent away with nobody there")
}
