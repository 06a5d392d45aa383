package server

import (
	"net"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/store/storetest"
)

// A second server on the database that could not read the first one's artifacts
// says so instead of standing by; one that is stopped leaves the lead at once.
func TestServerThatKeepsArtifactsItselfDoesNotStandBy(t *testing.T) {
	first := testConfig(t)
	first.Database = storetest.Postgres(t)
	one, err := Start(t.Context(), first, Options{})
	if err != nil {
		t.Fatal(err)
	}
	second := testConfig(t)
	second.Database = first.Database
	if s, err := Start(t.Context(), second, Options{}); err == nil {
		s.Stop()
		t.Error("both serve")
	} else if !strings.Contains(err.Error(), "s3-endpoint") || !strings.Contains(err.Error(), one.URL()) {
		t.Error(err)
	}
	one.Stop()
	two, err := Start(t.Context(), second, Options{})
	if err != nil {
		t.Fatal(err)
	}
	two.Stop()
}

func TestPeersReachAServerWhereItListens(t *testing.T) {
	for listens, want := range map[string]string{"10.1.0.1:8080": "http://10.1.0.1:8080", "[::]:8080": "", "0.0.0.0:8080": ""} {
		if got := (&Config{}).peerURL(listens); got != want {
			t.Errorf("%s: %q, want %q", listens, got, want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := (&Config{PeerURL: "http://one"}).peerURL(l.Addr().String()); got != "http://one" {
		t.Error(got)
	}
}
