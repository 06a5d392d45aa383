package virtual

import (
	"context"
	"log/slog"
	"net/netip"
	"os/exec"

	"github.com/drover-hpc/drover/internal/fault"
)

// Options describe a fleet. Nodes and Dir are required.
type Options struct {
	// Nodes is the number of nodes, x3000c0s1b0n0 and on, a BMC each.
	Nodes int
	// Dir is where consoles and boot source overrides are kept.
	Dir string
	// Memory is each node's, in MiB; CPUs is how many it has. 0 means 384 and 1.
	Memory, CPUs int
	// Accel is what runs the guests: tcg (the default) everywhere, kvm where
	// the host has it. QEMU does not fall back.
	Accel string
	// Log is where the fleet logs; nil is slog.Default.
	Log *slog.Logger
}

// Site is what surrounds the nodes.
type Site struct {
	// Gateway is the base URL under which nodes find /apis/bss; its address is
	// one of Reach.
	Gateway string
	// Reach is all that nodes reach. The addresses lie in one network of 256.
	Reach []Reach
	// Lease makes known that the node with the MAC is reached at the address.
	// It is called at each power-on until it works.
	Lease func(ctx context.Context, mac, address string) error
}

// Reach is a service of the outer world and where nodes find it.
type Reach struct {
	Inside  netip.AddrPort
	Outside string // host:port
}

const (
	program       = "qemu-system-x86_64"
	maxNodes      = 1000
	defaultMemory = 384
	minMemory     = 128

	// The account of every BMC.
	username = "root"
	password = "initial0"
)

func (o *Options) complete() error {
	switch {
	case o.Nodes < 1 || o.Nodes > maxNodes:
		return fault.New(fault.Invalid, "virtual nodes: expected 1 to %d, got %d", maxNodes, o.Nodes)
	case o.Accel != "" && o.Accel != "tcg" && o.Accel != "kvm":
		return fault.New(fault.Invalid, "virtual nodes: accelerator %q: expected tcg or kvm", o.Accel)
	case o.Memory != 0 && o.Memory < minMemory:
		return fault.New(fault.Invalid, "virtual nodes: %d MiB of memory: expected at least %d", o.Memory, minMemory)
	case o.CPUs < 0:
		return fault.New(fault.Invalid, "virtual nodes: %d CPUs", o.CPUs)
	}
	if _, err := exec.LookPath(program); err != nil {
		return fault.New(fault.Unavailable, "virtual nodes need %s: apt-get install qemu-system-x86 ipxe-qemu", program)
	}
	if o.Accel == "" {
		o.Accel = "tcg"
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.CPUs == 0 {
		o.CPUs = 1
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}
