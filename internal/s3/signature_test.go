package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

const object = "/boot-images/a b/kérnel+1"

var keys = Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}

// startServer starts a server with the buckets boot-images and ims, and one
// object, "a kernel". A process runs one at a time.
func startServer(t *testing.T) *Server {
	t.Helper()
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	client, err := NewClient(server.Endpoint(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBuckets(t.Context(), "boot-images", "ims"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), "s3:/"+object, strings.NewReader("a kernel"), 8, ""); err != nil {
		t.Fatal(err)
	}
	return server
}

// What a command prints is its own; the log is on standard error.
func TestTheServerPrintsNothing(t *testing.T) {
	stdout := os.Stdout
	t.Cleanup(func() { os.Stdout = stdout })
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	os.Stdout = file
	startServer(t)
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
}

func request(t *testing.T, server *Server, method, path, query, body string) *http.Request {
	t.Helper()
	u := server.Endpoint() + strings.NewReplacer("+", "%2B", "&", "%26").Replace((&url.URL{Path: path}).EscapedPath())
	if query != "" {
		u += "?" + query
	}
	req, err := http.NewRequestWithContext(t.Context(), method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func send(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
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

// sdk signs as the AWS SDKs do, for any region and time.
func sdk(t *testing.T, req *http.Request, k Credentials, region, body string, at time.Time) *http.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	err := v4.NewSigner(plainPath).SignHTTP(t.Context(), aws.Credentials{AccessKeyID: k.AccessKey, SecretAccessKey: k.SecretKey, SessionToken: k.SessionToken}, req, hash, "s3", region, at)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func plainPath(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

// sdkLink makes a link as the AWS SDKs do.
func sdkLink(t *testing.T, req *http.Request, k Credentials, region string, at time.Time) *http.Request {
	t.Helper()
	query := req.URL.Query()
	query.Set("X-Amz-Expires", "3600")
	req.URL.RawQuery = query.Encode()
	link, _, err := v4.NewSigner(plainPath).PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: k.AccessKey, SecretAccessKey: k.SecretKey, SessionToken: k.SessionToken}, req, "UNSIGNED-PAYLOAD", "s3", region, at)
	if err != nil {
		t.Fatal(err)
	}
	req.URL, err = url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func v2Header(req *http.Request, k Credentials) *http.Request {
	if k.SessionToken != "" {
		req.Header.Set("X-Amz-Security-Token", k.SessionToken)
	}
	return signer.SignV2(*req, k.AccessKey, k.SecretKey, false)
}

func v2Link(req *http.Request, k Credentials, ttl time.Duration) *http.Request {
	if k.SessionToken != "" {
		req.Header.Set("X-Amz-Security-Token", k.SessionToken) // signed, and then in the link
	}
	link := signer.PreSignV2(*req, k.AccessKey, k.SecretKey, int64(ttl.Seconds()), false)
	if k.SessionToken != "" {
		link.URL.RawQuery += "&x-amz-security-token=" + url.QueryEscape(k.SessionToken)
	}
	link.Header = http.Header{} // of a link only its URL is sent
	return link
}

type sha256Hasher struct{ hash.Hash }

func (sha256Hasher) Close() {}

// streamed signs each chunk of the body, too.
func streamed(t *testing.T, server *Server, path, body string, k Credentials, region string) *http.Request {
	req := request(t, server, "PUT", path, "", body)
	req.ContentLength = int64(len(body))
	return signer.StreamingSignV4(req, k.AccessKey, k.SecretKey, k.SessionToken, region, int64(len(body)), time.Now().UTC(), sha256Hasher{sha256.New()})
}

func TestClientsSignForAnyRegion(t *testing.T) {
	server := startServer(t)
	now := time.Now()
	for _, region := range []string{"", "us-east-1", "eu-north-7", "zürich"} {
		t.Run(strconv.Quote(region), func(t *testing.T) {
			if status, body := send(t, sdk(t, request(t, server, "GET", object, "", ""), keys, region, "", now)); status != 200 || body != "a kernel" {
				t.Errorf("GET: %d %s", status, body)
			}
			if status, body := send(t, sdk(t, request(t, server, "GET", "/boot-images", "list-type=2&prefix=a%20b/&delimiter=/", ""), keys, region, "", now)); status != 200 || !strings.Contains(body, "kérnel+1</Key>") {
				t.Errorf("listing: %d %s", status, body)
			}
			if status, body := send(t, sdkLink(t, request(t, server, "GET", object, "response-content-type=text/x&x-drover-node=x1", ""), keys, region, now)); status != 200 || body != "a kernel" {
				t.Errorf("link: %d %s", status, body)
			}
			if status, body := send(t, sdkLink(t, request(t, server, "PUT", "/ims/link", "", "by link"), keys, region, now)); status != 200 {
				t.Errorf("PUT by link: %d %s", status, body)
			}
			wantObject(t, server, "/ims/link", "by link")
			put := request(t, server, "PUT", "/ims/signed", "", "signed "+region)
			put.Header.Set("X-Amz-Meta-Of", "two  words")
			if status, body := send(t, sdk(t, put, keys, region, "signed "+region, now)); status != 200 {
				t.Errorf("PUT: %d %s", status, body)
			}
			wantObject(t, server, "/ims/signed", "signed "+region)
			big := strings.Repeat("stream "+region, 30_000) // several chunks
			if status, body := send(t, streamed(t, server, "/ims/streamed", big, keys, region)); status != 200 {
				t.Errorf("signed chunks: %d %s", status, body)
			}
			wantObject(t, server, "/ims/streamed", big)
		})
	}
}

// minio-go signs each chunk and puts a checksum behind the last one.
func TestSignedChunksWithAChecksumAreTaken(t *testing.T) {
	server := startServer(t)
	for _, region := range []string{"us-east-1", "eu-north-7"} {
		client, err := minio.New(strings.TrimPrefix(server.Endpoint(), "http://"), &minio.Options{
			Creds: credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, ""), Region: region, TrailingHeaders: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 10, 1100, 100_000, 11 << 20} { // the last in parts
			data := bytes.Repeat([]byte("0123456789a"), size/10+1)[:size]
			for _, sum := range []minio.ChecksumType{minio.ChecksumNone, minio.ChecksumSHA256, minio.ChecksumCRC32C, minio.ChecksumFullObjectCRC32} {
				_, err := client.PutObject(t.Context(), "ims", "parts", bytes.NewReader(data), int64(size), minio.PutObjectOptions{PartSize: 5 << 20, Checksum: sum})
				if err != nil {
					t.Fatalf("region %s, %d bytes, checksum %s: %v", region, size, sum, err)
				}
				wantObject(t, server, "/ims/parts", string(data))
			}
		}
	}
}

func TestVersion2IsAnswered(t *testing.T) {
	server := startServer(t)
	if status, body := send(t, v2Link(request(t, server, "GET", object, "", ""), keys, time.Hour)); status != 200 || body != "a kernel" {
		t.Errorf("link: %d %s", status, body)
	}
	typed := v2Link(request(t, server, "GET", object, "response-content-type=text%2Fx&response-expires=never", ""), keys, time.Hour)
	resp, err := http.Get(typed.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/x" {
		t.Errorf("link with a content type: %d %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if status, body := send(t, v2Header(request(t, server, "GET", "/boot-images", "prefix=a%20b/&encoding-type=url", ""), keys)); status != 200 || !strings.Contains(body, "rnel") {
		t.Errorf("listing: %d %s", status, body)
	}
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC1123Z} {
		dated := request(t, server, "GET", object, "", "")
		dated.Header.Set("Date", time.Now().UTC().Format(layout))
		if status, body := send(t, v2Header(dated, keys)); status != 200 {
			t.Errorf("dated %s: %d %s", dated.Header.Get("Date"), status, body)
		}
	}
	put := request(t, server, "PUT", "/ims/two", "", "by version 2")
	put.Header.Set("Content-Type", "text/plain")
	put.Header.Set("X-Amz-Meta-Of", "me")
	if status, body := send(t, v2Header(put, keys)); status != 200 {
		t.Errorf("PUT: %d %s", status, body)
	}
	wantObject(t, server, "/ims/two", "by version 2")
	if status, body := send(t, v2Link(request(t, server, "PUT", "/ims/two", "", "by link"), keys, time.Hour)); status != 200 {
		t.Errorf("PUT by link: %d %s", status, body)
	}
	wantObject(t, server, "/ims/two", "by link")
}

// Version 2 signs few parameters: others must not change what was signed for.
func TestVersion2CoversWhatIsAsked(t *testing.T) {
	server := startServer(t)
	for _, query := range []string{"x-drover-node=x1", "attributes=", "retention=", "acl=", "versionId=1", "response-content-type=text%2Fhtml"} {
		link := v2Link(request(t, server, "GET", object, "", ""), keys, time.Hour)
		link.URL.RawQuery += "&" + query
		if status, body := send(t, link); status != http.StatusForbidden {
			t.Errorf("link with %s added: %d %s, want 403", query, status, body)
		}
	}
}

// forms are the ways to sign a PUT of "evil" over the object.
func forms(t *testing.T, server *Server) map[string]func(Credentials) *http.Request {
	put := func() *http.Request { return request(t, server, "PUT", object, "", "evil") }
	forms := map[string]func(Credentials) *http.Request{
		"version 2 header": func(k Credentials) *http.Request { return v2Header(put(), k) },
		"version 2 link":   func(k Credentials) *http.Request { return v2Link(put(), k, time.Hour) },
	}
	for _, region := range []string{"", "us-east-1", "eu-north-7"} {
		forms[fmt.Sprintf("header for %q", region)] = func(k Credentials) *http.Request { return sdk(t, put(), k, region, "evil", time.Now()) }
		forms[fmt.Sprintf("link for %q", region)] = func(k Credentials) *http.Request { return sdkLink(t, put(), k, region, time.Now()) }
		forms[fmt.Sprintf("chunks for %q", region)] = func(k Credentials) *http.Request { return streamed(t, server, object, "evil", k, region) }
	}
	return forms
}

// changes are done to a request after it was signed.
var changes = map[string]func(*http.Request){
	"another path":     func(r *http.Request) { r.URL.Path, r.URL.RawPath = r.URL.Path+"x", r.URL.RawPath+"x" },
	"another method":   func(r *http.Request) { r.Method = "DELETE" },
	"a header more":    func(r *http.Request) { r.Header.Set("X-Amz-Meta-Evil", "yes") },
	"a parameter more": func(r *http.Request) { q := r.URL.Query(); q.Set("tagging", ""); r.URL.RawQuery = q.Encode() },
}

func TestWrongSignaturesAreRefusedInEveryForm(t *testing.T) {
	server := startServer(t)
	for name, form := range forms(t, server) {
		t.Run(name, func(t *testing.T) {
			refused := func(what string, req *http.Request) {
				status, body := send(t, req)
				// Chunks where none may be are refused before the signature is looked at.
				if status != http.StatusForbidden && !(status == 400 && strings.Contains(body, "x-amz-content-sha256")) {
					t.Errorf("%s: %d %s, want 403", what, status, body)
				}
			}
			refused("another secret", form(Credentials{AccessKey: keys.AccessKey, SecretKey: "guess"}))
			refused("another key", form(Credentials{AccessKey: "stranger", SecretKey: keys.SecretKey}))
			for what, change := range changes {
				req := form(keys)
				change(req)
				refused(what, req)
			}
			wantObject(t, server, object, "a kernel")
			if status, body := send(t, form(keys)); status != 200 {
				t.Errorf("as it was signed: %d %s", status, body)
			}
			wantObject(t, server, object, "evil")
			if status, body := do(t, server, "PUT", object, "", "a kernel"); status != 200 {
				t.Fatalf("PUT: %d %s", status, body)
			}
		})
	}
}

func TestBodiesOtherThanSignedAreNotKept(t *testing.T) {
	server := startServer(t)
	for _, region := range []string{"", "us-east-1"} {
		req := sdk(t, request(t, server, "PUT", object, "", "evil"), keys, region, "good", time.Now())
		if status, body := send(t, req); status != 400 || !strings.Contains(body, "XAmzContentSHA256Mismatch") {
			t.Errorf("region %q, another body than its hash: %d %s", region, status, body)
		}
		req = streamed(t, server, object, strings.Repeat("good", 40_000), keys, region)
		chunks, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		req.Body = io.NopCloser(bytes.NewReader(bytes.Replace(chunks, []byte("good"), []byte("evil"), 1)))
		if status, body := send(t, req); status != 403 {
			t.Errorf("region %q, another chunk than signed: %d %s", region, status, body)
		}
	}
	wantObject(t, server, object, "a kernel")
}

func TestSignaturesEnd(t *testing.T) {
	server := startServer(t)
	past, future := time.Now().Add(-2*time.Hour), time.Now().Add(2*time.Hour)
	for _, region := range []string{"", "us-east-1", "eu-north-7"} {
		if status, body := send(t, sdkLink(t, request(t, server, "GET", object, "", ""), keys, region, future)); status != 403 || !strings.Contains(body, "not valid before") {
			t.Errorf("link that begins in two hours, for %q: %d %s", region, status, body)
		}
		if status, body := send(t, sdkLink(t, request(t, server, "GET", object, "", ""), keys, region, past)); status != 403 {
			t.Errorf("link of an hour, two hours old, for %q: %d %s", region, status, body)
		}
		if status, body := send(t, sdk(t, request(t, server, "GET", object, "", ""), keys, region, "", past)); status != 403 {
			t.Errorf("request two hours old for %q: %d %s", region, status, body)
		}
	}
	if status, body := send(t, v2Link(request(t, server, "GET", object, "", ""), keys, -time.Second)); status != 403 || !strings.Contains(body, "expired") {
		t.Errorf("version 2 link that ended a second ago: %d %s", status, body)
	}
	forever := v2Link(request(t, server, "GET", object, "", ""), keys, -time.Second)
	query := forever.URL.Query()
	query.Set("Expires", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	forever.URL.RawQuery = query.Encode()
	if status, body := send(t, forever); status != 403 {
		t.Errorf("version 2 link with its end moved: %d %s", status, body)
	}
	old := request(t, server, "GET", object, "", "")
	old.Header.Set("Date", past.UTC().Format(http.TimeFormat))
	if status, body := send(t, v2Header(old, keys)); status != 403 || !strings.Contains(body, "RequestTimeTooSkewed") {
		t.Errorf("version 2 request two hours old: %d %s", status, body)
	}
}

// wantObject reads by the client whose signature was always taken.
func wantObject(t *testing.T, server *Server, path, want string) {
	t.Helper()
	client, err := NewClient(server.Endpoint(), keys)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Get(context.Background(), "s3:/"+path, 32<<20)
	if err != nil || string(got) != want {
		t.Errorf("%s has %.40q (%d bytes), %v; want %.40q (%d bytes)", path, got, len(got), err, want, len(want))
	}
}
