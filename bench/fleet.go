package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"

	"github.com/drover-hpc/drover/bench/proc"
	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/sim"
	"github.com/drover-hpc/drover/internal/simulate"
)

// roles are what this program is when the bench starts it anew.
var roles = map[string]func(){"fleet": fleetRole, "bare": bareRole}

// playRole returns unless this process was started for a role.
func playRole() {
	if len(os.Args) == 3 && os.Args[1] == "role" && roles[os.Args[2]] != nil {
		roles[os.Args[2]]()
		os.Exit(0)
	}
}

// startRole starts this program in the role.
func startRole(ctx context.Context, role string, config, answer any) (*proc.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "role", role)
	cmd.Stderr = os.Stderr
	return proc.Start(role, cmd, config, answer, func(json.RawMessage) {})
}

// fleet is the simulated nodes, in a process of their own: what
// `drover simulate` runs, with nodes that take no time.
type fleet struct {
	*proc.Process
	control string
}

func startFleet(ctx context.Context, c simulate.Config) (*fleet, error) {
	c.Listen = "127.0.0.1:0"
	f := &fleet{}
	var err error
	f.Process, err = startRole(ctx, "fleet", c, &f.control)
	return f, err
}

func (f *fleet) counters() (c sim.Counters, err error) { return c, f.Ask("counters", nil, &c) }

func (f *fleet) bmcs() (list []bmc.Account, err error) { return list, f.Ask("bmcs", nil, &list) }

// macs are the addresses by which nodes ask for their boot scripts.
func (f *fleet) macs() (list []string, err error) { return list, f.Ask("macs", nil, &list) }

func fleetRole() {
	quiet()
	var c simulate.Config
	child, err := proc.NewChild(&c)
	if err != nil {
		return
	}
	s, err := simulate.Start(context.Background(), c)
	if err != nil {
		child.Fail(err)
		os.Exit(1)
	}
	child.Answer(s.Control(), map[string]proc.Operation{
		"counters":      func(json.RawMessage) (any, error) { return s.Fleet.Counters(), nil },
		"bmcs":          func(json.RawMessage) (any, error) { return s.Fleet.BMCs(), nil },
		"power failure": func(json.RawMessage) (any, error) { s.Fleet.PowerFailure(); return nil, nil },
		"resets": func(json.RawMessage) (any, error) {
			var list []sim.ResetRecord
			for _, n := range s.Fleet.Nodes() {
				list = append(list, n.Resets()...)
			}
			return list, nil
		},
		"macs": func(json.RawMessage) (any, error) {
			var list []string
			for _, n := range s.Fleet.Nodes() {
				list = append(list, n.MAC())
			}
			return list, nil
		},
	})
	s.Stop()
}
