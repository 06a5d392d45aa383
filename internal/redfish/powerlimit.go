package redfish

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// NodePowerLimit is the name of a power limit whose BMC gives it none.
const NodePowerLimit = "Node Power Limit"

// PowerLimit is a limit that a BMC keeps a system's power to.
type PowerLimit struct {
	Name string
	// Whole is of a limit of the system itself and not of one of its parts, such
	// as an accelerator.
	Whole bool
	// Watts is the limit, 0 if there is none now.
	Watts int
	// Min and Max are what it may be set to; 0 is not told.
	Min, Max int

	form  limitForm
	path  string
	index int  // among the power controls of the path
	mode  bool // has a ControlMode
}

// Same tells whether both are the same limit, whatever its values.
func (l PowerLimit) Same(o PowerLimit) bool { return l.path == o.path && l.index == o.index }

// limitForm is where in the tree a limit is.
type limitForm int

const (
	// A Control of its own, with a SetPoint.
	formControl limitForm = iota
	// The PowerLimitWatts of a chassis' EnvironmentMetrics.
	formEnvironment
	// One of the PowerControls of a chassis' Power.
	formPower
)

// PowerLimits reads the limits of a system's power: of its chassis' Controls,
// or else EnvironmentMetrics, or else Power. What covers other systems, too, is
// left out. There are none where the BMC has none; a resource that should be
// there and cannot be read is an error.
func (d *Driver) PowerLimits(ctx context.Context, address string, login Login, system string) ([]PowerLimit, error) {
	w := walker{ctx: ctx, driver: d, address: address, login: login, strict: true}
	var s resource
	w.read(system, &s, required)
	var out []PowerLimit
	for _, path := range w.chassisOf(system, &s) {
		out = append(out, w.limits(path, strings.TrimSuffix(system, "/"))...)
	}
	return out, w.err
}

// chassisOf are the chassis that a system sits in: the one of the same name
// alone if it has one.
func (w *walker) chassisOf(system string, s *resource) []string {
	name := lastOf(system)
	sameName := func(path string) bool { return lastOf(path) == name }
	var paths []string
	for _, l := range s.Links.Chassis {
		paths = append(paths, l.OdataID)
	}
	if len(paths) == 0 {
		all := w.members(link{root + "Chassis"}, desiredList)
		return slices.DeleteFunc(all, func(path string) bool { return !sameName(path) })
	}
	if i := slices.IndexFunc(paths, sameName); i >= 0 {
		return paths[i : i+1]
	}
	return paths
}

func lastOf(path string) string {
	path = strings.TrimSuffix(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// limitedChassis is what of a chassis leads to its limits.
type limitedChassis struct {
	Controls, EnvironmentMetrics, Power link
	Links                               struct{ ComputerSystems []link }
}

func (w *walker) limits(chassis, system string) []PowerLimit {
	var c limitedChassis
	if !w.read(chassis, &c, desiredList) {
		return nil
	}
	shared := len(c.Links.ComputerSystems) > 1
	out := w.controls(c.Controls, shared, system)
	if len(out) == 0 && !shared {
		out = w.environment(c.EnvironmentMetrics)
	}
	if len(out) == 0 {
		out = w.powerControls(c.Power, shared, system)
	}
	return out
}

// controls are the limits among a chassis' controls.
func (w *walker) controls(collection link, shared bool, system string) (out []PowerLimit) {
	for _, path := range w.members(collection, desiredList) {
		var c struct {
			Name, ControlType, ControlMode, SetPointUnits, PhysicalContext string

			SetPoint, SettingRangeMin, SettingRangeMax, AllowableMin, AllowableMax *float64

			RelatedItem []link
		}
		if !w.read(path, &c, desiredList) || c.ControlType != "" && c.ControlType != "Power" ||
			c.SetPointUnits != "" && c.SetPointUnits != "W" || !belongs(c.RelatedItem, shared, system) {
			continue
		}
		l := PowerLimit{Name: orNode(c.Name), Whole: ofWhole(c.PhysicalContext), Watts: watts(c.SetPoint),
			Min: watts(c.SettingRangeMin, c.AllowableMin), Max: watts(c.SettingRangeMax, c.AllowableMax),
			form: formControl, path: path, mode: c.ControlMode != ""}
		out = append(out, l.inMode(c.ControlMode))
	}
	return out
}

// environment is the limit in the metrics of a chassis.
func (w *walker) environment(metrics link) []PowerLimit {
	var m struct {
		PowerLimitWatts *struct {
			SetPoint, AllowableMin, AllowableMax *float64
			ControlMode                          string
		}
	}
	if !w.read(metrics.OdataID, &m, desiredList) || m.PowerLimitWatts == nil {
		return nil
	}
	p := m.PowerLimitWatts
	l := PowerLimit{Name: NodePowerLimit, Whole: true, Watts: watts(p.SetPoint), Min: watts(p.AllowableMin), Max: watts(p.AllowableMax),
		form: formEnvironment, path: metrics.OdataID, mode: p.ControlMode != ""}
	return []PowerLimit{l.inMode(p.ControlMode)}
}

// powerControls are the limits in the power resource of a chassis. What they
// may be set to is in no standard property: makers tell it in their own.
func (w *walker) powerControls(power link, shared bool, system string) (out []PowerLimit) {
	var p struct {
		PowerControl []struct {
			Name, PhysicalContext string
			PowerCapacityWatts    *float64
			PowerLimit            *struct{ LimitInWatts *float64 }
			RelatedItem           []link
			Oem                   map[string]json.RawMessage
		}
	}
	w.read(power.OdataID, &p, desiredList)
	for i, c := range p.PowerControl {
		if c.PowerLimit == nil || !belongs(c.RelatedItem, shared, system) {
			continue
		}
		l := PowerLimit{Name: orNode(c.Name), Whole: ofWhole(c.PhysicalContext), Watts: watts(c.PowerLimit.LimitInWatts),
			form: formPower, path: power.OdataID, index: i}
		l.Min, l.Max = makersRange(c.Oem)
		if l.Max == 0 {
			l.Max = watts(c.PowerCapacityWatts)
		}
		out = append(out, l)
	}
	return out
}

func makersRange(oem map[string]json.RawMessage) (least, most int) {
	for _, text := range oem {
		var maker struct{ PowerLimit struct{ Min, Max *float64 } }
		if json.Unmarshal(text, &maker) == nil && maker.PowerLimit.Max != nil {
			return watts(maker.PowerLimit.Min), watts(maker.PowerLimit.Max)
		}
	}
	return 0, 0
}

// belongs tells whether what relates to the items is of the system and of no
// other. What relates to nothing is of all systems of the chassis.
func belongs(items []link, shared bool, system string) bool {
	if len(items) == 0 {
		return !shared
	}
	for _, i := range items {
		path := strings.TrimSuffix(i.OdataID, "/")
		if other := path != system && !strings.HasPrefix(path, system+"/"); other && (shared || strings.Contains(path, "/Systems/")) {
			return false
		}
	}
	return true
}

// ofWhole tells whether the physical context is a system, not a part of one.
func ofWhole(context string) bool {
	return slices.Contains([]string{"", "Chassis", "SystemBoard", "ComputeBay", "System"}, context)
}

func orNode(name string) string {
	if name == "" {
		return NodePowerLimit
	}
	return name
}

// watts is the first value that is there, 0 if none is.
func watts(values ...*float64) int {
	for _, v := range values {
		if v != nil {
			return int(math.Round(*v))
		}
	}
	return 0
}

func (l PowerLimit) inMode(mode string) PowerLimit {
	if mode == "Disabled" {
		l.Watts = 0
	}
	return l
}
