package bos

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Operation is what a session does with its nodes.
type Operation string

// The operations.
const (
	OperationBoot     Operation = "boot"
	OperationReboot   Operation = "reboot"
	OperationShutdown Operation = "shutdown"
)

// SessionLabel is where a session stands. Complete says nothing about success.
type SessionLabel string

// The labels.
const (
	SessionPending  SessionLabel = "pending"
	SessionRunning  SessionLabel = "running"
	SessionComplete SessionLabel = "complete"
)

// Session applies a template to nodes.
type Session struct {
	Name            string        `json:"name"`
	Tenant          string        `json:"tenant,omitempty"`
	Operation       Operation     `json:"operation"`
	TemplateName    string        `json:"template_name"`
	Limit           string        `json:"limit"`
	Stage           bool          `json:"stage"`
	IncludeDisabled bool          `json:"include_disabled"`
	Status          SessionStatus `json:"status"`

	// LeftOutCount counts the nodes and names that the session was asked for and
	// does not deal with.
	LeftOutCount int `json:"left_out_count,omitempty"`
	// ForcedOff are the nodes whose power was cut for the session, each with
	// its last time, whoever owns them now.
	ForcedOff []ForcedOff `json:"forced_off,omitempty"`
	// Tries counts the attempts at setting the session up, RetryAt bars the
	// next one until then. Never served.
	Tries   int       `json:"tries,omitempty"`
	RetryAt time.Time `json:"retry_at,omitzero"`
	// CancelledAt is when somebody cancelled it. Never served: Status.Error says so.
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	// Traced: it was told to the collector of traces, if there is one. Never served.
	Traced bool `json:"traced,omitempty"`
	// Saved is the extended status as it was at the end.
	Saved *ExtendedStatus `json:"saved,omitempty"`
	// Derived is the template that is kept when the session starts, of one that was checked.
	Derived *Template `json:"-"`
}

// SessionNodes are the nodes of a session, apart from it: they are as many as
// there are nodes, and few who look at a session want to know them.
type SessionNodes struct {
	// Session is its key.
	Session string `json:"session"`
	// Components are the nodes that it began with, comma-separated.
	Components string `json:"components"`
	// LeftOut are those that it was asked for and does not deal with, MaxLeftOut
	// at most.
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// SessionStatus is a session's status in short.
type SessionStatus struct {
	StartTime time.Time    `json:"start_time"`
	EndTime   time.Time    `json:"end_time,omitzero"`
	Status    SessionLabel `json:"status"`
	// Error is why the session could not be set up, or not yet.
	Error string `json:"error,omitempty"`
}

// Target is what a session wants of a node.
type Target struct {
	Artifacts     BootArtifacts
	Configuration string
}

// Join makes the node the session's and sends it on its way.
func (c *Component) Join(s *Session, t Target, now time.Time) {
	token := c.DesiredState.BSSToken
	if s.Operation == OperationShutdown {
		token = ""
	}
	c.DesiredState = DesiredState{BootArtifacts: t.Artifacts, Configuration: t.Configuration, BSSToken: token, LastUpdated: now}
	if s.Operation == OperationReboot {
		c.ActualState = ActualState{LastUpdated: now} // nothing matches: the node must restart
	}
	c.Session, c.Engine.Tenant, c.Troubles = s.Name, s.Tenant, Troubles{}
	c.LastAction = LastAction{Action: SessionSetup, LastUpdated: now}
	c.startAnew(now)
	c.enable(true, now)
}

// Stage keeps what the session wants for applystaged.
func (c *Component) Stage(s *Session, t Target, now time.Time) {
	c.StagedState = StagedState{BootArtifacts: t.Artifacts, Configuration: t.Configuration, Session: s.Name, LastUpdated: now}
	c.Engine.StagedTenant = s.Tenant
}

// ExtendedStatus tells how far a session's nodes are.
type ExtendedStatus struct {
	Status                 SessionLabel               `json:"status"`
	ManagedComponentsCount int                        `json:"managed_components_count"`
	Phases                 StatusPhases               `json:"phases"`
	PercentSuccessful      Percent                    `json:"percent_successful"`
	PercentFailed          Percent                    `json:"percent_failed"`
	PercentStaged          Percent                    `json:"percent_staged"`
	ErrorSummary           map[string]ErrorComponents `json:"error_summary"`
	Timing                 Timing                     `json:"timing"`
	// The rest is Drover's own: the published interface has no place for it.
	LeftOut      []LeftOut   `json:"left_out,omitempty" doc:"Nodes and names that were asked for and are not dealt with, and why; a thousand at most"`
	LeftOutCount int         `json:"left_out_count,omitempty" doc:"How many there are"`
	ForcedOff    []ForcedOff `json:"forced_off,omitempty" doc:"Nodes whose power was cut, and why"`
}

// LeftOut tells why a session does not deal with a node, or with a name of its
// limit.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// MaxLeftOut bounds how many of them are named.
const MaxLeftOut = 1000

// ForcedOff tells why and when a node's power was cut.
type ForcedOff struct {
	Name   string `json:"name"`
	At     string `json:"at"`
	Reason string `json:"reason"`
}

// Percent is a share of 100, written as a float whatever it is: clients that
// look at the type take 100 for an integer.
type Percent float64

// MarshalJSON implements json.Marshaler.
func (p Percent) MarshalJSON() ([]byte, error) {
	text := strconv.AppendFloat(nil, float64(p), 'f', -1, 64)
	if !bytes.ContainsRune(text, '.') {
		text = append(text, ".0"...)
	}
	return text, nil
}

// StatusPhases is the share of nodes in each phase, in percent.
type StatusPhases struct {
	PercentComplete    Percent `json:"percent_complete"`
	PercentPoweringOn  Percent `json:"percent_powering_on"`
	PercentPoweringOff Percent `json:"percent_powering_off"`
	PercentConfiguring Percent `json:"percent_configuring"`
}

// ErrorComponents are the nodes that have an error in common.
type ErrorComponents struct {
	Count int    `json:"count"`
	List  string `json:"list" doc:"Up to ten nodes, comma-separated, then ..."`
}

// Timing is when a session began and ended, and how long it took or takes.
type Timing struct {
	StartTime string  `json:"start_time"`
	EndTime   *string `json:"end_time"`
	Duration  string  `json:"duration"`
}

// Progress counts a session's nodes.
type Progress struct {
	Total, Stable, Failed, Staged        int
	PoweringOn, PoweringOff, Configuring int
	Errors                               map[string]ErrorComponents
}

// Extended is the extended status of the session whose nodes stand as p says.
func (s *Session) Extended(p Progress, left []LeftOut, now time.Time) ExtendedStatus {
	total := p.Total + p.Staged
	percent := func(n int) Percent {
		if total == 0 {
			return 0
		}
		return Percent(math.Round(float64(n)/float64(total)*10000) / 100)
	}
	end := s.Status.EndTime
	t := Timing{StartTime: Stamp(s.Status.StartTime)}
	if end.IsZero() {
		end = now
	} else {
		stamp := Stamp(end)
		t.EndTime = &stamp
	}
	t.Duration = duration(end.Sub(s.Status.StartTime))
	return ExtendedStatus{
		Status: s.Status.Status, ManagedComponentsCount: total,
		Phases: StatusPhases{PercentComplete: percent(p.Stable + p.Failed), PercentPoweringOn: percent(p.PoweringOn),
			PercentPoweringOff: percent(p.PoweringOff), PercentConfiguring: percent(p.Configuring)},
		PercentSuccessful: percent(p.Stable), PercentFailed: percent(p.Failed), PercentStaged: percent(p.Staged),
		ErrorSummary: p.Errors, Timing: t,
		LeftOut: left[:min(len(left), MaxLeftOut)], LeftOutCount: s.LeftOutCount, ForcedOff: s.ForcedOff,
	}
}

// maxListed bounds how many nodes an error summary names.
const maxListed = 10

// summarise groups nodes, given in order, by their error.
func summarise(nodes []Component) map[string]ErrorComponents {
	lists := map[string][]string{}
	for i := range nodes {
		if e := nodes[i].Troubles.Newest(); e != "" {
			lists[e] = append(lists[e], nodes[i].ID)
		}
	}
	out := make(map[string]ErrorComponents, len(lists))
	for e, ids := range lists {
		list := strings.Join(ids[:min(len(ids), maxListed)], ",")
		if len(ids) > maxListed {
			list += "..."
		}
		out[e] = ErrorComponents{Count: len(ids), List: list}
	}
	return out
}

// noteForced adds a node whose power was cut for the session.
func (s *Session) noteForced(f ForcedOff) {
	i, again := slices.BinarySearchFunc(s.ForcedOff, f.Name, func(have ForcedOff, name string) int { return strings.Compare(have.Name, name) })
	if again {
		s.ForcedOff[i] = f
	} else {
		s.ForcedOff = slices.Insert(s.ForcedOff, i, f)
	}
}

// Stamp is the form in which the published interface writes times: UTC, whole
// seconds, no zone.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Stamp(t)
}

// duration writes H:MM:SS, with days before it and microseconds behind it if
// there are any.
func duration(d time.Duration) string {
	d = max(d, 0).Truncate(time.Microsecond)
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	out := fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
	if micro := d % time.Second / time.Microsecond; micro > 0 {
		out += fmt.Sprintf(".%06d", micro)
	}
	switch {
	case days == 1:
		return "1 day, " + out
	case days > 1:
		return fmt.Sprintf("%d days, %s", days, out)
	}
	return out
}

func (s *Session) key() string { return key(s.Tenant, s.Name) }

// key is where a session or template is kept: names are unique per tenant.
func key(tenant, name string) string { return tenant + "/" + name }
