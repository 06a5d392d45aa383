package sim_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
)

// crowded sends everybody away once from each address, for a second.
type crowded struct {
	next   http.Handler
	mu     sync.Mutex
	first  map[string]time.Time
	second map[string]time.Time
}

func (c *crowded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	_, known := c.first[r.URL.Path]
	if !known {
		c.first[r.URL.Path] = time.Now()
	} else if _, again := c.second[r.URL.Path]; !again {
		c.second[r.URL.Path] = time.Now()
	}
	c.mu.Unlock()
	if known {
		c.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func TestNodesComeBackWhenTheyAreToldTo(t *testing.T) {
	g := newGateway()
	c := &crowded{next: g, first: map[string]time.Time{}, second: map[string]time.Time{}}
	f := fleet(t, c, func(o *sim.Options) { o.Nodes = 1 })
	reset(t, f, 0, "On")
	eventually(t, "all reports", func() bool { return f.Counters().Reported == 1 })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range []string{"/apis/bss/boot/v1/bootscript", "/s3/kernel", "/apis/bos/v2/components/x1000c0s0b0n0", "/apis/cfs/v3/components/x1000c0s0b0n0",
		"/apis/smd/hsm/v2/State/Components/x1000c0s0b0n0/StateData", "/apis/bss/meta-data"} {
		if first, second := c.first[path], c.second[path]; first.IsZero() || second.Sub(first) < time.Second {
			t.Errorf("%s: asked at %v, again at %v", path, first, second)
		}
	}
}

func TestNodesThatWereOnBootAgainAfterAPowerFailure(t *testing.T) {
	g := newGateway()
	f := fleet(t, g, nil)
	for i := range 2 {
		reset(t, f, i, "On")
	}
	eventually(t, "two nodes' reports", func() bool { return f.Counters().Reported == 2 })
	f.PowerFailure()
	eventually(t, "their reports once more", func() bool { return g.count("GET /apis/bss/boot/v1/bootscript") == 4 && f.Counters().Reported == 2 })
	for i, n := range f.Nodes() {
		want := bmc.Off
		if i < 2 {
			want = bmc.On
		}
		if n.PowerState() != want || len(n.Resets()) > 1 {
			t.Errorf("%s is %s, resets %v", n.Xname(), n.PowerState(), n.Resets())
		}
	}
}
