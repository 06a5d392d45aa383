package pcs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/redfish"
)

// CapKind is what a power cap task does.
type CapKind string

// The kinds of tasks.
const (
	CapSnapshot CapKind = "snapshot" // reads
	CapPatch    CapKind = "patch"    // sets
)

// CapStatus tells where a power cap task stands. It says nothing of success.
type CapStatus string

// The statuses of a power cap task; the last one is final.
const (
	CapNew        CapStatus = "new"
	CapInProgress CapStatus = "in-progress"
	CapCompleted  CapStatus = "completed"
)

// CapTask is the public record of a power cap task.
type CapTask struct {
	TaskID                  string            `json:"taskID" format:"uuid"`
	Type                    CapKind           `json:"type" enum:"snapshot,patch" doc:"Whether caps are read or set"`
	TaskCreateTime          time.Time         `json:"taskCreateTime" doc:"When it was asked for"`
	AutomaticExpirationTime time.Time         `json:"automaticExpirationTime" doc:"When the record will be deleted"`
	TaskStatus              CapStatus         `json:"taskStatus" doc:"new, in-progress or completed, which says that the work is over, not that it succeeded"`
	TaskCounts              TaskCounts        `json:"taskCounts" doc:"Components by status"`
	Components              []CappedComponent `json:"components,omitempty" doc:"What is known of each component; absent in lists"`
}

// CappedComponent is what a task found of a component's power caps.
type CappedComponent struct {
	Xname string `json:"xname"`
	Error string `json:"error,omitempty" doc:"Why the component failed, with the BMC's own words if it gave any"`
	// Limits are of the component as a whole.
	Limits         *PowerRange `json:"limits,omitempty" doc:"What the hardware can draw"`
	PowerCapLimits []PowerCap  `json:"powerCapLimits,omitempty" doc:"Its power caps, as the BMC tells them after the task"`
}

// PowerRange is what a component can be limited to, in watts.
type PowerRange struct {
	HostLimitMax int `json:"hostLimitMax,omitempty" doc:"Most watts"`
	HostLimitMin int `json:"hostLimitMin,omitempty" doc:"Fewest watts"`
	// PowerupPower is for external services that tell it: no BMC does.
	PowerupPower int `json:"powerupPower,omitempty" doc:"Watts drawn while it starts"`
}

// PowerCap is one control of a component's power.
type PowerCap struct {
	Name         string `json:"name" doc:"The BMC's own name of the control"`
	CurrentValue int    `json:"currentValue" doc:"The cap in watts; 0: none"`
	MaximumValue int    `json:"maximumValue,omitempty" doc:"The most that it may be set to"`
	MinimumValue int    `json:"minimumValue,omitempty" doc:"The least that it may be set to"`
}

// CapOrder is which caps a component is to get.
type CapOrder struct {
	Xname    string       `json:"xname"`
	Controls []CapControl `json:"controls"`
}

// CapControl is a control and its value in watts; 0 removes the cap.
type CapControl struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
}

// nodeControl are the names, besides the BMC's own, of the control that limits
// a node as a whole, whatever its BMC calls it.
var nodeControl = []string{redfish.NodePowerLimit, "node"}

// settings are the limits to change and their values, in the order of the
// controls. Nothing is to be sent if one of them is wrong.
func settings(limits []redfish.PowerLimit, controls []CapControl) ([]setting, error) {
	var out []setting
	for _, c := range controls {
		i := slices.IndexFunc(limits, func(l redfish.PowerLimit) bool { return l.Name == c.Name })
		if i < 0 && slices.ContainsFunc(nodeControl, func(n string) bool { return strings.EqualFold(n, c.Name) }) {
			i = slices.IndexFunc(limits, func(l redfish.PowerLimit) bool { return l.Whole })
		}
		if i < 0 {
			return nil, fault.New(fault.Invalid, "there is no control '%s': the BMC has %s", c.Name, limitNames(limits))
		}
		l := limits[i]
		if c.Value != 0 && (c.Value < l.Min || l.Max > 0 && c.Value > l.Max) {
			return nil, fault.New(fault.Invalid, "%d W is not in the range of '%s': %d to %d W, or 0 for no cap", c.Value, l.Name, l.Min, l.Max)
		}
		if slices.ContainsFunc(out, func(s setting) bool { return s.limit.Same(l) }) {
			return nil, fault.New(fault.Invalid, "control '%s' is given twice", l.Name)
		}
		out = append(out, setting{l, c.Value})
	}
	return out, nil
}

// setting is a limit and what it is to be.
type setting struct {
	limit redfish.PowerLimit
	watts int
}

func limitNames(limits []redfish.PowerLimit) string {
	if len(limits) == 0 {
		return "none"
	}
	names := make([]string, len(limits))
	for i, l := range limits {
		names[i] = "'" + l.Name + "'"
	}
	return strings.Join(names, ", ")
}

// shortOf says which of the settings do not hold by what the BMC tells now,
// empty if all do.
func shortOf(limits []redfish.PowerLimit, wanted []setting) string {
	for _, s := range wanted {
		i := slices.IndexFunc(limits, func(l redfish.PowerLimit) bool { return l.Same(s.limit) })
		if i < 0 {
			return fmt.Sprintf("the BMC accepted %d W for '%s', which it tells no more", s.watts, s.limit.Name)
		}
		if limits[i].Watts != s.watts {
			return fmt.Sprintf("the BMC accepted %d W for '%s' and tells %d W", s.watts, s.limit.Name, limits[i].Watts)
		}
	}
	return ""
}

// found tells the limits as the public record does.
func (c *CappedComponent) found(limits []redfish.PowerLimit) {
	c.PowerCapLimits, c.Limits = nil, nil
	for _, l := range limits {
		c.PowerCapLimits = append(c.PowerCapLimits, PowerCap{Name: l.Name, CurrentValue: l.Watts, MaximumValue: l.Max, MinimumValue: l.Min})
		if l.Whole && c.Limits == nil && l.Max > 0 {
			c.Limits = &PowerRange{HostLimitMax: l.Max, HostLimitMin: l.Min}
		}
	}
}

// capRow is how a component of a task is stored: with what is needed to go on.
type capRow struct {
	TaskID string `json:"taskID"`
	// Place is that in the task, from 0.
	Place int `json:"place"`
	CappedComponent
	Status   TaskStatus   `json:"status"`
	Controls []CapControl `json:"controls,omitempty"`
}

func (r *capRow) key() string { return fmt.Sprintf("%s/%07d", r.TaskID, r.Place) }
