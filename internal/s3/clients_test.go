package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/drover-hpc/drover/internal/docpage"
)

// What is done with each client: the rows of the table in docs/s3.md.
const (
	rowBuckets  = "list buckets"
	rowLook     = "look for a bucket"
	rowRead     = "write, read"
	rowList     = "list objects"
	rowFirst    = "list objects, first version"
	rowParts    = "upload of 20 MB in parts"
	rowCopy     = "copy"
	rowACL      = "canned ACL"
	rowLink     = "link of version 4"
	rowLink2    = "link of version 2"
	rowRequest2 = "requests of version 2"
	rowWrong    = "wrong secret is 403"
	rowDelete   = "delete one, many"
	rowStray    = "no other host was tried"
)

var rows = []string{rowBuckets, rowLook, rowRead, rowList, rowFirst, rowParts, "checksums of parts told back",
	rowCopy, rowACL, rowLink, rowLink2, rowRequest2, rowWrong, "wrong secret in a link is 403", rowDelete, rowStray}

// oddKey is one that URLs and XML have to escape.
const oddKey = "a b/ü&+%41.txt"

// bench is what a client works on: a server, a file of 20 MB, and a place where
// each host but loopback that it tries is noted.
type bench struct {
	t                             *testing.T
	server                        *Server
	data, big, dir                string
	bin, region, bucket, straysIn string
	proxy                         string
	proxied                       *atomic.Int64
}

// column is a client of the table, with the region that it signs for.
type column struct {
	client, version, region string
	bin                     string // the directory of its programs, "" if it is on the path
	run                     func(bench) map[string]string
}

func (c column) title() string {
	if c.region == "" {
		return c.client + " " + c.version + ", no region"
	}
	return c.client + " " + c.version + ", `" + c.region + "`"
}

// TestS3ClientsTable runs the clients that people use against the server and
// writes the table. S3_CLIENTS is the directory of the Python environments that
// scripts/s3-clients.sh makes.
func TestS3ClientsTable(t *testing.T) {
	clients := os.Getenv("S3_CLIENTS")
	if clients == "" {
		t.Skip("S3_CLIENTS is not set: make s3-clients runs this")
	}
	b := newBench(t)
	columns := b.columns(clients)
	results := make([]map[string]string, len(columns))
	titles := make([]string, len(columns))
	for i, c := range columns {
		b.bin, b.region, b.bucket, b.straysIn = c.bin, c.region, fmt.Sprintf("bucket-%d", i), filepath.Join(b.dir, fmt.Sprint("strays", i))
		titles[i] = c.title()
		b.must(b.own().EnsureBuckets(t.Context(), b.bucket))
		if c.bin != "" {
			b.checkGuard()
		}
		before := b.proxied.Load()
		results[i] = c.run(b)
		strays, _ := os.ReadFile(b.straysIn)
		results[i][rowStray] = yes(len(strays) == 0 && b.proxied.Load() == before, "tried "+strings.TrimSpace(string(strays)))
		for row, got := range results[i] {
			if got != "yes" && got != "the client refuses" {
				t.Errorf("%s: %s: %s", titles[i], row, got)
			}
		}
	}
	if file := os.Getenv("S3_TABLE"); file != "" && !t.Failed() {
		b.must(writeTable(file, titles, results))
	}
}

func newBench(t *testing.T) bench {
	data, err := filepath.Abs("testdata") // before the server changes the directory
	if err != nil {
		t.Fatal(err)
	}
	b := bench{t: t, server: startServer(t), data: data, dir: t.TempDir(), proxied: new(atomic.Int64)}
	b.big = filepath.Join(b.dir, "big")
	b.must(os.WriteFile(b.big, bytes.Repeat([]byte("0123456789abcde\n"), 20<<16), 0o600))
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.proxied.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	b.proxy = proxy.URL
	return b
}

func (b bench) columns(clients string) []column {
	recent, old := clients+"/new/bin", clients+"/old/bin"
	boto := func(bin string) string {
		return b.version(bin+"/python", "-c", "import boto3; print(boto3.__version__)")
	}
	return []column{
		{"boto3", boto(recent), "", recent, bench.boto},
		{"boto3", boto(old), "", old, bench.boto},
		{"boto3", boto(recent), "eu-north-7", recent, bench.boto},
		{"aws", b.version(recent+"/aws", "--version"), "", recent, bench.aws},
		{"aws", b.version(recent+"/aws", "--version"), "eu-north-7", recent, bench.aws},
		{"s3cmd", b.version(recent+"/s3cmd", "--version"), "", recent, bench.s3cmd},
		{"rclone", b.version("rclone", "version"), "", "", bench.rclone},
		{"minio-go", b.moduleVersion("github.com/minio/minio-go/v7"), "eu-north-7", "", bench.minio},
	}
}

func writeTable(file string, titles []string, results []map[string]string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "| | %s |\n|---%s|\n", strings.Join(titles, " | "), strings.Repeat("|---", len(titles)))
	for _, row := range rows {
		out.WriteString("| " + row)
		for _, r := range results {
			cell := r[row]
			if cell == "" {
				cell = "-"
			}
			out.WriteString(" | " + cell)
		}
		out.WriteString(" |\n")
	}
	return docpage.Part{File: file, By: "make s3-clients"}.Write(out.String())
}

func (b bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// own is the client by which what others did is looked at.
func (b bench) own() *Client {
	c, err := NewClient(b.server.Endpoint(), keys)
	b.must(err)
	return c
}

// version is the first number with dots in what the program says.
func (b bench) version(program string, args ...string) string {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), program, args...).CombinedOutput()
	version := regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out))
	if err != nil || version == "" {
		b.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return version
}

// moduleVersion is the version of a Go module that go.mod names.
func (b bench) moduleVersion(path string) string {
	cmd := exec.CommandContext(b.t.Context(), "go", "list", "-m", "-f", "{{.Version}}", path)
	cmd.Dir = b.data
	out, err := cmd.Output()
	b.must(err)
	return strings.TrimSpace(strings.TrimPrefix(string(out), "v"))
}

// checkGuard tells whether a Python program of the client is kept from other
// hosts, and its try noted.
func (b bench) checkGuard() {
	b.t.Helper()
	_, err := b.command(keys.SecretKey, "python", "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 1)")
	noted, _ := os.ReadFile(b.straysIn)
	if err == nil || string(noted) != "192.0.2.1\n" {
		b.t.Fatalf("a program that tries 192.0.2.1 was not kept from it: %v, noted %q", err, noted)
	}
	b.must(os.Remove(b.straysIn))
}

// run runs a program of the client where it can reach loopback only. The
// answer is "yes" if it ends well and its output satisfies ok, else what it said.
func (b bench) run(ok func(string) bool, program string, args ...string) string {
	out, err := b.command(keys.SecretKey, program, args...)
	if err != nil {
		return fmt.Sprintf("%v: %s", err, strings.Join(strings.Fields(out), " "))
	}
	return yes(ok == nil || ok(out), "said "+strings.Join(strings.Fields(out), " "))
}

func (b bench) command(secret, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if b.bin != "" {
		program = filepath.Join(b.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "AWS_") }), "PYTHONPATH="+filepath.Join(b.data, "loopback"), "S3_STRAYS="+b.straysIn, "S3_ENDPOINT="+b.server.Endpoint(), "S3_BUCKET="+b.bucket,
		"S3_KEY="+oddKey, "S3_BIG="+b.big, "S3_REGION="+b.region, "AWS_ACCESS_KEY_ID="+keys.AccessKey, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "HOME="+b.dir, "RCLONE_CONFIG=/dev/null",
		"http_proxy="+b.proxy, "https_proxy="+b.proxy, "HTTP_PROXY="+b.proxy, "HTTPS_PROXY="+b.proxy, "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func yes(ok bool, otherwise string) string {
	if ok {
		return "yes"
	}
	return otherwise
}

func contains(part string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, part) }
}

// has tells whether the object is what was to be written, deletes whether it is gone.
func (b bench) has(key, want string) string {
	got, err := b.own().Get(b.t.Context(), "s3://"+b.bucket+"/"+key, 32<<20)
	return yes(err == nil && string(got) == want, fmt.Sprintf("%s is %.40q, %v", key, got, err))
}

func (b bench) empty() string {
	api := b.own().api
	var left []string
	for o := range api.ListObjects(b.t.Context(), b.bucket, minio.ListObjectsOptions{Recursive: true}) {
		left = append(left, o.Key)
	}
	return yes(len(left) == 0, fmt.Sprintf("left %q", left))
}

func (b bench) bigText() string {
	data, err := os.ReadFile(b.big)
	b.must(err)
	return string(data)
}

// fetch reads a link that the client printed.
func (b bench) fetch(link, want string, err error) string {
	if err != nil {
		return fmt.Sprintf("%v: %s", err, link)
	}
	resp, err := http.Get(strings.TrimSpace(link))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return yes(err == nil && string(body) == want, fmt.Sprintf("%d %.200s", resp.StatusCode, body))
}

// all is the first of the answers that is not "yes".
func all(answers ...string) string {
	if i := slices.IndexFunc(answers, func(a string) bool { return a != "yes" }); i >= 0 {
		return answers[i]
	}
	return "yes"
}
