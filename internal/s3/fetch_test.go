package s3

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// sendRaw sends a request line and header as they stand and returns the answer
// with the lines of its header sorted, without what differs from one answer to
// the next.
func sendRaw(t *testing.T, server *Server, method, target string, header ...string) string {
	t.Helper()
	host := strings.TrimPrefix(server.Endpoint(), "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := []string{method + " " + target + " HTTP/1.1"}
	if !slices.ContainsFunc(header, func(h string) bool { return strings.HasPrefix(h, "Host:") }) {
		lines = append(lines, "Host: "+host)
	}
	lines = append(append(lines, header...), "Connection: close", "", "")
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	sorted := strings.Split(head, "\r\n")
	for i, line := range sorted {
		if id := ids.FindString(line); id != "" { // the library says each twice
			sorted[i] = strings.ToLower(id)
		}
	}
	slices.Sort(sorted[1:])
	if len(body) < 4096 { // else it is an object
		body = changing.ReplaceAllString(body, "$1")
	}
	return changing.ReplaceAllString(strings.Join(slices.Compact(sorted), "\n"), "$1") + "\n\n" + body
}

var (
	ids      = regexp.MustCompile(`(?i)^X-Amz-(Request-Id|Id-2): `)
	changing = regexp.MustCompile(`(\nDate: |<(?:RequestId|HostId|ServerTime)>)[^<\n]*`)
)

// target makes a link to the path and returns what of it stands in a request.
func target(t *testing.T, server *Server, method, path, query, region string, at time.Time) string {
	t.Helper()
	return sdkLink(t, request(t, server, method, path, query, ""), keys, region, at).URL.RequestURI()
}

// byLibrary in a request leaves it for the library, which does not look at it.
const byLibrary = "Content-Language: x"

// warm fetches the object until it is held: that begins when it has been
// unchanged for a moment.
func warm(t *testing.T, server *Server, path string) {
	t.Helper()
	before := server.fetches.answered.Load()
	for end := time.Now().Add(time.Minute); server.fetches.answered.Load() == before; {
		if answer := sendRaw(t, server, "GET", target(t, server, "GET", path, "", region, time.Now())); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Fatalf("GET %s: %.300s", path, answer)
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not held after a minute", path)
		}
	}
}

const emptyObject, largeObject = "/ims/empty", "/ims/large"

// startWithObjects starts a server with objects of each kind, all held.
func startWithObjects(t *testing.T) *Server {
	server := startServer(t)
	client, err := minio.New(strings.TrimPrefix(server.Endpoint(), "http://"), &minio.Options{Creds: credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789"), heldBody/10+1000)
	for path, put := range map[string]struct {
		data []byte
		minio.PutObjectOptions
	}{
		object:      {[]byte("a kernel"), minio.PutObjectOptions{ContentType: "text/x", CacheControl: "no-cache", UserMetadata: map[string]string{"Of": "Two words"}, UserTags: map[string]string{"a": "b"}}},
		emptyObject: {nil, minio.PutObjectOptions{}},
		largeObject: {large, minio.PutObjectOptions{ContentEncoding: "none", ContentDisposition: "attachment"}},
	} {
		bucket, key, _ := strings.Cut(path[1:], "/")
		if _, err := client.PutObject(t.Context(), bucket, key, bytes.NewReader(put.data), int64(len(put.data)), put.PutObjectOptions); err != nil {
			t.Fatal(err)
		}
		warm(t, server, path)
	}
	return server
}

// Each request is sent twice, once such that the library answers it: nobody
// can tell the answers apart.
func TestFetchesAreAnsweredAsTheLibraryDoes(t *testing.T) {
	server := startWithObjects(t)
	now := time.Now()
	plain := target(t, server, "GET", object, "", region, now)
	large := target(t, server, "GET", largeObject, "", region, now)
	head := target(t, server, "HEAD", object, "", region, now)
	to := func(path, query string) string { return target(t, server, "GET", path, query, region, now) }
	in := func(region string) string { return target(t, server, "GET", object, "", region, now) }
	at := func(at time.Time) string { return target(t, server, "GET", object, "", region, at) }
	changed := func(from, to string) string {
		if !strings.Contains(plain, from) {
			t.Fatalf("%s has no %s", plain, from)
		}
		return strings.Replace(plain, from, to, 1)
	}
	signature := plain[strings.Index(plain, "&X-Amz-Signature="):]
	const path = "/boot-images/a%20b/k%C3%A9rnel%2B1"
	host := strings.TrimPrefix(server.Endpoint(), "http://")

	check := func(plain bool, name, method, target string, header ...string) {
		t.Run(name, func(t *testing.T) {
			before := server.fetches.answered.Load()
			got := sendRaw(t, server, method, target, header...)
			if answered := server.fetches.answered.Load() > before; answered != plain {
				t.Errorf("answered without the library: %v, want %v", answered, plain)
			}
			if want := sendRaw(t, server, method, target, append(header, byLibrary)...); got != want {
				t.Errorf("%s %s %v\ngot  %.900s\nwant %.900s", method, target, header, got, want)
			}
		})
	}
	check(true, "a small object", "GET", plain)
	check(true, "an empty object", "GET", to(emptyObject, ""))
	check(true, "a large object", "GET", large)
	check(true, "HEAD", "HEAD", head)
	check(true, "HEAD of a large object", "HEAD", target(t, server, "HEAD", largeObject, "", region, now))
	check(true, "for a node", "GET", to(object, "x-drover-node=x1000c0s0b0n0"))
	check(true, "of an SDK", "GET", to(object, "x-id=GetObject"))
	check(true, "the signature in front", "GET", strings.Replace(strings.TrimSuffix(plain, signature), "&X-Amz-SignedHeaders", signature+"&X-Amz-SignedHeaders", 1))
	check(true, "of another region", "GET", in("eu-north-7"))
	check(true, "of no region", "GET", in(""))
	check(false, "of a region that needs escapes", "GET", in("zürich"))
	check(true, "HTTP client's header", "GET", plain, "User-Agent: curl/8", "Accept: */*", "Accept-Encoding: gzip", "Cookie: a=b", "X-Forwarded-For: 10.1.0.7")
	for _, asked := range []string{"bytes=0-0", "bytes=2-", "bytes=-3", "bytes=0-7", "bytes=0-99999", "bytes=5-4", "bytes=x-", "bytes=0-1,3-4", "items=0-1", "bytes=-99999999", "bytes 0-1"} {
		check(true, "range "+asked, "GET", plain, "Range: "+asked)
		check(true, "HEAD, range "+asked, "HEAD", head, "Range: "+asked)
		check(true, "large, range "+asked, "GET", large, "Range: "+asked)
	}
	check(true, "large, a large range", "GET", large, "Range: bytes=1000-200000")
	check(true, "empty, range", "GET", to(emptyObject, ""), "Range: bytes=-5")
	check(false, "range behind the end", "GET", plain, "Range: bytes=8-")
	check(false, "range of nothing", "GET", plain, "Range: bytes=-0")
	check(false, "empty, range behind the end", "GET", to(emptyObject, ""), "Range: bytes=0-")

	check(false, "HEAD by a link to GET", "HEAD", plain)
	check(false, "GET by a link to HEAD", "GET", head)
	check(false, "DELETE", "DELETE", plain)
	check(false, "POST", "POST", plain)
	check(false, "expired", "GET", at(now.Add(-2*time.Hour)))
	check(false, "not yet valid", "GET", at(now.Add(2*time.Hour)))
	check(false, "another life", "GET", changed("X-Amz-Expires=3600", "X-Amz-Expires=36000"))
	check(false, "longer than a week", "GET", changed("X-Amz-Expires=3600", "X-Amz-Expires=604801"))
	check(false, "no number of seconds", "GET", changed("X-Amz-Expires=3600", "X-Amz-Expires=-1"))
	check(false, "another day", "GET", changed("%2F"+now.UTC().Format("20060102")+"%2F", "%2F20200101%2F"))
	check(false, "another key", "GET", changed("Credential=key%2F", "Credential=kex%2F"))
	check(false, "wrong signature", "GET", plain[:len(plain)-1]+string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", plain[len(plain)-1])+1)%16]))
	check(false, "short signature", "GET", plain[:len(plain)-1])
	check(false, "signature in capitals", "GET", strings.TrimSuffix(plain, signature)+"&X-Amz-Signature="+strings.ToUpper(signature[17:]))
	check(false, "no signature", "GET", strings.TrimSuffix(plain, signature))
	check(false, "two signatures", "GET", plain+signature)
	check(false, "another host", "GET", plain, "Host: else:1")
	check(false, "another object", "GET", changed(path, "/ims/empty"))
	check(false, "a node added", "GET", plain+"&x-drover-node=x1000c0s0b0n0")
	check(false, "a node changed", "GET", strings.Replace(to(object, "x-drover-node=x1"), "node=x1", "node=x2", 1))
	check(false, "a header signed that is not there", "GET", changed("SignedHeaders=host", "SignedHeaders=host%3Brange"))
	check(false, "a token", "GET", plain+"&X-Amz-Security-Token=x")
	check(false, "a parameter twice", "GET", plain+"&X-Amz-Expires=3600")

	check(false, "a missing object", "GET", to("/boot-images/missing", ""))
	check(false, "a folder", "GET", to("/boot-images/a b/", ""))
	check(false, "a folder without its slash", "GET", to("/boot-images/a b", ""))
	check(false, "below an object", "GET", to(object+"/x", ""))
	check(false, "a missing bucket", "GET", to("/nowhere/x", ""))
	check(false, "no bucket's name", "GET", to("/X/x", ""))
	check(false, "a bucket", "GET", to("/boot-images", ""))
	check(false, "out of the bucket", "GET", to("/boot-images/../ims/empty", ""))
	check(false, "two slashes", "GET", to("/ims//empty", ""))
	check(false, "where uploads are", "GET", to("/ims/.sgwtmp/x", ""))
	check(false, "escapes in small letters", "GET", changed("%C3%A9", "%c3%a9"))
	check(false, "an escape that need not be", "GET", changed("rnel", "%72nel"))
	check(false, "an escape that is missing", "GET", changed("%2B1", "+1"))
	check(true, "a whole URL", "GET", "http://"+host+plain)

	check(false, "a type", "GET", to(object, "response-content-type=text%2Fy"))
	check(false, "a version", "GET", to(object, "versionId=null"))
	check(false, "a part", "GET", to(object, "partNumber=1"))
	check(false, "the ACL", "GET", to(object, "acl="))
	check(false, "the tags", "GET", to(object, "tagging="))
	check(false, "an unknown parameter", "GET", to(object, "a=b"))
	check(false, "if it is none", "GET", plain, `If-None-Match: "x"`)
	check(false, "if it is", "GET", plain, `If-Match: "x"`)
	check(false, "if it changed", "GET", plain, "If-Modified-Since: "+now.Add(time.Hour).UTC().Format(http.TimeFormat))
	check(false, "from a page", "GET", plain, "Origin: http://page")
	check(false, "with its checksum", "GET", plain, "X-Amz-Checksum-Mode: ENABLED")
	check(false, "signed twice", "GET", plain, "Authorization: AWS key:x")
	check(false, "with a body", "GET", plain, "Content-Length: 0")
}

// What is held is never given out for another state of the object.
func TestReplacedObjectsAreFetchedAsTheyAre(t *testing.T) {
	for _, size := range []int{8, heldBody + 8} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			server := startServer(t)
			fetch := func() string {
				_, body, _ := strings.Cut(sendRaw(t, server, "GET", target(t, server, "GET", "/ims/x", "", region, time.Now())), "\n\n")
				return body[:min(8, len(body))]
			}
			for i := range 30 {
				data := fmt.Sprintf("%08d", i)
				if status, body := do(t, server, "PUT", "/ims/x", "", data+strings.Repeat("x", size-8)); status != 200 {
					t.Fatalf("PUT: %d %s", status, body)
				}
				for range 3 {
					if got := fetch(); got != data {
						t.Fatalf("fetched %s after %s was put", got, data)
					}
				}
				if i%10 == 0 {
					warm(t, server, "/ims/x")
				}
			}
			warm(t, server, "/ims/x")
			if status, body := do(t, server, "PUT", "/ims/x", "tagging=", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", "Content-Md5", base64MD5([]byte("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"))); status != 200 {
				t.Fatalf("tagging: %d %s", status, body)
			}
			if answer := sendRaw(t, server, "GET", target(t, server, "GET", "/ims/x", "", region, time.Now())); !strings.Contains(answer, "x-amz-tagging-count: 1") {
				t.Errorf("after an object was tagged: %.600s", answer)
			}
			warm(t, server, "/ims/x")
			if status, body := do(t, server, "DELETE", "/ims/x", "", ""); status != 204 {
				t.Fatalf("DELETE: %d %s", status, body)
			}
			if got := sendRaw(t, server, "GET", target(t, server, "GET", "/ims/x", "", region, time.Now())); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
				t.Errorf("after an object was deleted: %.300s", got)
			}
		})
	}
}

// Readers at the same time never see an object go back to what it was.
func TestConcurrentFetchesSeeWritesInOrder(t *testing.T) {
	server := startServer(t)
	put := func(i int) {
		if status, body := do(t, server, "PUT", "/ims/x", "", fmt.Sprintf("%08d", i)); status != 200 {
			t.Errorf("PUT: %d %s", status, body)
		}
	}
	put(0)
	warm(t, server, "/ims/x")
	link := target(t, server, "GET", "/ims/x", "", region, time.Now())
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for last := 0; ; {
				resp, err := http.Get(server.Endpoint() + link)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				now, notNumber := strconv.Atoi(string(body))
				if err != nil || notNumber != nil || now < last {
					t.Errorf("read %q after %d, %v", body, last, err)
					return
				}
				last = now
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 20 {
		put(i + 1)
		if i%5 == 0 {
			warm(t, server, "/ims/x")
		}
	}
	close(done)
	readers.Wait()
}
