package pcs

import (
	"net/http"
	"slices"
	"time"
)

// PowerState is a component's power as seen by clients.
type PowerState string

// The power states.
const (
	PowerOn        PowerState = "on"
	PowerOff       PowerState = "off"
	PowerUndefined PowerState = "undefined" // the BMC does not tell
)

// ManagementState tells whether a component's BMC can be used.
type ManagementState string

// The management states.
const (
	Available   ManagementState = "available"
	Unavailable ManagementState = "unavailable"
)

// PowerStatus is what is known of a component's power.
type PowerStatus struct {
	Xname           string          `json:"xname"`
	PowerState      PowerState      `json:"powerState" doc:"on, off or undefined"`
	ManagementState ManagementState `json:"managementState" doc:"Whether the BMC takes commands: available or unavailable"`
	// Error is why nothing can be said; empty when the BMC just does not answer.
	Error                     string      `json:"error" doc:"Why nothing is known of this component"`
	SupportedPowerTransitions []Operation `json:"supportedPowerTransitions" doc:"What the hardware can do; null if unknown"`
	// LastUpdated is when one of the other values last changed, RFC 3339.
	LastUpdated string `json:"lastUpdated" doc:"When one of the values last changed"`
}

// same tells whether both say the same, whenever they learned it.
func (p *PowerStatus) same(q *PowerStatus) bool {
	return p.PowerState == q.PowerState && p.ManagementState == q.ManagementState && p.Error == q.Error &&
		slices.Equal(p.SupportedPowerTransitions, q.SupportedPowerTransitions)
}

// fromRedfish maps Redfish's PowerState: what is still coming up counts as off,
// what is still going down as on.
func fromRedfish(word string) PowerState {
	switch word {
	case "On", "PoweringOff", "Paused":
		return PowerOn
	case "Off", "PoweringOn":
		return PowerOff
	}
	return PowerUndefined
}

// onItsWay tells whether a component whose BMC says word goes to the state by
// itself, so that it needs no request.
func onItsWay(word string, to PowerState) bool {
	return word == "PoweringOn" && to == PowerOn || word == "PoweringOff" && to == PowerOff
}

// observation is what a look at a component's BMC gave.
type observation struct {
	component  *Component
	at         time.Time // before the BMC was asked
	power      PowerState
	management ManagementState
	err        string
	plain      bool     // the BMC's word is that it is on, or off, with nothing going on
	isOff      bool     // and off
	turnedOff  bool     // and by the transition that looked
	of         *watched // whose row it is to be
	number     int      // among those of the component that are to be written
}

// same tells whether both say the same of the component, with what it can do.
func (o *observation) same(p *observation) bool {
	return o.power == p.power && o.management == p.management && o.err == p.err &&
		(o.component == p.component || slices.Equal(o.component.supported(), p.component.supported()))
}

func (o *observation) status() PowerStatus {
	return PowerStatus{Xname: o.component.Xname, PowerState: o.power, ManagementState: o.management, Error: o.err,
		SupportedPowerTransitions: o.component.supported()}
}

// Filter selects power statuses; empty fields select all.
type Filter struct {
	Xnames          []string
	PowerState      PowerState
	ManagementState ManagementState
}

func (f *Filter) match(p *PowerStatus) bool {
	return (f.PowerState == "" || f.PowerState == p.PowerState) &&
		(f.ManagementState == "" || f.ManagementState == p.ManagementState)
}

// observe says what the BMC's answer means. A BMC that does not answer leaves
// the error empty, one that answers but refuses says why.
func observe(c *Component, at time.Time, word string, err error) observation {
	o := observation{component: c, at: at, power: fromRedfish(word), management: Available, plain: word == "On" || word == "Off", isOff: word == "Off"}
	if err != nil {
		o.power, o.management = PowerUndefined, Unavailable
		if refused := refusal(err); refused != nil && refused.Status < http.StatusInternalServerError {
			o.err = refused.Error()
		}
	}
	return o
}
