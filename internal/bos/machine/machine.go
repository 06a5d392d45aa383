package machine

import (
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// Facts are what is known of a node beside its record.
type Facts struct {
	Power  Power
	Config Config
	// Outcome is what became of a power call; nil if there is nothing new.
	Outcome *Outcome
	// CallID names the power call if one is decided now.
	CallID string
}

// PowerState is what is known of a node's power.
type PowerState int

// The power states. PowerSilent: PCS does not answer. PowerUnlisted: it answers
// without the node. PowerUndefined: it cannot tell.
const (
	PowerSilent PowerState = iota
	PowerUnlisted
	PowerUndefined
	PowerOn
	PowerOff
)

// Power is what PCS says of a node, and when it was asked.
type Power struct {
	State PowerState
	Why   string
	At    time.Time
}

// Config is what CFS says of a node. Silent: CFS does not answer. Known is nil
// if it answers without the node.
type Config struct {
	Silent bool
	Why    string
	Known  *bos.Configuration
}

// PowerFact is what PCS said of a node at the time: s is nil if it does not list it, err why
// it does not answer.
func PowerFact(s *bos.PowerStatus, at time.Time, err error) Power {
	switch {
	case err != nil:
		return Power{State: PowerSilent, Why: err.Error()}
	case s == nil:
		return Power{State: PowerUnlisted}
	}
	p := Power{State: PowerUndefined, Why: s.Error, At: at}
	switch {
	case s.Error != "":
	case s.State == "on":
		p.State = PowerOn
	case s.State == "off":
		p.State = PowerOff
	default:
		p.Why = "its power state is " + s.State
	}
	return p
}

// ConfigFact is the same of CFS.
func ConfigFact(c *bos.Configuration, err error) Config {
	if err != nil {
		return Config{Silent: true, Why: err.Error()}
	}
	return Config{Known: c}
}

// Outcome is what became of the call with the ID.
type Outcome struct {
	CallID string
	Kind   bos.Answer
	Source bos.Source
	Words  string
	// Retry is how long whoever answered wants to be left alone.
	Retry time.Duration
}

// Effect is what the operators have to carry out after the record is written.
type Effect int

// The effects. PowerOn is boot parameters to BSS, the held configuration to CFS
// and then the call. A power effect is the call in the record's Engine.Call.
// Abandon ends the call under way of a node that was disabled: what was sent
// stays sent.
const (
	Nothing Effect = iota
	CallPowerOn
	CallSoftOff
	CallForceOff
	Configure
	Abandon
)

func (e Effect) String() string {
	return [...]string{"", "PowerOn", "SoftOff", "ForceOff", "SetConfiguration", "AbortTransition"}[e]
}

// Result is what follows.
type Result struct {
	Component bos.Component
	Effect    Effect
	// Row is the row of the table that decided, see Rows.
	Row int
	// Look is when to look again even if nothing is heard; zero is never.
	Look time.Time
	// Reread asks for the power state to be read again before the next pass:
	// the one at hand is older than what it would decide.
	Reread bool
}

// Next tells where a component stands and what comes next. It is pure: the
// same arguments give the same answer, and nothing else happens.
func Next(c bos.Component, f Facts, o bos.Options, now time.Time) Result {
	m := move{Result: Result{Component: c}, f: f, o: o, now: now}
	m.decide()
	if !m.Component.Enabled {
		m.Look = time.Time{}
	} else if m.Look.IsZero() {
		m.Look = now.Add(o.Polling())
	}
	return m.Result
}

// move is one pass of Next under way.
type move struct {
	Result
	f   Facts
	o   bos.Options
	now time.Time
}

func (m *move) decide() {
	c := &m.Component
	if !c.Enabled {
		m.Row = 2
		if c.Engine.Call.Open() {
			c.LeaveCall()
			m.forgetCall()
			m.Effect = Abandon
		}
		return
	}
	if c.Status.StatusOverride == bos.StatusFailed {
		m.Row, c.Enabled = 4, false
		return
	}
	if c.Engine.Agent != "" {
		m.wait(3, bos.FromAgent, "waits for session '"+c.Engine.Agent+"' of BOS v1, whose agent moves the node")
		return
	}
	c.Troubles.Clear(bos.FromAgent)
	if m.record() {
		return
	}
	switch {
	case m.f.Power.State == PowerSilent:
		m.wait(6, bos.FromPCS, "PCS does not answer: "+m.f.Power.Why)
	case m.f.Power.State == PowerUnlisted:
		m.unlisted("Component information was not returned by pcs", bos.FromPCS)
	case m.f.Config.Known == nil && !m.f.Config.Silent && !m.wantsOff():
		m.unlisted("Component information was not returned by cfs", bos.FromCFS)
	case m.f.Power.State == PowerUndefined:
		m.undefined()
	default:
		m.seen()
		c.Troubles.Clear(bos.FromPCS)
		if m.f.Power.State == PowerOff {
			m.off()
		} else {
			m.on()
		}
	}
}

// wantsOff tells whether the node should be off; matches, whether it runs what
// it should.
func (m *move) wantsOff() bool { return m.Component.DesiredState.BootArtifacts.Kernel == "" }
func (m *move) matches() bool  { return !m.wantsOff() && m.Component.Matches() }

// wait leaves the node as it is, with the words of who is to be waited for.
func (m *move) wait(row int, s bos.Source, words string) {
	m.Row = row
	m.Component.Troubles.Set(s, words, m.now)
}

// seen ends a time in which it was not known where the node stands.
func (m *move) seen() { m.Component.Engine.UnseenSince = time.Time{} }

func (m *move) unseen() time.Time {
	if m.Component.Engine.UnseenSince.IsZero() {
		m.Component.Engine.UnseenSince = m.now
	}
	return m.Component.Engine.UnseenSince
}

// unlisted: PCS or CFS know nothing of the node. It is let be for a while,
// because a service that was just restarted may not have all nodes yet.
func (m *move) unlisted(words string, s bos.Source) {
	m.wait(7, s, words)
	if late := m.unseen().Add(m.o.PowerOnWait()); m.now.Before(late) {
		m.Look = late
		return
	}
	m.seen()
	m.Component.EnterPhase(bos.NoPhase, m.now)
	m.Component.Status.StatusOverride, m.Component.Enabled = bos.StatusOnHold, false
}

// undefined: nobody can tell whether the node is on. Nothing is done to it.
func (m *move) undefined() {
	c, e := &m.Component, &m.Component.Engine
	status := c.Computed()
	if m.matches() && (status == bos.StatusPowerOnCalled || status == bos.StatusConfiguring) {
		m.seen() // it reported: it runs, whatever its BMC says
		c.Troubles.Clear(bos.FromPCS)
		m.configuration()
		return
	}
	why := "PCS cannot tell whether the node is on: " + m.f.Power.Why
	from := m.unseen()
	if status == bos.StatusPowerOnCalled && e.Call.State == bos.CallAccepted {
		booting := e.Call.AcceptedAt.Add(m.o.BootWait())
		if m.now.Before(booting) {
			m.wait(9, bos.FromPCS, why)
			m.Look = booting
			return
		}
		from = later(from, booting)
	}
	limit := m.limit(m.o.PowerOnWait())
	if c.Status.Phase == bos.PhaseOff {
		limit = m.limit(m.o.PowerOffWait())
	}
	m.wait(10, bos.FromPCS, why)
	if m.Look = from.Add(limit); !m.now.Before(m.Look) {
		m.Row = 11
		m.fail()
	}
}

// limit is as long as all tries of a wait would have lasted.
func (m *move) limit(wait time.Duration) time.Duration {
	return time.Duration(max(1, m.Component.Retries(m.o))) * wait
}

// fail gives the node up: disabled, its phase kept, with words.
func (m *move) fail() {
	c := &m.Component
	if c.Troubles.Newest() == "" {
		c.Troubles.Set(bos.FromSession, "The retry limit has been hit for this component, but no services have reported specific errors", m.now)
	}
	c.Status.StatusOverride, c.Enabled = bos.StatusFailed, false
	c.Engine.Call = bos.Call{}
}

// goal: the node is where it should be.
func (m *move) goal(row int) {
	c := &m.Component
	m.Row = row
	c.EnterPhase(bos.NoPhase, m.now)
	c.Status.StatusOverride, c.Enabled = "", false
	c.EventStats, c.Troubles = bos.EventStats{}, bos.Troubles{}
	c.Engine = bos.Engine{Tenant: c.Engine.Tenant, StagedTenant: c.Engine.StagedTenant, PhaseSince: c.Engine.PhaseSince, Forced: c.Engine.Forced, Agent: c.Engine.Agent,
		BootTook: c.Engine.BootTook}
}

// enter changes the phase, and with it the status.
func (m *move) enter(row int, p bos.Phase) {
	m.Row = row
	m.Component.EnterPhase(p, m.now)
	m.Component.Status.StatusOverride = ""
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
