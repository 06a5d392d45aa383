package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWritesAreToldBeforeTheyAreAnswered(t *testing.T) {
	const plain = "/boot-images/kernel"
	var mu sync.Mutex
	var told []string
	var fails error
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys,
		Written: func(_ context.Context, w Write) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf("%s %s %s %d %s", w.Access, w.Method, w.Path, w.Status, w.From))
			return fails
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	wants := func(what string, want ...string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		for i := range want {
			want[i] += " 127.0.0.1"
		}
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", what, told, want)
		}
		told = nil
	}
	client, err := NewClient(server.Endpoint(), keys)
	if err != nil {
		t.Fatal(err)
	}
	put := func() error {
		_, err := client.Put(t.Context(), "s3:/"+plain, strings.NewReader("a kernel"), 8, "")
		return err
	}
	if err := client.EnsureBuckets(t.Context(), "boot-images"); err != nil {
		t.Fatal(err)
	}
	wants("a bucket", keys.AccessKey+" PUT /boot-images/ 200")
	if err := put(); err != nil {
		t.Fatal(err)
	}
	wants("an object", keys.AccessKey+" PUT "+plain+" 200")
	wantObject(t, server, plain, "a kernel")
	wants("reading")

	for form, req := range map[string]*http.Request{
		"v2 header": v2Header(request(t, server, "PUT", plain, "", "x"), keys), "v2 link": v2Link(request(t, server, "PUT", plain, "", "x"), keys, time.Hour)} {
		if status, body := send(t, req); status != http.StatusOK {
			t.Errorf("%s: %d %s", form, status, body)
		}
		wants(form, keys.AccessKey+" PUT "+plain+" 200")
	}
	wrong := keys
	wrong.SecretKey = "another"
	if status, _ := send(t, v2Header(request(t, server, "GET", plain, "", ""), wrong)); status != http.StatusForbidden {
		t.Errorf("a wrong key: %d", status)
	}
	wants("a wrong key", keys.AccessKey+" GET "+plain+" 403")

	two := request(t, server, "PUT", plain, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=one/20260102/us-east-1/s3/aws4_request&X-Amz-Signature=x", "x")
	if status, _ := send(t, v2Header(two, keys)); status < 400 {
		t.Errorf("a link and a header: %d", status)
	}
	mu.Lock()
	if len(told) != 1 || !strings.HasPrefix(told[0], "one PUT ") {
		t.Errorf("a link and a header: told %q, want it by the key of the link", told)
	}
	told = nil
	mu.Unlock()

	k := given(time.Hour, Everything)
	uploadInParts(t, server, k, "boot-images", "big")
	mu.Lock()
	for i := range told {
		told[i], _, _ = strings.Cut(told[i], "?")
	}
	if want := []string{k.AccessKey + " POST /boot-images/big", k.AccessKey + " POST /boot-images/big"}; !slices.Equal(told, want) {
		t.Errorf("an upload in parts: told %q, want %q", told, want)
	}
	fails = errors.New("the log cannot be written")
	mu.Unlock()
	if status, body := send(t, v2Header(request(t, server, "PUT", plain, "", "x"), keys)); status != http.StatusServiceUnavailable || !strings.Contains(body, "<Code>SlowDown</Code>") {
		t.Errorf("a write that is not recorded: %d %s", status, body)
	}
}
