package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/sim"
)

// firstPowerOn measures from the POST of a session to the first reset that
// reaches a BMC, for 4 nodes, the median of several.
func firstPowerOn(ctx context.Context, b *bench) error {
	return b.onEach(ctx, 4, setup{}, func(l *lab) (row, error) {
		r := row{name: "first-power-on", build: l.build.name, goal: "ms <= 100"}
		first, err := l.firstPowerOn(ctx)
		r.add("ms", first.Seconds()*1000)
		return r, err
	})
}

func (l *lab) firstPowerOn(ctx context.Context) (time.Duration, error) {
	if err := l.prepare(ctx); err != nil {
		return 0, err
	}
	var times []time.Duration
	for range 5 {
		start := time.Now()
		if _, err := l.session(ctx, "boot"); err != nil {
			return 0, err
		}
		var resets []sim.ResetRecord
		if err := l.fleet.Ask("resets", nil, &resets); err != nil {
			return 0, err
		}
		first := time.Time{}
		for _, r := range resets {
			if r.Type == "On" && r.Time.After(start) && (first.IsZero() || r.Time.Before(first)) {
				first = r.Time
			}
		}
		times = append(times, first.Sub(start))
		if _, err := l.session(ctx, "shutdown"); err != nil {
			return 0, err
		}
	}
	return middle(times), nil
}

// powerTransition measures one transition over 10,000 BMCs against the same
// requests by a bare client: each turns off nodes that are on and at rest.
func powerTransition(ctx context.Context, b *bench) error {
	const n = 10_000
	// What finds nothing to boot shall not ask again while this measures.
	return b.onEach(ctx, n, setup{pace: 1000}, func(l *lab) (row, error) { return l.powerTransition(ctx) })
}

func (l *lab) powerTransition(ctx context.Context) (row, error) {
	r := row{name: "power-transition", build: l.build.name, goal: "elapsed over bare <= 1.5"}
	bmcs, err := l.fleet.bmcs()
	if err != nil {
		return r, err
	}
	if err := l.powerOnAll(ctx, bmcs); err != nil {
		return r, err
	}
	stop, err := l.profile(r.name)
	if err != nil {
		return r, err
	}
	before, err := l.look()
	if err != nil {
		return r, err
	}
	start := time.Now()
	if err := l.forceOffAll(ctx, bmcs); err != nil {
		return r, err
	}
	took := time.Since(start)
	after, err := l.look()
	if err != nil {
		return r, err
	}
	if err := stop(); err != nil {
		return r, err
	}
	if err := l.powerOnAll(ctx, bmcs); err != nil {
		return r, err
	}
	used := proc.OwnCPU()
	bare, err := bareResets(ctx, bmcs, "ForceOff")
	if err != nil {
		return r, err
	}
	used = proc.OwnCPU() - used
	cost := after.minus(before)
	r.add("elapsed_over_bare", ratio(took, bare))
	r.add("own_over_bare", ratio(cost.own.CPU, used))
	r.add("own_cpu_ms_per_node", cost.own.CPU.Seconds()*1000/float64(len(bmcs)))
	r.add("bmc_requests_per_node", cost.bmcRequests/float64(len(bmcs)))
	r.add("bmc_connections_per_node", cost.bmcConnections/float64(len(bmcs)))
	r.add("seconds", took.Seconds())
	return r, nil
}

// forceOffAll has one transition turn all nodes off and waits for its end.
func (l *lab) forceOffAll(ctx context.Context, bmcs []bmc.Account) error {
	type location struct {
		Xname string `json:"xname"`
	}
	var locations []location
	for _, b := range bmcs {
		locations = append(locations, location{b.Xname + "n0"})
	}
	where, err := json.Marshal(locations)
	if err != nil {
		return err
	}
	var t struct{ TransitionID string }
	if err := l.call(ctx, http.MethodPost, "/apis/power-control/v1/transitions", fmt.Sprintf(`{"operation":"Force-Off","location":%s}`, where), &t); err != nil {
		return err
	}
	return l.closely(ctx, "the transition is complete", func() (bool, error) {
		var all struct {
			Transitions []struct {
				TransitionID, TransitionStatus string
				TaskCounts                     struct{ Succeeded int }
			}
		}
		err := l.get(ctx, "/apis/power-control/v1/transitions", &all) // without the 10,000 tasks
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
func (l *lab) powerOnAll(ctx context.Context, bmcs []bmc.Account) error {
	if _, err := bareResets(ctx, bmcs, "On"); err != nil {
		return err
	}
	return l.until(ctx, "the nodes rest", func() (bool, error) {
		before, err := l.fleet.Usage()
		if err != nil {
			return false, err
		}
		time.Sleep(500 * time.Millisecond)
		after, err := l.fleet.Usage()
		return after.CPU-before.CPU < 50*time.Millisecond, err
	})
}

// bareResets sends what a transition sends: a look, a reset, a look.
func bareResets(ctx context.Context, bmcs []bmc.Account, kind string) (time.Duration, error) {
	driver := redfish.New(512)
	defer driver.Close()
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
