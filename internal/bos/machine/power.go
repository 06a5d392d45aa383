package machine

import (
	"fmt"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// off: PCS says that the node is off.
func (m *move) off() {
	c := &m.Component
	if c.Status.Phase == bos.PhaseOff {
		c.ActualState = bos.ActualState{LastUpdated: m.now} // the old system is gone
	}
	switch status := c.Computed(); {
	case m.wantsOff() && m.mayComeOn():
	case m.wantsOff():
		m.goal(12)
	case status == bos.StatusPowerOnCalled:
		m.stillOff()
	case status != bos.StatusPowerOnPending:
		c.LastAction.Failed = c.LastAction.Failed || c.LastAction.Action == bos.PoweringOn
		c.Troubles.Clear(bos.FromPower)
		m.forgetCall()
		m.enter(13, bos.PhaseOn)
		m.Look = m.now
	case m.now.Before(c.Engine.NotBefore):
		m.Row, m.Look = 14, c.Engine.NotBefore
	case m.attempts(bos.PoweringOn) >= c.Retries(m.o):
		m.Row = 15
		m.fail()
	case m.stale():
	default:
		c.ActualState = bos.ActualState{LastUpdated: m.now} // only a report of this boot says what it runs
		m.call(16, bos.PoweringOn, CallPowerOn)
	}
}

// mayComeOn: the node is off as it should be, but an earlier wish had it powered
// on a moment ago. It is not off for good until that has failed.
func (m *move) mayComeOn() bool {
	left := m.Component.Engine.Left
	if left.Action == "" {
		return false
	}
	late := left.AcceptedAt.Add(m.o.PowerOnWait())
	if left.AcceptedAt.IsZero() {
		late = left.At.Add(m.o.PowerOnWait() + time.Minute) // PCS's patience is in whole minutes
	}
	if m.now.Before(late) {
		m.wait(5, bos.FromPower, "The node was powered on before it was to be off, and may come on yet")
		m.Look = late
		return true
	}
	return m.old(late)
}

// stillOff: the node was powered on and is off. That must change in good time
// after the BMC took the request.
func (m *move) stillOff() {
	c, e := &m.Component, &m.Component.Engine
	if e.Call.State == bos.CallDecided {
		m.Row, m.Look = 21, m.now.Add(m.o.Polling())
		return
	}
	late := m.since().Add(m.o.PowerOnWait())
	if m.now.Before(late) {
		m.Row, m.Look = 22, late
		return
	}
	if m.stale() || m.old(late) {
		return
	}
	c.LastAction.Failed = true
	c.Troubles.Set(bos.FromPower, fmt.Sprintf("The node was still off %s after it was powered on", m.o.PowerOnWait()), m.now)
	m.forgetCall()
	m.Row, m.Look = 23, m.now
}

// on: PCS says that the node is on.
func (m *move) on() {
	m.Component.Engine.Left = bos.Call{}
	switch m.Component.Computed() {
	case bos.StatusPowerOffGently, bos.StatusPowerOffHard:
		m.goingDown()
	case bos.StatusPowerOffPending:
		if m.matches() {
			m.configuration()
		} else {
			m.shutDown(27)
		}
	default:
		m.running()
	}
}

// running: the node is on and nobody shuts it down yet.
func (m *move) running() {
	c := &m.Component
	switch {
	case m.matches():
		m.configuration()
	case m.wantsOff() || c.LastAction.Action != bos.PoweringOn:
		m.takeDown(26)
	default:
		m.booting()
	}
}

// booting: the node was powered on, is on, and has not told that it runs what
// it should.
func (m *move) booting() {
	c, e := &m.Component, &m.Component.Engine
	m.isOn()
	c.LastAction.Failed = false
	late := m.since().Add(m.o.BootWait())
	if m.now.Before(late) {
		if booted := c.ActualState.BootArtifacts.Kernel; booted != "" {
			c.Troubles.Set(bos.FromReport, fmt.Sprintf("The node booted %s, should be %s", booted, c.DesiredState.BootArtifacts.Kernel), m.now)
		}
		m.enter(24, bos.PhaseOn)
		m.Look = late
		return
	}
	if c.Computed() == bos.StatusOnHold { // of an earlier wish
		m.takeDown(26)
		return
	}
	c.Troubles.Set(bos.FromReport, fmt.Sprintf("The node was powered on but did not report what it booted within %s", m.o.BootWait()), m.now)
	if m.attempts(bos.PoweringOn) >= c.Retries(m.o) {
		m.Row = 25
		m.fail() // and stays on: what it shows may tell why
		return
	}
	e.NotBefore = time.Time{}
	m.takeDown(25)
}

// isOn: a node that is on has had its power-on, whatever was said of the call.
func (m *move) isOn() {
	call := &m.Component.Engine.Call
	switch {
	case call.Action != bos.PoweringOn:
	case call.State == bos.CallRefused: // counted already
		call.State, call.AcceptedAt = bos.CallAccepted, m.now
	case call.State == bos.CallDecided || call.State == bos.CallLater:
		m.accepted()
	}
}

// since is when the BMC took the last request; where that is not known, when
// the last action was.
func (m *move) since() time.Time {
	if at := m.Component.Engine.Call.AcceptedAt; !at.IsZero() {
		return at
	}
	return m.Component.LastAction.LastUpdated
}

// takeDown: the node has to go off before anything else.
func (m *move) takeDown(row int) {
	m.forgetCall()
	m.enter(row, bos.PhaseOff)
	if m.Component.LastAction.Action == bos.PoweringOffGently || m.Component.LastAction.Action == bos.PoweringOffHard {
		m.shutDown(27) // the status is that of a call already, so no one would make it
		return
	}
	m.Look = m.now
}

// shutDown asks the node to go off by itself.
func (m *move) shutDown(row int) {
	e := &m.Component.Engine
	switch {
	case m.now.Before(e.NotBefore):
		m.Row, m.Look = row, e.NotBefore
	case m.attempts(bos.PoweringOffGently) >= m.Component.Retries(m.o):
		m.Row = row
		m.fail()
	case m.stale():
	default:
		m.call(row, bos.PoweringOffGently, CallSoftOff)
	}
}

// goingDown: the node was asked to go off, or its power was to be cut, and it
// is on.
func (m *move) goingDown() {
	e := &m.Component.Engine
	hard := m.Component.LastAction.Action == bos.PoweringOffHard
	switch {
	case e.Call.Action != m.Component.LastAction.Action || e.Call.State == bos.NoCall: // a change by hand: not a call of ours
		m.shutDown(27)
	case e.Call.State == bos.CallDecided:
		m.Row, m.Look = rowIf(hard, 37, 32), m.now.Add(m.o.Polling())
	case e.Call.State == bos.CallLater && hard:
		m.cut(35, m.Component.Engine.Forced.Words)
	case e.Call.State == bos.CallLater:
		m.shutDown(29)
	case e.Call.State == bos.CallRefused && hard:
		m.cut(35, m.Component.Engine.Forced.Words)
	case e.Call.State == bos.CallRefused:
		m.refusesToGo()
	case e.Call.State == bos.CallNever:
		m.cut(31, "its BMC cannot shut it down: "+m.Component.Troubles[bos.FromPower].Words)
	default:
		m.waitForOff(hard)
	}
}

// refusesToGo: the BMC refuses the graceful way in words. It is asked again
// within the wait, then power is cut: BMCs say no for a node that hangs.
func (m *move) refusesToGo() {
	e := &m.Component.Engine
	late := e.RefusedSince.Add(m.o.PowerOffWait())
	switch {
	case !m.now.Before(late):
		m.cut(30, "its BMC refuses to shut it down: "+m.Component.Troubles[bos.FromPower].Words)
	case m.attempts(bos.PoweringOffGently) >= m.Component.Retries(m.o):
		m.Row, m.Look = 30, late
	default:
		m.shutDown(30)
	}
}

// waitForOff: the BMC took the request.
func (m *move) waitForOff(hard bool) {
	late := m.since().Add(m.o.PowerOffWait())
	switch {
	case m.now.Before(late):
		m.Row, m.Look = rowIf(hard, 37, 32), late
	case m.old(late):
	case hard:
		m.Component.Troubles.Set(bos.FromPower, fmt.Sprintf("The node was still on %s after its power was cut", m.o.PowerOffWait()), m.now)
		m.cut(37, m.Component.Engine.Forced.Words)
	default:
		m.Component.Troubles.Set(bos.FromPower, fmt.Sprintf("The node did not go down within %s of its shutdown", m.o.PowerOffWait()), m.now)
		m.cut(33, fmt.Sprintf("it did not go down within %s of its shutdown", m.o.PowerOffWait()))
	}
}

// cut has the power cut. why stands wherever that is told.
func (m *move) cut(row int, why string) {
	e := &m.Component.Engine
	switch {
	case m.now.Before(e.NotBefore) && row == 35:
		m.Row, m.Look = row, e.NotBefore
	case m.attempts(bos.PoweringOffHard) >= m.Component.Retries(m.o):
		m.Row = row
		m.fail()
	case m.stale():
	default:
		m.call(row, bos.PoweringOffHard, CallForceOff)
		e.Forced = bos.Forced{Words: why, At: m.now}
	}
}

// call decides a power call. It stands in the record before it is made.
func (m *move) call(row int, a bos.Action, effect Effect) {
	c, e := &m.Component, &m.Component.Engine
	if e.Call.Action != a {
		e.LaterSince, e.RefusedSince = time.Time{}, time.Time{}
	}
	e.Left = bos.Call{}
	e.Call = bos.Call{ID: m.f.CallID, Action: a, State: bos.CallDecided, At: m.now}
	e.NotBefore = time.Time{}
	c.LastAction = bos.LastAction{Action: a, LastUpdated: m.now}
	c.Status.StatusOverride = ""
	m.Row, m.Effect = row, effect
	m.Look = m.now.Add(m.waitFor(a))
}

func (m *move) forgetCall() {
	e := &m.Component.Engine
	e.Call = bos.Call{}
	e.NotBefore, e.LaterSince, e.RefusedSince = time.Time{}, time.Time{}, time.Time{}
}

// stale asks for a new look if the power state was read before the last call:
// it says nothing of what came of that.
func (m *move) stale() bool { return m.old(m.Component.Engine.Call.At) }

func (m *move) old(than time.Time) bool {
	if m.f.Power.At.Before(than) {
		m.Reread, m.Look = true, m.now
		return true
	}
	return false
}

func rowIf(is bool, then, otherwise int) int {
	if is {
		return then
	}
	return otherwise
}
