package bmc

import (
	"net/netip"
	"slices"
	"time"
)

// PowerState is a machine's power as Redfish spells it.
type PowerState string

// The power states.
const (
	Off         PowerState = "Off"
	PoweringOn  PowerState = "PoweringOn"
	On          PowerState = "On"
	PoweringOff PowerState = "PoweringOff"
)

// The resets that a controller offers for its systems.
const (
	ResetOn          = "On"
	ForceOff         = "ForceOff"
	GracefulShutdown = "GracefulShutdown"
	GracefulRestart  = "GracefulRestart"
	ForceRestart     = "ForceRestart"
	// ForceOn is offered by controllers that do not have On.
	ForceOn = "ForceOn"
)

// ResetTypes are those of a controller that does all by the book.
var ResetTypes = []string{ResetOn, ForceOff, GracefulShutdown, GracefulRestart, ForceRestart}

// System is a machine behind a controller. Its methods are called concurrently.
type System interface {
	Hardware() Hardware
	PowerState() PowerState
	// Reset does what one of the reset types says, or says why not. A reset
	// that finds the machine where it leads to is accepted and changes nothing.
	Reset(kind string) *Refusal
	BootOverride() BootOverride
	// SetBootOverride is given a valid override; it lasts until it is replaced.
	SetBootOverride(BootOverride) *Refusal
	// Console is what the machine wrote on its serial console, oldest line
	// first, as much of it as is kept.
	Console() []string
}

// Hardware is what a controller tells of a machine and what hardly changes.
type Hardware struct {
	Manufacturer, Model, SerialNumber, UUID, BIOS string
	MAC                                           string
	Processor                                     string
	ARM                                           bool
	ProcessorSerial                               string
	Cores, Threads                                int
	MemoryGiB                                     float64
	// What can be pulled out; a part without a serial number is an empty place.
	Memory, Drives, Accelerators []Part
}

// Part is something that sits in a machine and can be moved to another.
type Part struct {
	Manufacturer, Model, PartNumber, SerialNumber string
	Bytes                                         int64 // capacity; of an accelerator, its memory
}

// Refusal is why a controller does not do what it was asked: an HTTP status
// and its own words.
type Refusal struct {
	Status int
	// ID is the message's in the Base registry; empty for GeneralError.
	ID      string
	Message string
	// RetryAfter is told in whole seconds; zero is not told.
	RetryAfter time.Duration
	// Dropped requests get no answer: the connection is closed.
	Dropped bool
}

// BootOverride is what a machine boots instead of its first device; the zero
// value is no override.
type BootOverride struct {
	// Enabled is Once, Continuous, or empty for Disabled.
	Enabled string `json:"enabled,omitempty"`
	// Target is one of bootTargets.
	Target string `json:"target,omitempty"`
}

// Where machines boot from.
const (
	Network = "Pxe"
	Disk    = "Hdd"
	None    = "None"
)

// How long an override lasts.
const (
	Once       = "Once"
	Continuous = "Continuous"
	Disabled   = "Disabled"
)

var (
	bootTargets  = []string{None, Network, Disk}
	bootEnabling = []string{Disabled, Once, Continuous}
)

// Next is where the machine boots from now, and the override that is left for
// the boot after it. Without an override it boots from the network.
func (o BootOverride) Next() (target string, left BootOverride) {
	if o.Enabled == "" || o.Target == None || o.Target == "" {
		return Network, o
	}
	if o.Enabled == Once {
		return o.Target, BootOverride{}
	}
	return o.Target, o
}

// merge is the override after a PATCH that names the given values, an empty one
// being not named; what says which value is wrong.
func (o BootOverride) merge(enabled, target string) (_ BootOverride, property, wrong string) {
	switch {
	case enabled != "" && !slices.Contains(bootEnabling, enabled):
		return o, "BootSourceOverrideEnabled", enabled
	case target != "" && !slices.Contains(bootTargets, target):
		return o, "BootSourceOverrideTarget", target
	}
	if enabled != "" {
		o.Enabled = enabled
	}
	if target != "" {
		o.Target = target
	}
	if o.Enabled == Disabled {
		return BootOverride{}, "", ""
	}
	return o, "", ""
}

// Controller is one management controller.
type Controller struct {
	// Number tells controllers apart, for as long as their logins last.
	Number int
	// Model is what kind of controller it says it is.
	Model, SerialNumber, UUID, MAC string
	// Systems are Node0, Node1 and so on.
	Systems []System
	// Character is what is peculiar about it.
	Character Character
	// Unreachable controllers drop every connection.
	Unreachable bool
	// Hinder is why a request is not answered as it should be; nil answers all.
	// It is asked once for each request but resets, which the system itself
	// refuses; read is the system that the request reads, nil for any other.
	Hinder func(read System) *Refusal
}

// Account is what an administrator knows of a controller.
type Account struct {
	Xname string
	// Address is host:port, to be spoken to in plain HTTP.
	Address  string
	Username string
	Password string
}

// Find is the controller at an address of this machine.
type Find func(netip.Addr) (Controller, bool)
