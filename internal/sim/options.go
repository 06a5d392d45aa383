package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// AtOnce is how many nodes do something at the same moment, where nothing else is
// said.
const AtOnce = 128

// Options describe a fleet. Nodes, Dir and Gateway are required.
type Options struct {
	// Nodes is the number of nodes, x1000c0s0b0n0 and on: 8 slots a chassis, 8
	// chassis a cabinet.
	Nodes int
	// NodesPerBMC is 1 (the default) or 2.
	NodesPerBMC int
	// ARMHalf makes every second node an ARM one.
	ARMHalf bool
	// Dir is where power states and the nodes' layers survive a restart.
	Dir string
	// Gateway is the base URL under which nodes find /apis/bss and so on.
	Gateway string
	// HTTP makes the nodes' calls: to the gateway, and to whatever the boot
	// script names. Nil is a client of its own with a limited number of connections.
	HTTP *http.Client
	// Infrastructure is the base URL under which the DHCP server finds HSM; empty:
	// Gateway.
	Infrastructure string
	// Network gives the token of the DHCP server, which has HSM know the nodes'
	// addresses; nil: it shows none. Nodes themselves have none.
	Network func(context.Context) (string, error)
	// AtOnce is how many nodes do something at the same moment, each on a
	// connection of its own; 0 is the constant.
	AtOnce int
	// BootDelay passes between the fetched initrd and the running system,
	// OnDelay from Off to On, OffDelay through a graceful shutdown.
	BootDelay, OnDelay, OffDelay time.Duration
	// Pace multiplies the pauses that a node makes by itself: the boot
	// script's sleep, the reporters' waits before another try. 0 means 1.
	Pace float64
	// Without names services that nodes do not report to: "bos", "cfs".
	Without []string
	// ShareArtifacts lets nodes that boot the same kernel or initrd within
	// half a minute share one download. Normally each node fetches its own.
	ShareArtifacts bool
	// RunCommands has nodes run what SSH asks for, if the kernel allows it.
	RunCommands bool
	// BMCPort and SSHPort are the ports to listen on; 0 is the one used last
	// time in Dir if it is free, else any.
	BMCPort, SSHPort int
	// Username and Password are the BMCs' account; empty means root and
	// "initial0".
	Username, Password string
	// TLS has the BMCs take HTTPS too, on the same port.
	TLS bool
	// Characters are the names of what is peculiar about the BMCs, as bmc.CharacterOf
	// knows them, one after another and from the beginning again; none: all do
	// everything by the book.
	Characters []string
	// Seed feeds the random numbers (failure rates, first report intervals).
	Seed uint64
	// Now is the clock that records are stamped with; nil is time.Now.
	Now func() time.Time
	// Log is where the fleet logs; nil is slog.Default.
	Log *slog.Logger
}

func (o *Options) complete() error {
	switch {
	case o.Nodes < 1 || o.Nodes > maxNodes:
		return errors.New("simulated fleet: Nodes must be between 1 and 500000")
	case o.NodesPerBMC < 0 || o.NodesPerBMC > 2:
		return errors.New("simulated fleet: NodesPerBMC must be 1 or 2")
	case o.Dir == "":
		return errors.New("simulated fleet: Dir must name a data directory")
	case o.Gateway == "":
		return errors.New("simulated fleet: Gateway must be the base URL of the services")
	}
	for _, name := range o.Characters {
		if _, known := bmc.CharacterOf(name); !known {
			return fmt.Errorf("simulated fleet: no BMC has the character %q, expected %s", name, strings.Join(bmc.CharacterNames(), ", "))
		}
	}
	// A jailed command mounts its node's files from another directory.
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("simulated fleet: %w", err)
	}
	o.Dir = dir
	if o.NodesPerBMC == 0 {
		o.NodesPerBMC = 1
	}
	if o.AtOnce == 0 {
		o.AtOnce = AtOnce
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.AtOnce}}
	}
	if o.Pace == 0 {
		o.Pace = 1
	}
	if o.Username == "" {
		o.Username, o.Password = "root", "initial0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}
