package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	idleNodes  = 10_000
	idlePeriod = 30 * time.Second
)

// idle measures a server whose 10,000 nodes run and of whom nobody wants
// anything: its memory, and its CPU over half a minute, with the looks at the
// nodes' power that it has by default.
func idle(ctx context.Context, b *bench) error {
	for _, build := range b.builds {
		d := &droverSide{build: build, nodes: idleNodes, setup: setup{PollPower: idlePeriod}}
		if err := d.start(ctx); err != nil {
			return err
		}
		used, err := d.idle(ctx, idlePeriod)
		if err == nil {
			err = d.printIdle(b, used, idlePeriod)
		}
		if err == nil {
			err = d.printStatus(ctx, b)
		}
		d.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// idleTold measures the CPU where BMCs tell of changes of power, over a time in which
// most of them are looked at once.
func idleTold(ctx context.Context, b *bench) error {
	const period = 5 * time.Minute
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	d := &droverSide{build: b.builds[0], nodes: idleNodes, setup: setup{PollPower: idlePeriod, Listen: listen, BMCEvents: "http://" + listen}}
	if err := d.start(ctx); err != nil {
		return err
	}
	defer d.stop()
	if err := d.until(ctx, "all BMCs tell of changes", func() (bool, error) { return d.told(ctx) }); err != nil {
		return err
	}
	used, err := d.idle(ctx, period)
	if err != nil {
		return err
	}
	idle := row{name: "idle-events", build: d.build.name, goal: "cpu percent of a core <= 1"}
	idle.add("cpu_percent_of_a_core", 100*ratio(used, period))
	return b.print(idle)
}

// told tells whether the BMC of each node tells of changes.
func (d *droverSide) told(ctx context.Context) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.api.Base+"/metrics", nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return strings.Contains(string(text), fmt.Sprintf("\ndrover_pcs_bmcs_telling %d\n", d.nodes)), err
}

func (d *droverSide) idle(ctx context.Context, period time.Duration) (used time.Duration, err error) {
	if err := d.boot(ctx); err != nil {
		return 0, err
	}
	// What a boot leaves to be done is over by then.
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(period):
	}
	stop, err := d.profile("idle")
	if err != nil {
		return 0, err
	}
	before, err := d.server.Usage()
	if err != nil {
		return 0, err
	}
	time.Sleep(period)
	after, err := d.server.Usage()
	if err != nil {
		return 0, err
	}
	return after.CPU - before.CPU, stop()
}

func (d *droverSide) printIdle(b *bench, used, period time.Duration) error {
	resident, err := d.server.Resident()
	if err != nil {
		return err
	}
	var heap uint64
	if err := d.server.Ask("collect", nil, &heap); err != nil {
		return err
	}
	idle := row{name: "idle", build: d.build.name, goal: "cpu percent of a core <= 1"}
	idle.add("cpu_percent_of_a_core", 100*ratio(used, period))
	if err := b.print(idle); err != nil {
		return err
	}
	memory := row{name: "memory", build: d.build.name, goal: "in use <= 120 MB, resident <= 250 MB"}
	memory.add("in_use_mb", float64(heap)/1e6)
	memory.add("resident_mb", float64(resident)/1e6)
	return b.print(memory)
}
