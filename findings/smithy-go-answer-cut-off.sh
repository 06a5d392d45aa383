#!/bin/sh
# smithy-go 1.28.1 (aws-sdk-go-v2 1.45.1, service/sts 1.47.1) with net/http of Go 1.26.8: a client cuts off an answer that it is reading.
#
# The SDK closes a request's body as soon as the answer's header is there, and its closed body answers WriteTo with io.EOF, where the contract of
# io.WriterTo knows no such error. net/http sends a body of more than its 4 KiB buffer to the connection at once, and looks only then for what
# is beyond the Content-Length: by WriteTo. If the server was faster than that look, the look fails with EOF, net/http takes it for a body that
# could not be read, and closes the connection. The caller, who has the header with 200 and is reading the answer's body, gets "use of closed
# network connection".
#
#   a closed body of the SDK, copied    EOF
#   bodies as the SDK makes them        deserialization failed, use of closed network connection
#   the same without WriteTo            the answer
#
# So a server that is near and quick, a request of more than 4 KiB and a busy client are enough, with no fault of the network. The SDK asks again
# by itself; whoever set RetryMaxAttempts to 1, or asks for what must not be done twice, should hide WriteTo in a RoundTripper. Here the goroutine
# that sends comes late because the connection's Write returns late.
set -eu

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod GOTOOLCHAIN=go1.26.8
cat >go.mod <<'MOD'
module finding

go 1.25

require (
	github.com/aws/aws-sdk-go-v2 v1.45.1
	github.com/aws/aws-sdk-go-v2/service/sts v1.47.1
	github.com/aws/smithy-go v1.28.1
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	policy = 8 << 10
	answer = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>`
)

func main() {
	request, err := smithyhttp.NewStackRequest().(*smithyhttp.Request).SetStream(strings.NewReader("body"))
	must(err)
	body := request.Build(context.Background()).Body
	must(body.Close())
	_, err = io.Copy(io.Discard, body)
	fmt.Printf("a closed body of the SDK, copied    %v\n", err)
	fmt.Printf("bodies as the SDK makes them        %s\n", ask(false))
	fmt.Printf("the same without WriteTo            %s\n", ask(true))
}

// ask asks a server that answers in two parts, the second a second later.
func ask(hide bool) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := io.ReadAll(r.Body)
		must(err)
		if int64(len(all)) != r.ContentLength {
			panic("not the whole request")
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
		io.WriteString(w, answer[:20])
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done(): // the client closed the connection
		case <-time.After(time.Second):
		}
		io.WriteString(w, answer[20:])
	}))
	defer server.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return &late{Conn: c, reading: make(chan struct{})}, err
	}}
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if hide {
			r = r.Clone(r.Context())
			r.Body = struct{ io.ReadCloser }{r.Body}
		}
		return transport.RoundTrip(r)
	})}
	asks := sts.New(sts.Options{BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1, HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		})})
	_, err := asks.AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam:::role/any"),
		RoleSessionName: aws.String("any"), Policy: aws.String(strings.Repeat("x", policy))})
	var unread *smithy.DeserializationError
	switch {
	case err == nil:
		return "the answer"
	case errors.As(err, &unread) && strings.HasSuffix(err.Error(), "use of closed network connection"):
		return "deserialization failed, use of closed network connection"
	}
	return err.Error()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// late returns from the Write of the end of the request when the answer's second part is waited for.
type late struct {
	net.Conn
	sent    int // by the one goroutine that writes
	reads   atomic.Int64
	reading chan struct{}
}

func (c *late) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.sent += n; c.sent > policy {
		<-c.reading
	}
	return n, err
}

func (c *late) Read(p []byte) (int, error) {
	if c.reads.Add(1) == 2 {
		close(c.reading)
	}
	return c.Conn.Read(p)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
GO
out=$(go run . 2>"$dir/err") || { cat "$dir/err" >&2; exit 1; }
printf '%s\n' "$out"
expected='a closed body of the SDK, copied    EOF
bodies as the SDK makes them        deserialization failed, use of closed network connection
the same without WriteTo            the answer'
test "$out" = "$expected" || { printf 'expected\n%s\n' "$expected" >&2; exit 1; }
