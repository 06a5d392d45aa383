package server

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// leastMemory is the lowest limit that is taken, in MiB.
const leastMemory = 64

// Memory is the limit in bytes: what is configured, else half of what there is.
// The other half is for the programs that sessions and jobs are, and for files.
func (c *Config) Memory() int64 {
	if c.MemoryLimit > 0 {
		return c.MemoryLimit << 20
	}
	least := uint64(math.MaxInt64)
	for _, has := range []memlimit.Provider{memlimit.FromCgroup, memlimit.FromSystem} {
		if n, err := has(); err == nil && n > 0 { // an error: no limit
			least = min(least, n/2)
		}
	}
	return int64(max(least, leastMemory<<20))
}

// The collector's percentages, which are Go's GOGC: how much may be allocated
// before it runs again, in percent of what is in use.
const (
	restingPercent = 100
	busyPercent    = 300
)

// restAfter is how long a server has not been busy when it is at rest.
const restAfter = 15 * time.Second

// restRate is what a server at rest allocates in a second at most, on average: the
// collector hardly ever runs for it.
func restRate(live uint64) uint64 { return max(8<<20, live/64) }

// restBurst is how much more it may have allocated at once. All nodes are looked at
// every half a minute, which takes a moment and some kilobytes each.
func restBurst(live uint64) uint64 { return max(32<<20, live/2) }

// KeepMemory has the garbage collector run less often while the process is
// busy, as far as memory is there, until the function that it returns is
// called: limit, in bytes, is what Go's runtime is to stay below, and up to half
// of it may be garbage. What a busy time took is given back at rest. GOGC and
// GOMEMLIMIT in the environment win.
func KeepMemory(limit int64) (stop func()) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&pacer{limit: uint64(limit), looked: time.Now()}).run(ctx)
	}()
	return func() { cancel(); <-done }
}

// pacer decides how often the collector runs.
type pacer struct {
	limit uint64

	looked    time.Time
	allocated uint64 // until then
	above     uint64 // what was allocated that is above the rate of rest
	busy      time.Time
	percent   int
}

func (p *pacer) run(ctx context.Context) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			metrics.Read(samples)
			before := p.percent
			percent, release := p.look(now, samples[0].Value.Uint64(), samples[1].Value.Uint64())
			if percent != before {
				debug.SetGCPercent(percent)
			}
			if release {
				debug.FreeOSMemory()
			}
		}
	}
}

// look returns the percentage that is right now, and whether what is free is to
// be given back. allocated is what the process ever allocated, live what the
// last collection found in use.
func (p *pacer) look(now time.Time, allocated, live uint64) (percent int, release bool) {
	p.above += allocated - p.allocated
	p.above -= min(p.above, uint64(now.Sub(p.looked).Seconds()*float64(restRate(live))))
	p.looked, p.allocated = now, allocated
	if most := restBurst(live); p.above > most {
		p.above, p.busy = most, now
	}
	was := p.percent
	switch {
	case now.Sub(p.busy) < restAfter:
		p.percent = busyPercent
		if most := p.limit / 2; live > 0 {
			room := most - min(most, live)
			p.percent = int(min(busyPercent, max(restingPercent, 100*room/live)))
		}
	default:
		p.percent = restingPercent
	}
	return p.percent, was > restingPercent && p.percent == restingPercent && now.Sub(p.busy) >= restAfter
}
