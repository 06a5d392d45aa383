package pcs

import (
	"slices"
	"strings"
)

// Operation is what a transition does to its components.
type Operation string

// The operations.
const (
	On          Operation = "On"
	Off         Operation = "Off" // gracefully, by force when that fails
	SoftOff     Operation = "Soft-Off"
	ForceOff    Operation = "Force-Off"
	SoftRestart Operation = "Soft-Restart"
	HardRestart Operation = "Hard-Restart"
	Init        Operation = "Init" // off whatever is on, then on
)

var operations = []Operation{On, Off, SoftOff, SoftRestart, HardRestart, Init, ForceOff}

// ParseOperation finds the operation of the name in any letter case.
func ParseOperation(name string) (Operation, bool) {
	for _, op := range operations {
		if strings.EqualFold(name, string(op)) {
			return op, true
		}
	}
	return "", false
}

// needsOn tells whether the operation is refused on a component that is off.
func (op Operation) needsOn() bool { return op == SoftRestart || op == HardRestart }

// action is one kind of request to a BMC.
type action string

const (
	actShutdown action = "gracefulshutdown"
	actForceOff action = "forceoff"
	actRestart  action = "gracefulrestart"
	actOn       action = "on"
)

// wants is the power state that the action leads to.
func (a action) wants() PowerState {
	if a == actShutdown || a == actForceOff {
		return PowerOff
	}
	return PowerOn
}

// resetTypesOf lists the Redfish ResetTypes that carry out an action, the
// preferred one first. PowerCycle, PushPowerButton and Nmi are never used, and
// ForceOn only of hardware that does not offer On.
var resetTypesOf = map[action][]string{
	actShutdown: {"GracefulShutdown", "Off"},
	actForceOff: {"ForceOff"},
	actRestart:  {"GracefulRestart", "ForceRestart"},
	actOn:       {"On", "ForceOn"},
}

// resetType is the ResetType for the action among those that the hardware
// offers, or empty. Hardware that does not tell what it offers is taken to have
// the preferred one, except for those that it refused as unknown.
func resetType(a action, offered []string, unknown ...string) string {
	for _, t := range resetTypesOf[a] {
		if slices.Contains(offered, t) || len(offered) == 0 && !slices.Contains(unknown, t) {
			return t
		}
	}
	return ""
}

// supported lists the operations that hardware with these ResetTypes can do.
func supported(offered []string) []Operation {
	can := func(a action) bool { return resetType(a, offered) != "" }
	off := can(actShutdown) || can(actForceOff)
	out := []Operation{}
	add := func(ok bool, ops ...Operation) {
		if ok {
			out = append(out, ops...)
		}
	}
	add(can(actOn), On)
	add(off, Off)
	add(can(actShutdown), SoftOff)
	add(can(actForceOff), ForceOff)
	add(can(actRestart), SoftRestart)
	add(can(actOn) && off, HardRestart, Init)
	return out
}
