package server

import (
	"testing"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The collector rests while the server is busy and there is memory, and what
// that took is given back once.
func TestCollectorRunsLessOftenWhileBusy(t *testing.T) {
	const mb = 1 << 20
	at, allocated := time.Unix(1_000_000, 0), uint64(0)
	p := pacer{limit: 2000 * mb, looked: at}
	for i, step := range []struct {
		wait, grown, live uint64 // seconds and MiB
		percent           int
		release           bool
	}{
		{wait: 1, grown: 50, live: 40, percent: 300},
		{wait: 1, grown: 50, live: 400, percent: 150}, // half of the limit is for garbage
		{wait: 1, grown: 250, live: 400, percent: 150},
		{wait: 1, grown: 500, live: 900, percent: 100},
		{wait: 1, grown: 50, live: 100, percent: 300},
		{wait: 14, grown: 1, live: 100, percent: 300},
		{wait: 1, grown: 1, live: 100, percent: 100, release: true},
		{wait: 1, grown: 1, live: 100, percent: 100},
		{wait: 60, grown: 8, live: 100, percent: 100},
		{wait: 1, grown: 50, live: 100, percent: 100}, // a look at all nodes
		{wait: 1, grown: 50, live: 100, percent: 300},
		{wait: 15, grown: 50, live: 100, percent: 100, release: true},
		{wait: 15, grown: 50, live: 100, percent: 100},
	} {
		at = at.Add(time.Duration(step.wait) * time.Second)
		allocated += step.grown * mb
		if percent, release := p.look(at, allocated, step.live*mb); percent != step.percent || release != step.release {
			t.Errorf("step %d: %d%%, release %t; want %d%%, %t", i, percent, release, step.percent, step.release)
		}
	}
}

func TestMemoryLimitIsWhatIsConfiguredOrPartOfWhatThereIs(t *testing.T) {
	if got := (&Config{MemoryLimit: 100}).Memory(); got != 100<<20 {
		t.Errorf("100 MiB are %d bytes", got)
	}
	total, err := memlimit.FromSystem()
	if err != nil {
		t.Fatal(err)
	}
	if got := uint64((&Config{}).Memory()); got < leastMemory<<20 || got > total/2 {
		t.Errorf("%d of %d bytes", got, total)
	}
}
