package sim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// Node is one simulated node. Its methods are safe for concurrent use.
type Node struct {
	fleet *Fleet
	place int
	xname string

	mu     sync.Mutex
	state  state
	turn   uint64 // counts power changes: who waits knows whether it is late
	life   *life  // the last one, if the node is off
	hung   bool
	spells spells
	read   time.Time // when the BMC last answered a read of the node
	resets []ResetRecord
	events []Event
}

// state is what of a node survives a restart of the fleet.
type state struct {
	Power bmc.PowerState `json:"power"`
	// Restart has the node powered on again once it is off.
	Restart bool `json:"restart,omitempty"`
	// System is what runs on the node; nil until it is up.
	System *system `json:"system,omitempty"`
	Faults *Faults `json:"faults,omitempty"`
	// Boot is the boot source override.
	Boot bmc.BootOverride `json:"boot,omitzero"`
	// Cap is the limit of its power in watts; 0 is none.
	Cap int `json:"cap,omitempty"`
}

// system is what a node took from its kernel command line and from BSS.
type system struct {
	Xname   string `json:"xname"`
	Token   string `json:"token,omitempty"`
	Update  string `json:"update,omitempty"`  // bos_update_frequency
	Trusted string `json:"trusted,omitempty"` // public key of the SSH CA

	Told reached `json:"told,omitzero"`
}

// reached is whom a node's first report reached.
type reached struct {
	HSM bool `json:"hsm,omitempty"`
	BOS bool `json:"bos,omitempty"`
	CFS bool `json:"cfs,omitempty"`
}

// life is a node's time from power-on to its shutdown; its end stops everything
// that runs on the node.
type life struct {
	ctx      context.Context
	end      context.CancelFunc
	commands sync.WaitGroup
	seeding  sync.Mutex
}

// What a node remembers of its past.
const (
	keptResets = 64
	keptEvents = 24
)

// Xname is the node's name.
func (n *Node) Xname() string { return n.xname }

// Address is where the node answers SSH, without the port.
func (n *Node) Address() string { return nodeAddress(n.place).String() }

// MAC is the address from which the node boots.
func (n *Node) MAC() string { return nodeMAC(n.place) }

// ARM tells the node's architecture.
func (n *Node) ARM() bool { return n.fleet.opts.ARMHalf && n.place%2 == 1 }

// Phase is how far the node has come since power-on.
func (n *Node) Phase() Phase {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.state.Power == bmc.Off || n.state.Power == bmc.PoweringOn:
		return PhaseOff
	case n.state.Power == bmc.PoweringOff:
		return PhaseStopping
	case n.state.System != nil:
		return PhaseUp
	case n.hung:
		return PhaseHung
	}
	return PhaseBooting
}

// Faults is what SetFaults set, less what was used up since.
func (n *Node) Faults() Faults {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.faults()
}

// SetFaults says what is wrong with the node from now on.
func (n *Node) SetFaults(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.putFaults(f)
}

// Resets is what the BMC was asked and answered, oldest first, the last 64.
func (n *Node) Resets() []ResetRecord {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.resets)
}

// Events is what happened to the node, oldest first, the last few.
func (n *Node) Events() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// The methods below are called with n.mu held.

func (n *Node) faults() Faults {
	if n.state.Faults == nil {
		return Faults{}
	}
	return *n.state.Faults
}

func (n *Node) putFaults(f Faults) {
	n.state.Faults = nil
	if f != (Faults{}) {
		n.state.Faults = &f
	}
	n.save()
}

func (n *Node) note(text string) {
	n.events = keepLast(n.events, Event{n.fleet.opts.Now(), text}, keptEvents)
}

func (n *Node) save() { n.fleet.ledger.state(n.place, n.state) }

// keepLast appends to a list that remembers only so much.
func keepLast[T any](list []T, item T, limit int) []T {
	if len(list) >= limit {
		copy(list, list[1:])
		list[len(list)-1] = item
		return list
	}
	return append(list, item)
}
