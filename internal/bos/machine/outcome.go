package machine

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// record writes down what became of the open call, and tells whether that
// decided what comes next (the node is given up). All else the look decides.
func (m *move) record() (decided bool) {
	o, call := m.f.Outcome, &m.Component.Engine.Call
	if left := &m.Component.Engine.Left; o != nil && left.ID != "" && o.CallID == left.ID && (o.Kind == bos.AnswerRefused || o.Kind == bos.AnswerNever) {
		*left = bos.Call{} // it will not come on
	}
	if o == nil || o.CallID != call.ID || !call.Open() {
		return false
	}
	switch o.Kind {
	case bos.AnswerWaiting:
		m.Component.Troubles.Set(o.Source, o.Words, m.now)
		return false
	case bos.AnswerAccepted:
		m.accepted()
		return false
	}
	if call.State == bos.CallAccepted && o.Kind != bos.AnswerRefused {
		return false // the BMC had it: the power state tells the rest
	}
	m.Component.Troubles.Set(o.Source, o.Words, m.now)
	m.Component.LastAction.Failed = call.Action == bos.PoweringOn
	switch o.Kind {
	case bos.AnswerLater:
		return m.later(o)
	case bos.AnswerRefused:
		return m.refused()
	}
	return m.never()
}

// accepted: the BMC has the request. From now the waits count, and the attempt.
func (m *move) accepted() {
	c, call := &m.Component, &m.Component.Engine.Call
	if call.State == bos.CallAccepted {
		return
	}
	m.count()
	call.State, call.AcceptedAt = bos.CallAccepted, m.now
	c.LastAction.LastUpdated = m.now
	c.Engine.LaterSince, c.Engine.RefusedSince = time.Time{}, time.Time{}
	c.Troubles.Clear(bos.FromPower, bos.FromBSS, bos.FromIMS)
	switch call.Action {
	case bos.PoweringOn:
		c.Troubles.Clear(bos.FromCFS)
	case bos.PoweringOffHard:
		c.Engine.Forced.Cut = m.now
	}
}

// later: nothing was said about the node. It costs no attempt; after as long
// as all attempts would have lasted the node is given up.
func (m *move) later(o *Outcome) (decided bool) {
	e := &m.Component.Engine
	e.Call.State = bos.CallLater
	if e.LaterSince.IsZero() {
		e.LaterSince = e.Call.At
	}
	e.NotBefore = m.now.Add(max(o.Retry, m.o.Polling()))
	if m.now.Sub(e.LaterSince) <= m.limit(m.waitFor(e.Call.Action)) {
		return false
	}
	m.Row = rowOf(e.Call.Action, 18, 29, 35)
	m.fail()
	return true
}

// refused: the BMC said no, in words. The attempts are spread over one wait.
func (m *move) refused() (decided bool) {
	e := &m.Component.Engine
	m.count()
	e.Call.State = bos.CallRefused
	if e.RefusedSince.IsZero() { // not since the call: it may have waited for a busy BMC
		e.RefusedSince = m.now
	}
	wait := m.waitFor(e.Call.Action)
	e.NotBefore = later(e.NotBefore, m.now.Add(wait/time.Duration(max(1, m.Component.Retries(m.o)))))
	if e.Call.Action == bos.PoweringOffGently || m.attempts(e.Call.Action) < m.Component.Retries(m.o) {
		return false
	}
	m.Row = rowOf(e.Call.Action, 19, 30, 35)
	m.fail()
	return true
}

// never: the BMC cannot do that. Without a graceful way power is cut at once.
func (m *move) never() (decided bool) {
	e := &m.Component.Engine
	m.count()
	e.Call.State = bos.CallNever
	if e.Call.Action == bos.PoweringOffGently {
		return false
	}
	m.Row = rowOf(e.Call.Action, 20, 31, 36)
	m.fail()
	return true
}

// count counts the attempt of the call, once and never beyond the policy.
func (m *move) count() {
	if m.Component.Engine.Call.State == bos.CallAccepted {
		return
	}
	if n := tries(&m.Component, m.Component.Engine.Call.Action); *n < m.Component.Retries(m.o) {
		*n++
	}
}

func (m *move) attempts(a bos.Action) int { return *tries(&m.Component, a) }

func tries(c *bos.Component, a bos.Action) *int {
	switch a {
	case bos.PoweringOn:
		return &c.EventStats.PowerOnAttempts
	case bos.PoweringOffGently:
		return &c.EventStats.PowerOffGracefulAttempts
	}
	return &c.EventStats.PowerOffForcefulAttempts
}

func (m *move) waitFor(a bos.Action) time.Duration {
	if a == bos.PoweringOn {
		return m.o.PowerOnWait()
	}
	return m.o.PowerOffWait()
}

func rowOf(a bos.Action, on, soft, hard int) int {
	switch a {
	case bos.PoweringOn:
		return on
	case bos.PoweringOffGently:
		return soft
	}
	return hard
}
