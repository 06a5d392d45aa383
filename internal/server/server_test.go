package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

func TestMain(m *testing.M) {
	sim.ReexecIfChild()
	rotateIfChild()
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

func testConfig(t testing.TB) Config {
	t.Helper()
	t.Chdir(".") // back at the end: the object store moves into its directory
	return Config{Listen: "127.0.0.1:0", S3Listen: "127.0.0.1:0", Data: t.TempDir(), SSHPort: 22, MaxSessions: 2, PollPower: time.Minute}
}

// Whoever asks for CFS's health learns that sessions are held, and only then
// is there such a field.
func TestHealthTellsThatSessionsAreHeld(t *testing.T) {
	c := testConfig(t)
	for held, want := range map[bool]any{true: true, false: nil} {
		c.HoldCFS = held
		s, err := Start(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var health map[string]any
		resp, err := http.Get(s.URL() + "/apis/cfs/healthz")
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&health)
			resp.Body.Close()
		}
		if err != nil || health["sessions_held"] != want || health["db_status"] != "ok" {
			t.Errorf("held %t: %v, %v", held, health, err)
		}
		s.Stop()
	}
}

// A database that takes nothing any more, as on a full disk: balancers are told as
// soon as a write was refused, and when it is over.
func TestServerThatCanWriteNothingIsNotReady(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	admin, err := auth.Find(os.Getenv, s.URL())
	must(t, err)
	var full atomic.Bool
	s.db.Guard(func(context.Context) error {
		if full.Load() {
			return fault.New(fault.Unavailable, "database or disk is full")
		}
		return nil
	})
	for _, trouble := range []bool{false, true, false} {
		full.Store(trouble)
		status, text := ask(admin, "PATCH", bosPrefix+"/v2/options", `{"logging_level":"INFO"}`)
		if trouble && status != http.StatusServiceUnavailable {
			t.Errorf("full: a write is answered %d %s", status, text)
		}
		if status, text = ask("", "GET", "/readyz", ""); trouble != (status == http.StatusServiceUnavailable) {
			t.Errorf("full %t: readyz answers %d %s", trouble, status, text)
		}
	}
}

// Nobody has to be refused first: the check itself writes, at most now and then.
func TestReadinessIsFoundByWriting(t *testing.T) {
	s, ask := startWithTokens(t, testConfig(t))
	var clock atomic.Int64
	s.writing = newWriting(func() time.Time { return time.Unix(clock.Load(), 0) })
	must(t, s.db.Exec(t.Context(), "PRAGMA busy_timeout = 1"))
	other, err := sql.Open("sqlite", store.FileURL(s.config.database())+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	must(t, err)
	t.Cleanup(func() { other.Close() })
	ready := func(after int64, want int, when string) {
		t.Helper()
		clock.Add(after)
		if status, text := ask("", "GET", "/readyz", ""); status != want || strings.Contains(text, "SQLITE") {
			t.Errorf("%s: readyz answers %d %s, want %d", when, status, text, want)
		}
	}
	ready(0, http.StatusOK, "before")
	held, err := other.Begin()
	must(t, err)
	defer held.Rollback() //nolint:errcheck // ended below
	ready(2, http.StatusOK, "refused, 2 s after a write")
	ready(1, http.StatusServiceUnavailable, "refused, 3 s after a write")
	must(t, held.Rollback())
	ready(2, http.StatusServiceUnavailable, "over, 2 s after a refused write")
	ready(1, http.StatusOK, "over, 3 s after a refused write")
}

func TestStartStopStart(t *testing.T) {
	c := testConfig(t)
	for range 2 { // the second finds the first one's data
		s, err := Start(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"/livez": 200, "/readyz": 200, "/apis/bos/v2/healthz": 200, "/apis/cfs/healthz": 200, "/apis/smd/hsm/v2/service/ready": 200,
			"/apis/power-control/v1/health": 200, "/apis/bss/boot/v1/service/status": 200, "/apis/ims/v3/images": 200,
			"/apis/tapms/v1alpha3/tenants": 200, "/apis/bos/openapi.json": 200, "/apis/drover/v1/nodes/x0c0s0b0n0/journal": 200, "/nowhere": 404,
		} {
			resp, err := http.Get(s.URL() + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
			}
		}
		if _, err := Start(t.Context(), c, Options{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second server on the same data: %v, want a conflict", err)
		}
		if url, err := os.ReadFile(filepath.Join(c.Data, "url")); err != nil || strings.TrimSpace(string(url)) != s.URL() {
			t.Errorf("url file has %q, %v", url, err)
		}
		s.Stop()
		if _, err := os.Stat(filepath.Join(c.Data, "url")); !os.IsNotExist(err) {
			t.Errorf("url file after the stop: %v", err)
		}
	}
}

func TestFailedStartReleasesWhatItTook(t *testing.T) {
	c := testConfig(t)
	first, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	taken := testConfig(t)
	taken.Listen = strings.TrimPrefix(first.URL(), "http://")
	if _, err := Start(t.Context(), taken, Options{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("listening on a taken port: %v", err)
	}
	first.Stop()
	again, err := Start(t.Context(), taken, Options{})
	if err != nil {
		t.Fatalf("the next start: %v", err)
	}
	again.Stop()
}

func TestAFailedStartNamesTheSettingThatIsWrong(t *testing.T) {
	for says, wrong := range map[string]func(*Config){
		"s3-endpoint": func(c *Config) { c.S3Endpoint, c.S3AccessKey, c.S3SecretKey = "http://127.0.0.1:1", "a", "b" },
		"hsm-roles":   func(c *Config) { c.Roles = []string{"two words"} },
	} {
		c := testConfig(t)
		wrong(&c)
		if _, err := Start(t.Context(), c, Options{}); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%v; want it to begin with %s", err, says)
		}
	}
}

func TestEventsTellOfChanges(t *testing.T) {
	hub := events.NewHub() // nobody else changes anything
	for name, tables := range map[string][]string{"of a session": watched, "of nodes": rosterTables} {
		front := httptest.NewServer(changeEvents(hub, t.Context().Done(), tables...))
		defer front.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		const event = "data: {}\n\n"
		for i := range len(tables) + 1 { // one to begin with, one for each change
			if i > 0 {
				hub.Changed(tables[i-1], []string{"x"})
			}
			got := make([]byte, len(event))
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != event {
				t.Fatalf("%s, change %d: read %q, %v", name, i, got, err)
			}
		}
	}
}

func TestFleetThatGrewAndMoved(t *testing.T) {
	c := testConfig(t)
	c.Simulate = 2
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	port := filepath.Join(c.Data, "sim", "bmc.port") // as if the old one were taken
	if err := os.Remove(port); err != nil {
		t.Fatal(err)
	}
	c.Simulate = 3
	if s, err = Start(t.Context(), c, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	want := map[string]string{}
	for _, b := range s.Fleet().BMCs() {
		want[b.Xname] = b.Address
	}
	endpoints, err := s.platform.hsm.RedfishEndpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range endpoints {
		got[e.ID] = e.FQDN
	}
	if !maps.Equal(got, want) {
		t.Errorf("HSM has the BMCs at %v, they are at %v", got, want)
	}
}

// What a BMC keeps of a node's console is read through it.
func TestConsole(t *testing.T) {
	c := testConfig(t)
	c.Simulate = 1
	s, err := Start(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	node := s.Fleet().Nodes()[0]
	node.Reset(bmc.ForceOff)
	sub := s.hub.Subscribe(hsm.ComponentEndpointsTable)
	defer sub.Close()
	var console struct{ Lines []string }
	for {
		resp, err := http.Get(s.URL() + "/apis/drover/v1/nodes/" + node.Xname() + "/console")
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			err = json.NewDecoder(resp.Body).Decode(&console)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		resp.Body.Close()
		select { // until it is discovered
		case <-sub.Ready():
			sub.Take()
		case <-time.After(time.Minute):
			t.Fatalf("GET console: %s", resp.Status)
		}
	}
	if !slices.Contains(console.Lines, "BMC was asked for ForceOff") {
		t.Errorf("console %q", console.Lines)
	}
	resp, err := http.Get(s.URL() + "/apis/drover/v1/nodes/x9c0s0b0n0/console")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusNotFound || !strings.Contains(string(text), "discover it first") {
		t.Errorf("a node that nobody knows: %s %s", resp.Status, text)
	}
}
