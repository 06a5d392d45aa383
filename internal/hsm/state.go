package hsm

import (
	"slices"

	"github.com/drover-hpc/drover/internal/fault"
)

// The states and flags that rules speak of.
const (
	stateEmpty     = "Empty"
	statePopulated = "Populated"
	stateOff       = "Off"
	stateOn        = "On"
	stateStandby   = "Standby"
	stateHalt      = "Halt"
	stateReady     = "Ready"

	flagOK      = "OK"
	flagWarning = "Warning"
	flagAlert   = "Alert"
	flagLocked  = "Locked"
)

// startStates are the states from which a state is reached without force. A
// state that is no key needs force.
var startStates = map[string][]string{
	stateOff:     {stateOff, stateOn, stateStandby, stateHalt, stateReady},
	stateOn:      {stateOn, stateOff, stateStandby, stateHalt},
	stateStandby: {stateStandby, stateReady},
	stateHalt:    {stateHalt, stateReady},
	stateReady:   {stateReady, stateOn, stateOff, stateStandby, stateHalt},
}

// StateChange is a wanted state. Its words are spelled as published.
type StateChange struct {
	State string
	Flag  string
	Force bool
}

// newStateChange checks the words; an empty flag becomes OK.
func newStateChange(state, flag string, force bool) (StateChange, error) {
	ch := StateChange{State: state, Flag: flag, Force: force}
	if state == "" {
		return ch, fault.New(fault.Invalid, "Missing State")
	}
	if err := spell("State", values.State, &ch.State); err != nil {
		return ch, err
	}
	if flag == "" {
		ch.Flag = flagOK
	}
	if err := spell("Flag", values.Flag, &ch.Flag); err != nil {
		return ch, err
	}
	if !force && startStates[ch.State] == nil {
		return ch, fault.New(fault.Invalid, "operation not allowed and not forced.")
	}
	return ch, nil
}

// apply gives the component the state if its present one allows it, and tells
// whether anything changed. A missed heartbeat (Ready with Warning) cannot
// bring back a node that is not Ready, and a locked flag stays.
func (ch StateChange) apply(c *Component) bool {
	if !ch.Force {
		from := startStates[ch.State]
		if ch.State == stateReady && ch.Flag == flagWarning {
			from = []string{stateReady}
		}
		if !slices.Contains(from, c.State) {
			return false
		}
	}
	flag := ch.Flag
	if c.Flag == flagLocked {
		flag = flagLocked
	}
	if c.State == ch.State && c.Flag == flag {
		return false
	}
	c.State, c.Flag = ch.State, flag
	return true
}

// text is the change in plain words.
func (ch StateChange) text() string {
	if ch.Flag == flagOK {
		return "HSM state " + ch.State
	}
	return "HSM state " + ch.State + ", flag " + ch.Flag
}
