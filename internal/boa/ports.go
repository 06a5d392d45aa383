package boa

import (
	"context"
	"strconv"
	"time"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	v1 "github.com/drover-hpc/drover/internal/bos/v1"
)

// What the agent needs of services, in its own words. A call that got no answer
// within the client's tries is an error.

// Inventory is HSM.
type Inventory interface {
	// Nodes returns the nodes with the IDs that HSM knows; nil is all of them.
	Nodes(ctx context.Context, ids []string) ([]Node, error)
	// Groups and Partitions return the members of each, by name.
	Groups(ctx context.Context) (map[string][]string, error)
	Partitions(ctx context.Context) (map[string][]string, error)
}

// Node is a node in HSM.
type Node struct {
	ID, Role, State string
	Enabled         bool
}

// The states of nodes that matter.
const (
	stateEmpty = "Empty"
	stateReady = "Ready"
)

// Parameters is BSS.
type Parameters interface {
	// Known returns those of the nodes that have boot parameters.
	Known(ctx context.Context, nodes []string) (map[string]bool, error)
	Put(ctx context.Context, nodes []string, a bootset.Artifacts) error
}

// Power is CAPMC.
type Power interface {
	// Status is on, off or undefined for each node; one that CAPMC leaves out
	// is undefined.
	Status(ctx context.Context, nodes []string) (map[string]string, error)
	// On and Off return the nodes that were refused, with the words why.
	On(ctx context.Context, nodes []string, reason string) (map[string]string, error)
	Off(ctx context.Context, nodes []string, force bool, reason string) (map[string]string, error)
}

// The power states.
const (
	powerOn        = "on"
	powerOff       = "off"
	powerUndefined = "undefined"
)

// Configurations is CFS.
type Configurations interface {
	// Stage has the nodes configured by the session with the configuration:
	// now, or when they enable themselves.
	Stage(ctx context.Context, nodes []string, configuration, session string, now bool) error
	// Status is configured, pending, failed or whatever else CFS says of each.
	Status(ctx context.Context, nodes []string) (map[string]string, error)
}

// Status is BOS v1.
type Status interface {
	TellTimes(ctx context.Context, session string, t v1.Times) error
	// CreateBootSet returns the status as it was kept: nodes that others move
	// are excluded.
	CreateBootSet(ctx context.Context, b v1.BootSetStatus) (v1.BootSetStatus, error)
	UpdateBootSet(ctx context.Context, session, name string, updates []v1.Update) error
}

// Waits are how long the agent waits for what.
type Waits struct {
	Ready     time.Duration // for a powered-on node to be Ready
	NotReady  time.Duration // for a node that is off to be no longer Ready
	Graceful  time.Duration // for a node to shut down
	Forceful  time.Duration // for a node whose power was cut to be off
	Configure time.Duration // for CFS
	// First and Most are the pauses between two looks: they grow from one to
	// the other.
	First, Most time.Duration
}

// waitVariables are the variables that WaitsOf knows.
var waitVariables = []string{gracefulVariable, forcefulVariable, intervalVariable, retriesVariable}

const (
	gracefulVariable = "GRACEFUL_SHUTDOWN_TIMEOUT"
	forcefulVariable = "FORCEFUL_SHUTDOWN_TIMEOUT"
	intervalVariable = "NODE_STATE_CHECK_SLEEP_INTERVAL"
	retriesVariable  = "NODE_STATE_CHECK_NUMBER_OF_RETRIES"
)

// WaitsOf are the documented ones, with what the environment says in the names
// of the published agent: all whole seconds.
func WaitsOf(env func(string) string) Waits {
	seconds := func(name string, usual int) time.Duration {
		if n, err := strconv.Atoi(env(name)); err == nil && n >= 0 {
			usual = n
		}
		return time.Duration(usual) * time.Second
	}
	w := Waits{Ready: 30 * time.Minute, NotReady: 70 * time.Second, Configure: 30 * time.Minute, First: 500 * time.Millisecond,
		Graceful: seconds(gracefulVariable, 300), Forceful: seconds(forcefulVariable, 180),
		Most: seconds(intervalVariable, 5)}
	if n, err := strconv.Atoi(env(retriesVariable)); err == nil && n > 0 {
		w.Ready = time.Duration(n) * w.Most
	}
	return w
}
