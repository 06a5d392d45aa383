package node_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/node"
)

func TestParseCommandLine(t *testing.T) {
	for _, c := range []struct {
		line string
		want node.Identity
	}{
		{"console=ttyS0 xname=x1c0s0b0n0 nid=1 bss_referral_token=t-1 bos_update_frequency=2h",
			node.Identity{Xname: "x1c0s0b0n0", Token: "t-1", Update: "2h"}},
		{"xname=a xname=b", node.Identity{Xname: "b"}},
		{"noxname=a quiet", node.Identity{}},
		{"", node.Identity{}},
	} {
		if got := node.ParseCommandLine(c.line); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.line, got, c.want)
		}
	}
}

func TestBOSPeriod(t *testing.T) {
	for update, want := range map[string]time.Duration{"4h": 3 * time.Hour, "20m": 15 * time.Minute, "1d": 18 * time.Hour, "4s": 3 * time.Second,
		"": 3 * time.Hour, "h": 3 * time.Hour, "0h": 3 * time.Hour, "-1h": 3 * time.Hour, "4y": 3 * time.Hour, "99999999999999999w": 3 * time.Hour} {
		if got := (node.Identity{Update: update}).BOSPeriod(); got != want {
			t.Errorf("%q: %v, want %v", update, got, want)
		}
	}
}

// services answers a node's calls and notes when they came.
type services struct {
	mu     sync.Mutex
	calls  []string
	times  map[string][]time.Duration
	start  time.Time
	refuse map[string]int // by prefix: how many more to refuse
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	path := r.Method + " " + r.URL.RequestURI()
	s.calls = append(s.calls, path+" "+string(body)+r.Header.Get("Authorization"))
	s.times[path] = append(s.times[path], time.Since(s.start))
	if s.refuse[path] > 0 {
		s.refuse[path]--
		w.WriteHeader(http.StatusConflict)
		return
	}
	if strings.Contains(path, "meta-data") {
		io.WriteString(w, `"ssh-ed25519 AAAA ca\n"`)
	}
}

const (
	bos   = "PATCH /apis/bos/v2/components/x1c0s0b0n0"
	cfs   = "PATCH /apis/cfs/v3/components/x1c0s0b0n0"
	hsm   = "PATCH /apis/smd/hsm/v2/State/Components/x1c0s0b0n0/StateData"
	trust = "GET /apis/bss/meta-data?key=Global.cfs_public_key"
)

func TestDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &services{times: map[string][]time.Duration{}, start: time.Now(), refuse: map[string]int{bos: 2, cfs: 1, trust: 2}}
		var trusted string
		d := &node.Daemon{Random: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
			Trusted: func(key string) error { trusted = key; return nil },
			Agent: node.Agent{Identity: node.Identity{Xname: "x1c0s0b0n0", Token: "t-1", Update: "4h"}, Gateway: "http://gw",
				HTTP:   &http.Client{Transport: httpapi.Local(s)},
				Bearer: func(context.Context) (string, error) { return "secret", nil }}}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Hour)
		defer cancel()
		if err := d.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
		synctest.Wait()
		const hour = time.Hour
		for call, want := range map[string][]time.Duration{
			hsm:   {0},
			bos:   {0, 2 * time.Second, 6 * time.Second, 6*time.Second + 3*hour/2, 6*time.Second + 9*hour/2, 6*time.Second + 15*hour/2},
			trust: {0, time.Second, 3 * time.Second},
			cfs:   {3 * time.Second, 5 * time.Second},
		} {
			if got := s.times[call]; !slices.Equal(got, want) {
				t.Errorf("%s came at %v, want %v", call, got, want)
			}
		}
		for _, want := range []string{
			bos + ` {"id":"x1c0s0b0n0","actual_state":{"bss_token":"t-1"}}Bearer secret`,
			cfs + ` {"state":[],"enabled":true}Bearer secret`,
			hsm + ` {"State":"Ready","Flag":"OK"}Bearer secret`,
		} {
			if !slices.Contains(s.calls, want) {
				t.Errorf("no call %s in %q", want, s.calls)
			}
		}
		if trusted != "ssh-ed25519 AAAA ca" {
			t.Errorf("trusted %q", trusted)
		}
	})
}

func TestDaemonNeedsAName(t *testing.T) {
	d := &node.Daemon{}
	if err := d.Run(t.Context()); !errors.Is(err, node.ErrNoIdentity) {
		t.Error(err)
	}
}

func TestLeaseOfAnUnknownInterface(t *testing.T) {
	var calls []string
	a := node.Agent{Gateway: "http://gw", HTTP: &http.Client{Transport: httpapi.Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, r.Method+" "+r.URL.Path+" "+string(body))
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusNotFound)
		}
	}))}}
	if err := a.LeaseAddress(t.Context(), "02:d0:00:00:00:01", "10.0.0.1"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`PATCH /apis/smd/hsm/v2/Inventory/EthernetInterfaces/02d000000001 {"IPAddresses":[{"IPAddress":"10.0.0.1"}]}`,
		`POST /apis/smd/hsm/v2/Inventory/EthernetInterfaces {"IPAddresses":[{"IPAddress":"10.0.0.1"}],"MACAddress":"02:d0:00:00:00:01"}`,
	}
	if !slices.Equal(calls, want) {
		t.Errorf("calls %q", calls)
	}
}

func TestAnswersThatAreNoKey(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"missing": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"empty":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `""`) },
	} {
		a := node.Agent{Gateway: "http://gw", HTTP: &http.Client{Transport: httpapi.Local(handler)}}
		if key, err := a.FetchTrust(t.Context()); err == nil {
			t.Errorf("%s: %q is taken for a key", name, key)
		}
	}
}
