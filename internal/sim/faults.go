package sim

import (
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// Faults is what is wrong with a node; the zero value is nothing.
type Faults struct {
	// RefusePowerOn has the BMC refuse to power the node on, in these words,
	// with RefuseStatus (0: 500).
	RefusePowerOn string `json:"refuse_power_on,omitempty"`
	RefuseStatus  int    `json:"refuse_status,omitempty"`
	// IgnoreSoftOff has the BMC accept a graceful shutdown that nothing follows.
	IgnoreSoftOff bool `json:"ignore_soft_off,omitempty"`
	// RefuseSoftOff has the BMC refuse a graceful shutdown, in these words, with
	// RefuseStatus (0: 500).
	RefuseSoftOff string `json:"refuse_soft_off,omitempty"`
	// NoSoftOff has the BMC say that GracefulShutdown is no value that it takes,
	// though it lists it.
	NoSoftOff bool `json:"no_soft_off,omitempty"`
	// RefusePowerCap has the BMC refuse to change the limit of the node's power,
	// in these words, with RefuseStatus (0: 500).
	RefusePowerCap string `json:"refuse_power_cap,omitempty"`
	// BusyReads and BusyResets have the BMC answer 503 to reads of the node's
	// resource, and to resets: once, for so long from the first one on.
	BusyReads  time.Duration `json:"busy_reads,omitempty"`
	BusyResets time.Duration `json:"busy_resets,omitempty"`
	// ConflictAfterOn has the BMC answer 409 to resets for so long after each
	// power-on.
	ConflictAfterOn time.Duration `json:"conflict_after_on,omitempty"`
	// RetryAfter is said with each 503 and 409, in whole seconds; 0: nothing is.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// Drop is the number of coming requests to the BMC whose connection it
	// closes without an answer; DropResets that of coming resets of the node.
	Drop       int `json:"drop,omitempty"`
	DropResets int `json:"drop_resets,omitempty"`
	// HangBoot is the number of coming boots that stop after the initrd was
	// fetched. A hung node obeys a graceful shutdown unless IgnoreSoftOff.
	HangBoot int `json:"hang_boot,omitempty"`
	// BootFailureRate is the probability, 0 to 1, that any boot hangs.
	BootFailureRate float64 `json:"boot_failure_rate,omitempty"`
	// SlowBoot is added to the fleet's boot delay.
	SlowBoot time.Duration `json:"slow_boot,omitempty"`
	// UnreachableBMC has the BMC drop every connection.
	UnreachableBMC bool `json:"unreachable_bmc,omitempty"`
	// Silent nodes come up but report to nobody.
	Silent bool `json:"silent,omitempty"`
}

// Phase is how far a powered node has come.
type Phase string

// The phases.
const (
	PhaseOff      Phase = "off"
	PhaseBooting  Phase = "booting"
	PhaseHung     Phase = "hung"
	PhaseUp       Phase = "up"
	PhaseStopping Phase = "stopping"
)

// ResetRecord is one reset that the BMC was asked for, and what it answered.
type ResetRecord struct {
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Answer Answer    `json:"answer,omitempty"`
	// Power is the node's before the reset.
	Power bmc.PowerState `json:"power,omitempty"`
	// Read is when the BMC last answered a read of the node's resource, which
	// tells its power, before the reset; zero if it has not since the fleet was
	// started.
	Read time.Time `json:"read,omitzero"`
}

// Answer is what came of a request to a BMC.
type Answer string

// The answers.
const (
	Accepted Answer = "accepted"
	Refused  Answer = "refused" // with words about the node
	Busy     Answer = "busy"    // 503 or 409: later
	Dropped  Answer = "dropped" // not carried out, and not answered
)

// Event is one thing that happened to a node, in plain words.
type Event struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}
