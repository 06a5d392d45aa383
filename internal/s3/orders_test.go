package s3

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// readAhead is more than the library reads of a body before it calls anybody.
const readAhead = 16 << 10

// begin sends the beginning of a request to the address, and returns what is answered
// before the rest has come.
func begin(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // then reading fails
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Errorf("no answer: %v", err)
	}
	return strings.TrimSpace(line)
}

// Nobody's form is read, in memory or on disk, before it is known who sends it.
func TestFormsOfNobodyAreNotRead(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	nodes, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys, Fetches: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for _, at := range []string{server.Endpoint(), nodes.Addr().String()} {
		answer := begin(t, at, "POST /any HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n"+strings.Repeat("x", readAhead))
		if !strings.HasPrefix(answer, "HTTP/1.1 40") {
			t.Errorf("%s: %s", at, answer)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// What is no content of an object is bounded before it is read.
func TestOrdersAreBounded(t *testing.T) {
	server, _ := startWithPrivate(t)
	for head, want := range map[string]string{
		"POST /boot-images?delete HTTP/1.1\r\nContent-Length: 8388609":                   "HTTP/1.1 400 Bad Request",
		"PUT /boot-images/a?tagging HTTP/1.1\r\nContent-Length: 8388609":                 "HTTP/1.1 400 Bad Request",
		"PUT /boot-images?policy HTTP/1.1\r\nTransfer-Encoding: chunked":                 "HTTP/1.1 411 Length Required",
		"POST /boot-images/a?uploadId=x HTTP/1.1\r\nTransfer-Encoding: chunked":          "HTTP/1.1 411 Length Required",
		"PUT /boot-images/a HTTP/1.1\r\nContent-Length: 8388609":                         "HTTP/1.1 403 Forbidden", // by whose it is
		"PUT /boot-images/a?partNumber=1&uploadId=x HTTP/1.1\r\nContent-Length: 8388609": "HTTP/1.1 403 Forbidden",
	} {
		if got := begin(t, server.Endpoint(), head+"\r\nHost: x\r\n\r\n"+strings.Repeat("x", readAhead)); got != want {
			t.Errorf("%s: %s, want %s", head, got, want)
		}
	}
}

// The keys that are deleted stand in the body, whatever the query calls a prefix.
func TestASessionDeletesNothingOutsideItsPrefix(t *testing.T) {
	server, _ := startWithPrivate(t)
	of := given(time.Hour, Grant{Bucket: "ims", Prefix: "jobs/1/", Write: true})
	role, _ := assume(t, server, of, "", 0)
	const body = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>jobs/2/recipe</Key></Object></Delete>`
	for _, c := range []Credentials{of, role} {
		for _, query := range []string{"delete=", "delete=&prefix=jobs%2F1%2F"} {
			r := request(t, server, http.MethodPost, "/ims", query, body)
			r.Header.Set("X-Amz-Content-Sha256", sha256Of(body))
			r.Header.Set("Content-Md5", base64MD5([]byte(body)))
			if status, text := send(t, signer.SignV4(*r, c.AccessKey, c.SecretKey, c.SessionToken, "us-east-1")); status != http.StatusForbidden {
				t.Errorf("%s: %d %s", query, status, text)
			}
		}
	}
}

// A record has the key that was verified, and naming a node hides no refusal.
func TestRecordsAreOfWhoSigned(t *testing.T) {
	var mu sync.Mutex
	var told []string
	server, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: keys,
		Written: func(_ context.Context, w Write) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf("%s %s %d", w.Access, w.Method, w.Status))
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	of := given(time.Hour, Grant{Bucket: "ims", Write: true})
	const form = "Action=AssumeRole&Version=2011-06-15"
	stranger := "X-Amz-Credential=" + keys.AccessKey + "%2Fx&X-Amz-Signature=x"
	r := request(t, server, http.MethodPost, "/", stranger, form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Amz-Content-Sha256", sha256Of(form))
	r = signer.SignV4STS(*r, of.AccessKey, of.SecretKey, "")
	r.Header.Set("X-Amz-Security-Token", of.SessionToken)
	if status, text := send(t, r); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	for _, c := range []struct{ method, query string }{{"GET", "x-drover-node=a"}, {"HEAD", "x-drover-node=x1000c0s0b0n0"}, {"PUT", "partNumber=1&uploadId=x&x-drover-node=a"}} {
		r := request(t, server, c.method, "/private/secret", c.query, "")
		r.Header.Set("X-Amz-Content-Sha256", unsigned)
		send(t, signer.SignV4(*r, of.AccessKey, of.SecretKey, of.SessionToken, "us-east-1"))
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{of.AccessKey + " POST 200", of.AccessKey + " GET 403", of.AccessKey + " HEAD 403", of.AccessKey + " PUT 403"}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestTheTokenServiceReadsEachHeaderOnce(t *testing.T) {
	server, _ := startWithPrivate(t)
	for names, want := range map[string]string{"host;a;a": "names 3 headers", "host" + strings.Repeat(";a", mostSigned): "names 33 headers", "host;a": "does not fit"} {
		r := request(t, server, http.MethodPost, "/", "", "Action=AssumeRole")
		now := time.Now().UTC()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Amz-Date", now.Format(amzDate))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+keys.AccessKey+"/"+now.Format("20060102")+"/us-east-1/sts/aws4_request, SignedHeaders="+names+
			", Signature="+strings.Repeat("0", 64))
		if status, text := send(t, r); status < 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", names, status, text)
		}
	}
}
