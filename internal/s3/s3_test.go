package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/journal"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// One server serves all checks: a process can run only one.
func TestServerAndClient(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, storetest.Migrated(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j := journal.New(db, time.Now)
	creds := Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}
	server, err := StartServer(ctx, ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: creds, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	client, err := NewClient(server.Endpoint(), creds)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time they exist
		if err := client.EnsureBuckets(ctx, "boot-images", "ims"); err != nil {
			t.Fatal(err)
		}
	}
	const name, text = "s3://boot-images/id/kernel", "a kernel"
	sum := md5.Sum([]byte(text))

	t.Run("put, head, get, copy, delete", func(t *testing.T) {
		put, err := client.Put(ctx, name, strings.NewReader(text), int64(len(text)), "")
		if err != nil {
			t.Fatal(err)
		}
		head, err := client.Head(ctx, name)
		if want := (Object{Size: int64(len(text)), ETag: hex.EncodeToString(sum[:])}); err != nil || head != want || put != want {
			t.Errorf("put %+v, head %+v, %v; want %+v", put, head, err, want)
		}
		if data, err := client.Get(ctx, name, 100); err != nil || string(data) != text {
			t.Errorf("read %q, %v", data, err)
		}
		if _, err := client.Get(ctx, name, 3); !fault.Is(err, fault.Invalid) {
			t.Errorf("reading more than allowed: %v", err)
		}
		copied, err := client.Copy(ctx, name, "s3://boot-images/deleted/id/kernel")
		if err != nil || copied.ETag != head.ETag {
			t.Errorf("copy %+v, %v", copied, err)
		}
		if err := client.Delete(ctx, "s3://boot-images/deleted/id/kernel"); err != nil {
			t.Error(err)
		}
		for _, missing := range []string{"s3://boot-images/deleted/id/kernel", "s3://nowhere/x"} {
			if _, err := client.Head(ctx, missing); !fault.Is(err, fault.NotFound) {
				t.Errorf("head of %s: %v, want not found", missing, err)
			}
			if _, err := client.Get(ctx, missing, 10); !fault.Is(err, fault.NotFound) {
				t.Errorf("get of %s: %v, want not found", missing, err)
			}
		}
		if _, err := client.Head(ctx, "http://x/y"); !fault.Is(err, fault.Invalid) {
			t.Errorf("head of no S3 URL: %v", err)
		}
	})

	t.Run("a presigned fetch is recorded for its node", func(t *testing.T) {
		signed, err := client.Presign(ctx, name, "x1000c0s0b0n0", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, signed); status != 200 || body != text {
			t.Errorf("presigned GET gave %d %q", status, body)
		}
		if status, _ := get(t, strings.Replace(signed, "x-drover-node=x1000c0s0b0n0", "x-drover-node=x2", 1)); status != 403 {
			t.Errorf("a URL with another node's name gave %d, want 403", status)
		}
		running, stop := context.WithCancel(ctx)
		stop()
		j.Run(running)
		list, err := j.List(ctx, "x1000c0s0b0n0", "", 0)
		if err != nil || len(list) != 1 || list[0].Text != "fetched s3://boot-images/id/kernel (8 bytes)" {
			t.Errorf("journal has %+v, %v", list, err)
		}
	})

	t.Run("a fetch from memory is recorded in the same words", func(t *testing.T) {
		const odd = "s3://ims/a b/ü+1"
		if _, err := client.Put(ctx, odd, strings.NewReader(text), int64(len(text)), ""); err != nil {
			t.Fatal(err)
		}
		signed, err := client.Presign(ctx, odd, "x1000c0s0b0n1", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		before := server.fetches.answered.Load()
		for end := time.Now().Add(time.Minute); server.fetches.answered.Load() < before+2; {
			if status, body := get(t, signed); status != 200 || body != text || time.Now().After(end) {
				t.Fatalf("presigned GET gave %d %q", status, body)
			}
		}
		running, stop := context.WithCancel(ctx)
		stop()
		j.Run(running)
		list, err := j.List(ctx, "x1000c0s0b0n1", "", 0)
		if err != nil || len(list) < 3 {
			t.Fatalf("journal has %+v, %v", list, err)
		}
		for _, e := range list {
			if e.Text != "fetched s3://ims/a b/ü+1 (8 bytes)" {
				t.Errorf("journal has %+v", e)
			}
		}
	})

	t.Run("wrong credentials are refused", func(t *testing.T) {
		stranger, err := NewClient(server.Endpoint(), Credentials{AccessKey: "key", SecretKey: "guess"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stranger.Head(ctx, name); err == nil {
			t.Error("a stranger read the object")
		}
	})
}

func get(t *testing.T, u string) (int, string) {
	t.Helper()
	resp, err := http.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
