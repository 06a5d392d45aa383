package machine

import (
	"fmt"

	"github.com/drover-hpc/drover/internal/bos"
)

// configuration: the node runs what it should; CFS decides the rest.
func (m *move) configuration() {
	c := &m.Component
	if m.f.Config.Silent {
		m.wait(6, bos.FromCFS, "CFS does not answer: "+m.f.Config.Why)
		return
	}
	m.isOn()
	m.booted()
	c.Troubles.Clear(bos.FromReport, bos.FromPower)
	cfs, want := m.f.Config.Known, c.DesiredState.Configuration
	switch {
	case want != cfs.Desired:
		m.configure(38)
	case want == "" || cfs.Status == "configured":
		m.goal(39)
	case cfs.Status == "pending" && cfs.Enabled:
		c.Troubles.Clear(bos.FromCFS)
		m.enter(40, bos.PhaseConfigure)
	case cfs.Status == "pending" && c.LastAction.Action == bos.PoweringOn:
		m.awaitEnabling()
	case cfs.Status == "pending":
		m.configure(42)
	case cfs.Status == "failed":
		m.failConfiguring(43, "cfs configuration failed")
	default:
		m.failConfiguring(44, "cfs is not reporting a valid configuration status for this component: "+cfs.Status)
	}
}

// booted notes how long the boot took, once its report is there.
func (m *move) booted() {
	call, reported := m.Component.Engine.Call, m.Component.ActualState.LastUpdated
	if call.Action == bos.PoweringOn && reported.After(call.At) {
		m.Component.Engine.BootTook = reported.Sub(call.At)
	}
}

// configure has CFS told what the node should have, at most once a polling
// period. A CFS that refuses that for as long as a boot may take ends it.
func (m *move) configure(row int) {
	c, e := &m.Component, &m.Component.Engine
	if c.Computed() != bos.StatusConfiguring {
		m.forgetCall()
		m.enter(row, bos.PhaseConfigure)
	}
	m.Row, m.Look = row, e.NotBefore
	if m.now.Before(e.NotBefore) {
		return
	}
	if c.Troubles[bos.FromCFS].Words != "" && m.now.Sub(e.PhaseSince) > m.o.BootWait() {
		m.fail()
		return
	}
	e.NotBefore = m.now.Add(m.o.Polling())
	m.Effect, m.Look = Configure, e.NotBefore
}

// awaitEnabling bounds the wait for the node to enable itself in CFS. Once it
// is enabled, CFS's own retry policy bounds the wait.
func (m *move) awaitEnabling() {
	m.enter(41, bos.PhaseConfigure)
	late := m.Component.Engine.PhaseSince.Add(m.o.BootWait())
	if m.now.Before(late) {
		m.Look = late
		return
	}
	m.failConfiguring(41, fmt.Sprintf("The node did not enable itself in CFS within %s, so its configuration did not start", m.o.BootWait()))
}

func (m *move) failConfiguring(row int, why string) {
	m.enter(row, bos.PhaseConfigure)
	m.Component.Troubles.Set(bos.FromCFS, why, m.now)
	m.fail()
}
