package sim

import "time"

// Faults is what is wrong with a node; the zero value is nothing.
type Faults struct {
	// RefusePowerOn has the BMC refuse to power the node on, in these words,
	// with RefuseStatus (0: 500).
	RefusePowerOn string `json:"refuse_power_on,omitempty"`
	RefuseStatus  int    `json:"refuse_status,omitempty"`
	// IgnoreSoftOff has the BMC accept a graceful shutdown that nothing follows.
	IgnoreSoftOff bool `json:"ignore_soft_off,omitempty"`
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

// ResetRecord is one reset that the BMC was asked for, refused ones included.
type ResetRecord struct {
	Time time.Time `json:"time"`
	Type string    `json:"type"`
}

// Event is one thing that happened to a node, in plain words.
type Event struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}
