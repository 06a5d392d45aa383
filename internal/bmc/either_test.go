package bmc

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestOnePortTakesTLSAndPlainHTTP(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Either(plain)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l) //nolint:errcheck // Close ends it
	}()
	t.Cleanup(func() { s.Close(); <-done })
	silent, err := net.Dial("tcp", plain.Addr().String()) // one that says nothing holds up nobody
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, scheme := range []string{"http", "https", "https", "http"} {
		resp, err := client.Get(scheme + "://" + plain.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		if (resp.TLS != nil) != (scheme == "https") {
			t.Errorf("%s: answered by %+v", scheme, resp.TLS)
		}
		io.Copy(io.Discard, resp.Body) //nolint:errcheck // so that the connection is kept
		resp.Body.Close()
	}
}
