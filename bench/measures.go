package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// reboot boots n nodes, then measures their reboot with configuration, and
// the memory of the idle process.
func reboot(ctx context.Context, n int, goal string) ([]row, error) {
	c, err := startCluster(ctx, n)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	boot, err := c.session(ctx, "boot")
	if err != nil {
		return nil, err
	}
	stop, err := profileCPU()
	if err != nil {
		return nil, err
	}
	began := cpuTime()
	again, err := c.session(ctx, "reboot")
	used := cpuTime() - began
	stop()
	if err != nil {
		return nil, err
	}
	memory, err := liveMemory()
	if err != nil {
		return nil, err
	}
	return []row{
		{fmt.Sprintf("boot and configure %d nodes that are off", n), seconds(boot), ""},
		{fmt.Sprintf("reboot and configure %d nodes", n), fmt.Sprintf("%s, %s of CPU a node", seconds(again), seconds(used/time.Duration(n))), goal},
		{fmt.Sprintf("memory, idle, %d nodes, the simulated fleet included", n), fmt.Sprintf("%d MB", memory), "<= 200 MB at 10,000"},
	}, nil
}

// firstPowerOn measures from the POST of a session to the first reset that
// reaches a BMC, for 4 nodes, the median of several.
func firstPowerOn(ctx context.Context) ([]row, error) {
	c, err := startCluster(ctx, 4)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	var times []time.Duration
	for range 5 {
		start := time.Now()
		if _, err := c.session(ctx, "boot"); err != nil {
			return nil, err
		}
		first := time.Time{}
		for _, n := range c.server.Fleet().Nodes() {
			for _, r := range n.Resets() {
				if r.Type == "On" && r.Time.After(start) && (first.IsZero() || r.Time.Before(first)) {
					first = r.Time
				}
			}
		}
		times = append(times, first.Sub(start))
		if _, err := c.session(ctx, "shutdown"); err != nil {
			return nil, err
		}
	}
	slices.Sort(times)
	return []row{{"session POST to first power-on, 4 nodes", seconds(times[len(times)/2]), "<= 100 ms"}}, nil
}

// components measures list and patch of 10,000 against encoding and decoding
// the same JSON.
func components(ctx context.Context) ([]row, error) {
	const n = 10_000
	c, err := startCluster(ctx, n)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	const path = "/apis/bos/v2/components"
	var listed []map[string]any
	list, err := median(5, func() error { return c.get(ctx, path, &listed) })
	if err != nil {
		return nil, err
	}
	var text []byte
	plainList, err := median(5, func() error {
		if text, err = json.Marshal(listed); err != nil {
			return err
		}
		return json.Unmarshal(text, &[]map[string]any{})
	})
	if err != nil {
		return nil, err
	}
	rows, err := patchComponents(ctx, c, path, listed)
	return append([]row{{"list 10,000 components", fmt.Sprintf("%s, %.1fx of the same JSON in memory", seconds(list), ratio(list, plainList)), "<= 2x"}}, rows...), err
}

// patchComponents measures the patch of all that were listed in one call.
func patchComponents(ctx context.Context, c *cluster, path string, listed []map[string]any) ([]row, error) {
	patches := make([]map[string]any, len(listed))
	for i, l := range listed {
		patches[i] = map[string]any{"id": l["id"], "error": "patched", "desired_state": map[string]any{"configuration": "c",
			"boot_artifacts": map[string]string{"kernel": strings.Repeat("k", 80), "kernel_parameters": strings.Repeat("p", 400), "initrd": strings.Repeat("i", 80)}}}
	}
	body, err := json.Marshal(patches)
	if err != nil {
		return nil, err
	}
	var answer []map[string]any
	stop, err := profileCPU()
	if err != nil {
		return nil, err
	}
	patch, err := median(5, func() error {
		_, err := c.api.Do(ctx, http.MethodPatch, path, nil, body, &answer)
		return err
	})
	stop()
	if err != nil {
		return nil, err
	}
	plainPatch, err := median(5, func() error {
		if err := json.Unmarshal(body, &[]map[string]any{}); err != nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &[]map[string]any{})
	})
	if err != nil {
		return nil, err
	}
	return []row{
		{"patch 10,000 components in one call", fmt.Sprintf("%s, %.1fx of the same JSON in memory", seconds(patch), ratio(patch, plainPatch)), "<= 2x"},
	}, nil
}

// bootScripts measures how many boot scripts are served a second.
func bootScripts(ctx context.Context) ([]row, error) {
	const nodes, each, clients = 1000, 20_000, 8
	c, err := startCluster(ctx, nodes)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if _, err := c.session(ctx, "boot"); err != nil {
		return nil, err
	}
	fleet := c.server.Fleet().Nodes()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	start := time.Now()
	var g errgroup.Group
	for w := range clients {
		g.Go(func() error {
			for i := range each / clients {
				resp, err := client.Get(c.server.URL() + "/apis/bss/boot/v1/bootscript?mac=" + fleet[(w+i*clients)%nodes].MAC())
				if err != nil {
					return err
				}
				if err := drain(resp); err != nil || resp.StatusCode != 200 {
					return fmt.Errorf("boot script: %d, %w", resp.StatusCode, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	rate := each / time.Since(start).Seconds()
	return []row{{"boot scripts served, client on the same cores", fmt.Sprintf("%.0f/s", rate), ">= 20000/s"}}, nil
}

// powerTransition measures one transition over 10,000 BMCs against the same
// requests by a bare client: each turns off nodes that are on and at rest.
func powerTransition(ctx context.Context) ([]row, error) {
	const n = 10_000
	// What finds nothing to boot shall not ask again while this measures.
	c, err := startCluster(ctx, n, func(o *sim.Options) { o.Pace = 1000 })
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if err := c.powerOnAll(ctx); err != nil {
		return nil, err
	}
	stop, err := profileCPU()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := c.forceOffAll(ctx); err != nil {
		return nil, err
	}
	took := time.Since(start)
	stop()
	if err := c.powerOnAll(ctx); err != nil {
		return nil, err
	}
	bare, err := bareResets(ctx, c, "ForceOff")
	if err != nil {
		return nil, err
	}
	return []row{{"one power transition (Force-Off) over 10,000 BMCs",
		fmt.Sprintf("%s, %.1fx of a bare client's same requests", seconds(took), ratio(took, bare)), "<= 1.5x"}}, nil
}

// forceOffAll has one transition turn all nodes off and waits for its end.
func (c *cluster) forceOffAll(ctx context.Context) error {
	type location struct {
		Xname string `json:"xname"`
	}
	var locations []location
	for _, node := range c.server.Fleet().Nodes() {
		locations = append(locations, location{node.Xname()})
	}
	where, err := json.Marshal(locations)
	if err != nil {
		return err
	}
	var t struct{ TransitionID string }
	if err := c.call(ctx, http.MethodPost, "/apis/power-control/v1/transitions", fmt.Sprintf(`{"operation":"Force-Off","location":%s}`, where), &t); err != nil {
		return err
	}
	return c.until(ctx, "the transition is complete", func() (bool, error) {
		var all struct {
			Transitions []struct {
				TransitionID, TransitionStatus string
				TaskCounts                     struct{ Succeeded int }
			}
		}
		err := c.get(ctx, "/apis/power-control/v1/transitions", &all) // without the 10,000 tasks
		for _, now := range all.Transitions {
			if now.TransitionID == t.TransitionID && now.TransitionStatus == "completed" {
				if now.TaskCounts.Succeeded != len(locations) {
					err = fmt.Errorf("%d of %d tasks succeeded", now.TaskCounts.Succeeded, len(locations))
				}
				return true, err
			}
		}
		return false, err
	})
}

// powerOnAll turns the nodes on and waits until they have done all they do
// without an image to boot.
func (c *cluster) powerOnAll(ctx context.Context) error {
	if _, err := bareResets(ctx, c, "On"); err != nil {
		return err
	}
	return c.until(ctx, "the nodes rest", func() (bool, error) {
		before := cpuTime()
		time.Sleep(500 * time.Millisecond)
		return cpuTime()-before < 50*time.Millisecond, nil
	})
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bareResets sends what a transition sends: a look, a reset, a look.
func bareResets(ctx context.Context, c *cluster, kind string) (time.Duration, error) {
	driver := redfish.New(512)
	bmcs := c.server.Fleet().BMCs()
	start := time.Now()
	var g errgroup.Group
	g.SetLimit(256)
	for _, b := range bmcs {
		g.Go(func() error {
			login := redfish.Login{Username: b.Username, Password: b.Password}
			const system = "/redfish/v1/Systems/Node0"
			for _, step := range []func() error{
				func() error { _, err := driver.PowerState(ctx, b.Address, login, system); return err },
				func() error {
					return driver.Reset(ctx, b.Address, login, system+"/Actions/ComputerSystem.Reset", kind)
				},
				func() error { _, err := driver.PowerState(ctx, b.Address, login, system); return err },
			} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(start), err
}

func median(n int, do func() error) (time.Duration, error) {
	var times []time.Duration
	for range n {
		start := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[n/2], nil
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
