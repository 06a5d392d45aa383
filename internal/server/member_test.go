package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/drover-hpc/drover/internal/store/lead"
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
	second.Database, second.SecretKey.File = first.Database, filepath.Join(first.Data, keyFile)
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

// A server whose database is away stops when it is told to.
func TestServerStopsWhileItsDatabaseIsAway(t *testing.T) {
	c := testConfig(t)
	c.Database = storetest.Postgres(t)
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE drover_lead"); err != nil { // it cannot renew its lease
		t.Fatal(err)
	}
	for s.lease.Left() >= lead.Margin {
		_, changed := s.lease.State()
		select {
		case <-changed:
		case <-time.After(time.Second):
		}
	}
	answered := make(chan int) // 0: not at all
	go func() {
		resp, err := http.Post(s.URL()+"/apis/smd/hsm/v2/groups", "application/json", strings.NewReader(`{"label":"late"}`))
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	s.Stop()
	if status := <-answered; status != 0 && status < 500 {
		t.Errorf("it wrote without being sure to lead: %d", status)
	}
}

// A server that loses its place in the middle of its start changes nothing in
// the object store that all use, and has to start again.
func TestServerThatLosesTheLeadWhileItStartsLetsTheObjectStoreBe(t *testing.T) {
	c := testConfig(t)
	c.Database = storetest.Postgres(t)
	c.S3AccessKey, c.S3SecretKey = "key", "secret-of-the-test"
	conn, err := pgx.Connect(t.Context(), c.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var looked sync.Once
	var changed atomic.Bool
	objects := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			changed.Store(true)
		}
		looked.Do(func() { // while it looks for its buckets
			if _, err := conn.Exec(r.Context(), `UPDATE drover_lead SET holder = 'other', term = term + 1, expires = now() + interval '1 hour'`); err != nil {
				t.Error(err)
			}
			asks := 0 // the second time it has taken over what the first one gave
			for last := (time.Time{}); asks < 3 && r.Context().Err() == nil; {
				var seen time.Time
				if err := conn.QueryRow(r.Context(), `SELECT seen FROM drover_members`).Scan(&seen); err != nil {
					t.Error(err)
				}
				if seen != last {
					last, asks = seen, asks+1
				}
			}
		})
		w.WriteHeader(http.StatusNotFound)
	}))
	defer objects.Close()
	c.S3Endpoint = objects.URL
	s, err := Start(t.Context(), c, Options{})
	if err == nil {
		s.Stop()
		t.Fatal("it serves")
	}
	if lost := (*placeLost)(nil); !errors.As(err, &lost) || lost.why != leadLost {
		t.Errorf("it ends: %v", err)
	}
	if changed.Load() {
		t.Error("it made a bucket")
	}
}
