package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/simulate"
)

// contender reboots its fleet: a server with all that belongs to it, or the
// bare program.
type contender interface {
	start(ctx context.Context) error
	boot(ctx context.Context) error
	reboot(ctx context.Context) (cost, error)
	heap() (uint64, error)
	stop()
}

// cost is what one reboot took.
type cost struct {
	took             time.Duration
	own, fleet       proc.Usage
	written, decoded float64 // rows; written is below 0 where the revision does not tell
	requests         float64 // of nodes
	bmcRequests      float64
	bmcConnections   float64
	resident         uint64
	heap             uint64 // of the last round
}

// rest follows the end of a reboot and is counted with it: what a server does
// in its own time shall not go unseen.
const rest = time.Second

// alone is the number of nodes from which on contenders do not live at the same
// time, for memory.
const alone = 50_000

// reboot measures the reboot with configuration of n nodes that run, of each
// build against the bare program, in rounds that take turns.
func reboot(n int) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		rounds := b.rounds
		if rounds == 0 {
			rounds = max(1, min(9, 30_000/n))
		}
		contenders := []contender{&bareSide{nodes: n}}
		for _, build := range b.builds {
			contenders = append(contenders, &droverSide{build: build, nodes: n, name: fmt.Sprintf("reboot-%d", n)})
		}
		costs, err := compete(ctx, contenders, rounds, n >= alone)
		if err != nil {
			return err
		}
		for i, build := range b.builds {
			if err := b.print(rebootRow(fmt.Sprintf("reboot-%d", n), build.name, n, costs[i+1], costs[0])); err != nil {
				return err
			}
		}
		return nil
	}
}

// compete has the contenders reboot their fleets and returns the costs of each.
func compete(ctx context.Context, contenders []contender, rounds int, alone bool) ([][]cost, error) {
	costs := make([][]cost, len(contenders))
	groups := [][]int{nil}
	for i := range contenders {
		if alone && i > 0 {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], i)
	}
	for _, group := range groups {
		if err := together(ctx, contenders, group, rounds, costs); err != nil {
			return nil, err
		}
	}
	return costs, nil
}

func together(ctx context.Context, contenders []contender, group []int, rounds int, costs [][]cost) error {
	for _, i := range group {
		if err := contenders[i].start(ctx); err != nil {
			return err
		}
		defer contenders[i].stop()
		if err := contenders[i].boot(ctx); err != nil {
			return err
		}
	}
	for range rounds {
		for _, i := range group {
			c, err := contenders[i].reboot(ctx)
			if err != nil {
				return err
			}
			costs[i] = append(costs[i], c)
		}
	}
	// Not after each round: a collection that nobody needs has Go give memory back, and the next round ask for it again.
	for _, i := range group {
		var err error
		if costs[i][rounds-1].heap, err = contenders[i].heap(); err != nil {
			return err
		}
	}
	return nil
}

// median is that of the rounds.
func median(of []cost, what func(cost) float64) float64 {
	list := make([]float64, len(of))
	for i, c := range of {
		list[i] = what(c)
	}
	return middle(list)
}

// ownCPU is the milliseconds of a reboot, a node.
func ownCPU(costs []cost, nodes int) float64 {
	return median(costs, func(c cost) float64 { return c.own.CPU.Seconds() * 1000 / float64(nodes) })
}

func rebootRow(name, build string, nodes int, costs, bare []cost) row {
	r := row{name: name, build: build, goal: "own over bare <= 1.8 at 1,000, <= 2.0 at 10,000"}
	r.add("own_over_bare", ownCPU(costs, nodes)/ownCPU(bare, nodes))
	r.add("own_cpu_ms_per_node", ownCPU(costs, nodes))
	r.add("bare_cpu_ms_per_node", ownCPU(bare, nodes))
	r.add("fleet_cpu_ms_per_node", median(costs, func(c cost) float64 { return c.fleet.CPU.Seconds() * 1000 / float64(nodes) }))
	r.values = append(r.values, countsRow("", "", nodes, costs).values...)
	r.add("heap_mb", float64(costs[len(costs)-1].heap)/1e6)
	r.add("resident_mb", median(costs, func(c cost) float64 { return float64(c.resident) / 1e6 }))
	r.add("seconds", median(costs, func(c cost) float64 { return c.took.Seconds() }))
	r.add("rounds", float64(len(costs)))
	return r
}

// countsRow is what of a reboot can be counted, whatever the machine.
func countsRow(name, build string, nodes int, costs []cost) row {
	r := row{name: name, build: build}
	for _, v := range []struct {
		name string
		of   func(cost) float64
	}{
		{"allocations_per_node", func(c cost) float64 { return float64(c.own.Allocations) }},
		{"bytes_per_node", func(c cost) float64 { return float64(c.own.Bytes) }},
		{"rows_written_per_node", func(c cost) float64 { return c.written }},
		{"rows_decoded_per_node", func(c cost) float64 { return c.decoded }},
		{"requests_per_node", func(c cost) float64 { return c.requests }},
		{"bmc_requests_per_node", func(c cost) float64 { return c.bmcRequests }},
		{"bmc_connections_per_node", func(c cost) float64 { return c.bmcConnections }},
	} {
		if x := median(costs, v.of); x >= 0 { // older revisions do not tell of rows
			r.add(v.name, x/float64(nodes))
		}
	}
	return r
}

// droverSide is a build of Drover.
type droverSide struct {
	build build
	nodes int
	name  string // of the row
	setup setup
	*lab
}

func (d *droverSide) start(ctx context.Context) (err error) {
	d.lab, err = startLab(ctx, d.build, d.nodes, d.setup)
	return err
}

func (d *droverSide) boot(ctx context.Context) error {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	_, err := d.session(ctx, "boot")
	return err
}

func (d *droverSide) reboot(ctx context.Context) (cost, error) {
	stop, err := d.profile(d.name)
	if err != nil {
		return cost{}, err
	}
	before, err := d.look()
	if err != nil {
		return cost{}, err
	}
	took, err := d.session(ctx, "reboot")
	if err != nil {
		return cost{}, err
	}
	time.Sleep(rest)
	if err := d.settled(); err != nil {
		return cost{}, err
	}
	c, err := d.look()
	if err != nil {
		return cost{}, err
	}
	if err := stop(); err != nil {
		return cost{}, err
	}
	c = c.minus(before)
	c.took = took
	if c.resident, err = d.server.Resident(); err != nil {
		return cost{}, err
	}
	return c, nil
}

// heap is what is in use after a collection.
func (d *droverSide) heap() (bytes uint64, err error) {
	return bytes, d.server.Ask("collect", nil, &bytes)
}

// look is what everything has cost so far.
func (l *lab) look() (c cost, err error) {
	if c.own, err = l.server.Usage(); err != nil {
		return c, err
	}
	if l.second != nil {
		its, err := l.second.Usage()
		if err != nil {
			return c, err
		}
		c.own = c.own.Plus(its)
	}
	if c.fleet, err = l.fleet.Usage(); err != nil {
		return c, err
	}
	rows, err := l.rows()
	if err != nil {
		return c, err
	}
	c.written, c.decoded = -1, -1
	if rows != nil {
		c.written, c.decoded = rows.Written, rows.Decoded
	}
	n, err := l.fleet.counters()
	c.requests, c.bmcRequests, c.bmcConnections = float64(n.Requests), float64(n.BMCRequests), float64(n.BMCConnections)
	return c, err
}

// rows are those that the server's database has written and decoded; nil where the revision does not tell.
func (l *lab) rows() (rows *struct{ Written, Decoded, Unsettled float64 }, err error) {
	err = l.server.Ask("rows", nil, &rows)
	return rows, err
}

// settled returns once the server has written to the rows of its tables what it has
// committed, which counts with what it was asked for.
func (l *lab) settled() error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		rows, err := l.rows()
		if err != nil || rows == nil || rows.Unsettled == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%.0f bytes of changes do not stand in their tables after a minute", rows.Unsettled)
		}
	}
}

func (c cost) minus(b cost) cost {
	told := c.written >= 0
	c.own, c.fleet = c.own.Minus(b.own), c.fleet.Minus(b.fleet)
	if told {
		c.written, c.decoded = c.written-b.written, c.decoded-b.decoded
	}
	c.requests, c.bmcRequests, c.bmcConnections = c.requests-b.requests, c.bmcRequests-b.bmcRequests, c.bmcConnections-b.bmcConnections
	return c
}

// profile writes CPU profiles of what follows, of the server and of the fleet,
// if the flag asks for them.
func (l *lab) profile(name string) (stop func() error, err error) {
	if profiles == "" {
		return func() error { return nil }, nil
	}
	for what, p := range l.processes() {
		file := filepath.Join(profiles, name+"-"+what+"-"+l.build.name+".cpu")
		if err := p.Ask("profile", proc.Profile{CPU: file}, nil); err != nil {
			return nil, err
		}
	}
	return func() error {
		for what, p := range l.processes() {
			if err := p.Ask("profile", proc.Profile{}, nil); err != nil {
				return err
			}
			file := filepath.Join(profiles, name+"-"+what+"-"+l.build.name+".heap")
			if err := p.Ask("profile", proc.Profile{Heap: file}, nil); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (l *lab) processes() map[string]*proc.Process {
	list := map[string]*proc.Process{"server": l.server}
	if l.fleet != nil {
		list["fleet"] = l.fleet.Process
	}
	return list
}

// bareSide is the bare program with a fleet of its own.
type bareSide struct {
	nodes   int
	dir     string
	program *proc.Process
	fleet   *fleet
}

func (b *bareSide) start(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "drover-bench-"); err != nil {
		return err
	}
	var url string
	if b.program, err = startRole(ctx, "bare", struct{}{}, &url); err != nil {
		return err
	}
	if b.fleet, err = startFleet(ctx, simulate.Config{Nodes: b.nodes, Dir: b.dir, Way: simulate.Way{Gateway: url}, Unannounced: true}); err != nil {
		return err
	}
	bmcs, err := b.fleet.bmcs()
	if err != nil {
		return err
	}
	return b.program.Ask("bmcs", bmcs, nil)
}

func (b *bareSide) boot(context.Context) error { return b.program.Ask("boot", nil, nil) }

func (b *bareSide) reboot(context.Context) (c cost, err error) {
	before, err := b.program.Usage()
	if err != nil {
		return c, err
	}
	start := time.Now()
	if err := b.program.Ask("reboot", nil, nil); err != nil {
		return c, err
	}
	c.took = time.Since(start)
	time.Sleep(rest)
	c.own, err = b.program.Usage()
	c.own = c.own.Minus(before)
	return c, err
}

func (b *bareSide) heap() (uint64, error) { return 0, nil } // no row tells of it

func (b *bareSide) stop() {
	if b.fleet != nil {
		b.fleet.Stop()
	}
	if b.program != nil {
		b.program.Stop()
	}
	os.RemoveAll(b.dir)
}
