package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// peak is the most memory that the server has had so far, in MiB.
func (c *cluster) peak() int {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.server.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		c.t.Fatalf("no VmHWM in %s", text)
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	return kib >> 10
}

// However many long bodies come at once, the server's memory is bounded: those
// without a token are not read, and of the others only so many are read together.
func TestAFloodOfBodiesTakesBoundedMemory(t *testing.T) {
	alone(t, "memory is looked at in one of them")
	const bodies, size, longest, room = 30, 30 << 20, 32, 64 // the last two in MiB, room being what is read together
	t.Parallel()
	c := prepare(t, []string{"--bulk-body", fmt.Sprint(longest)})
	c.binary = client // -race takes memory of its own
	c.start()
	body := bytes.Repeat([]byte(" "), size)
	flood := func(client *http.Client) (statuses map[int]int) {
		var all sync.WaitGroup
		var mu sync.Mutex
		statuses = map[int]int{}
		for range bodies {
			all.Go(func() {
				req, err := http.NewRequestWithContext(t.Context(), "PATCH", c.url()+"/apis/cfs/v3/components", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Expect", "100-continue") // so that a refusal comes before the body goes
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
			})
		}
		all.Wait()
		return statuses
	}
	rest := c.peak()
	wait := &http.Transport{ExpectContinueTimeout: c.patience}
	if got := flood(&http.Client{Transport: wait}); got[http.StatusUnauthorized] != bodies || c.peak() > rest+256 {
		t.Errorf("without a token: %v, the server had %d MiB and then %d", got, rest, c.peak())
	}
	got := flood(c.http())
	if got[http.StatusBadRequest] == 0 || got[http.StatusBadRequest]+got[http.StatusServiceUnavailable] != bodies {
		t.Errorf("with a token: %v, want each refused, some after they were read", got)
	}
	t.Logf("%d MiB, then at most %d: %v", rest, c.peak(), got)
	// A body is in memory two or three times while it grows, and a busy server lets
	// garbage come to three times what is in use.
	if most := rest + 16*room; c.peak() > most {
		t.Errorf("%d bodies of %d MiB took the server from %d to %d MiB, want %d at most", bodies, size>>20, rest, c.peak(), most)
	}
}
