// Package bmctest has what stands behind simulated BMCs in tests.
package bmctest

import (
	"sync"

	"github.com/drover-hpc/drover/internal/bmc"
)

// Machine is a system that is at once as it was told to be. It has no console
// and no logs.
type Machine struct {
	bmc.System
	mu     sync.Mutex
	power  bmc.PowerState
	resets int
}

// Turn has the machine be on or off as by hand.
func (m *Machine) Turn(to bmc.PowerState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.power = to
}

// Resets is how many resets it was sent.
func (m *Machine) Resets() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.resets
}

func (m *Machine) Hardware() bmc.Hardware         { return bmc.Hardware{} }
func (m *Machine) BootOverride() bmc.BootOverride { return bmc.BootOverride{} }

func (m *Machine) PowerState() bmc.PowerState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.power
}

func (m *Machine) Reset(kind string) *bmc.Refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets++
	if m.power = bmc.Off; kind == bmc.ResetOn {
		m.power = bmc.On
	}
	return nil
}
