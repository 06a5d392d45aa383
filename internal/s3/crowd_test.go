package s3

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Fetches of large objects hold their connections; who comes beyond three
// quarters of them is told when to come back, and gets through later.
func TestFetchesBeyondTheBoundAreToldToComeBack(t *testing.T) {
	ctx := t.Context()
	server, err := StartServer(ctx, ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: Credentials{"key", "secret-of-the-test"}, Connections: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	client, err := NewClient(server.Endpoint(), Credentials{"key", "secret-of-the-test"})
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
	ask := func() (*http.Response, string) {
		t.Helper()
		alone := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := alone.Get(link)
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
	var held []net.Conn
	for server.crowd.open.Load() < 6 { // the client's own one is among them
		held = append(held, dial(t, strings.TrimPrefix(server.Endpoint(), "http://")))
		for n := int64(len(held)); server.crowd.open.Load() < n; time.Sleep(time.Millisecond) {
		}
	}
	resp, text := ask()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || !resp.Close || !strings.Contains(text, "<Code>SlowDown</Code>") {
		t.Errorf("%s %v %s", resp.Status, resp.Header, text)
	}
	for _, c := range held {
		c.Close()
	}
	for server.crowd.open.Load() > 2 {
		time.Sleep(time.Millisecond)
	}
	if resp, text := ask(); resp.StatusCode != http.StatusOK || len(text) != 9 {
		t.Errorf("%s %s", resp.Status, text)
	}
}
