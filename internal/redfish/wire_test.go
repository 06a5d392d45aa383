package redfish_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/drover-hpc/drover/internal/redfish"
)

func TestOddAnswersAreRead(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"PowerState":"On"}`)
	z.Close()
	for name, tt := range map[string]struct {
		answer string
		kept   bool
	}{
		"chunked":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Pow\r\ne\r\nerState\":\"On\"}\r\n0\r\n\r\n", true},
		"announced":          {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}", true},
		"until the end":      {"HTTP/1.0 200 OK\r\n\r\n{\"PowerState\":\"On\"}", false},
		"to be closed":       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}", false},
		"packed, unasked":    {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.String()), true},
		"more than was told": {"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"PowerState\":\"On\"}}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				in := bufio.NewReader(c)
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				io.WriteString(c, tt.answer)
				if tt.kept {
					in.ReadByte() // until the driver closes it
				}
			}()
			d := redfish.New(1)
			t.Cleanup(d.Close)
			got, err := d.PowerState(t.Context(), l.Addr().String(), login, systemPath)
			if err != nil || got != "On" {
				t.Errorf("%q, %v", got, err)
			}
			if kept := redfish.Keeps(d, l.Addr().String()); kept != tt.kept {
				t.Errorf("the connection is kept: %v", kept)
			}
		})
	}
}

func TestPathsAreSentAsURLsHaveThem(t *testing.T) {
	got := make(chan string, 1)
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.RequestURI
		io.WriteString(w, `{}`)
	}))
	for path, want := range map[string]string{
		"/redfish/v1/Systems/Node0":     "/redfish/v1/Systems/Node0",
		"/redfish/v1/Chassis?$expand=.": "/redfish/v1/Chassis?$expand=.",
		"/a b/c#/PowerControl/0":        "/a%20b/c",
		"/a%20b":                        "/a%20b",
		"/ä":                            "/%C3%A4",
		"//other.example/x":             "//other.example/x",
	} {
		if _, err := redfish.New(1).PowerState(t.Context(), at, login, path); err != nil {
			t.Errorf("%s: %v", path, err)
		} else if uri := <-got; uri != want {
			t.Errorf("%s is sent as %s, want %s", path, uri, want)
		}
	}
	for _, path := range []string{"/a\r\nX-Other: 1", "/a%zz", "x"} {
		if _, err := redfish.New(1).PowerState(t.Context(), at, login, path); err == nil {
			t.Errorf("%q was sent as %s", path, <-got)
		}
	}
	for _, address := range []string{"", "a b", "ftp://127.0.0.1", "http://", "127.0.0.1\r\nX: 1"} {
		if _, err := redfish.New(1).PowerState(t.Context(), address, login, "/a"); err == nil || redfish.VerdictOf(err) != redfish.Later {
			t.Errorf("address %q: %v", address, err)
		}
	}
}

// An ETag in a resource's text may hold anything.
func TestAnETagDoesNotAddHeaders(t *testing.T) {
	var posts atomic.Int32
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.WriteString(w, `{"@odata.etag":"a\r\nX-Other: 1"}`)
			return
		}
		posts.Add(1)
		w.WriteHeader(http.StatusPreconditionRequired)
	}))
	if err := redfish.New(1).Reset(t.Context(), at, login, resetPath, "On"); err == nil || posts.Load() != 1 {
		t.Errorf("%v, sent %d times", err, posts.Load())
	}
}
