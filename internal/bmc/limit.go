package bmc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Capped is a System whose power its controller can keep below a limit.
type Capped interface {
	System
	// PowerRange is what the limit may be, in watts.
	PowerRange() (least, most int)
	// PowerCap is the limit, 0 if there is none.
	PowerCap() int
	// SetPowerCap is given 0 or a limit in the range.
	SetPowerCap(watts int) *Refusal
}

// LimitForm is where a controller has the limits of its systems' power.
type LimitForm int

// The forms.
const (
	// InControls: the enclosure has a Control for each system.
	InControls LimitForm = iota
	// InNodeControls: each system has a chassis of its own with a Control, which
	// is changed through the list of all of them, as on HPE's node cards.
	InNodeControls
	// InEnvironment: each system has a chassis of its own, whose
	// EnvironmentMetrics have PowerLimitWatts.
	InEnvironment
	// InPower: the enclosure's Power has a PowerControl for each system.
	InPower
)

const (
	enclosurePath = rootPath + "/Chassis/Enclosure"
	powerPath     = enclosurePath + "/Power"
	controlsPath  = enclosurePath + "/Controls"
	nodeChassis   = rootPath + "/Chassis/Node%d"
	limitControl  = "/Controls/NodePowerLimit"
	deepControls  = "/Controls.Deep"
	environment   = "/EnvironmentMetrics"
)

// capped are the systems that have a limit, in their places; nil in those of
// the others.
func (c Controller) capped() (list []Capped, any bool) {
	list = make([]Capped, len(c.Systems))
	for i, s := range c.Systems {
		list[i], _ = s.(Capped)
		any = any || list[i] != nil
	}
	return list, any
}

// ownChassis tells whether each system has a chassis of its own.
func (c Controller) ownChassis() bool {
	return c.Character.Limits == InNodeControls || c.Character.Limits == InEnvironment
}

// enclosureLimits is the link from the enclosure to the limits, if they are there.
func (c Controller) enclosureLimits() string {
	_, any := c.capped()
	switch {
	case any && c.Character.Limits == InControls:
		return `"Controls":{"@odata.id":"` + controlsPath + `"},`
	case any && c.Character.Limits == InPower:
		return `"Power":{"@odata.id":"` + powerPath + `"},`
	}
	return ""
}

// enclosureControl is the system whose limit is at the path, nil if none is.
func (c Controller) enclosureControl(path string) Capped {
	list, _ := c.capped()
	for i, s := range list {
		if s != nil && c.Character.Limits == InControls && path == fmt.Sprintf(controlsPath+"/Node%dPowerLimit", i) {
			return s
		}
	}
	return nil
}

// nodeChassisPaths are the chassis that the systems have for their own.
func (c Controller) nodeChassisPaths() []string {
	if _, any := c.capped(); !any || !c.ownChassis() {
		return nil
	}
	return c.places(nodeChassis)
}

// chassisOf is the list of the chassis that the system sits in.
func (c Controller) chassisOf(system string) string {
	paths := []string{enclosurePath}
	own := rootPath + "/Chassis" + strings.TrimPrefix(system, rootPath+"/Systems")
	if s, _, _ := c.inNodeChassis(own); s != nil {
		paths = []string{own, enclosurePath}
	}
	return references(paths)
}

// inNodeChassis splits a path below the chassis of a system's own.
func (c Controller) inNodeChassis(path string) (s Capped, number int, rest string) {
	tail, ok := strings.CutPrefix(path, rootPath+"/Chassis/Node")
	if !ok || !c.ownChassis() {
		return nil, 0, ""
	}
	digits, rest, found := strings.Cut(tail, "/")
	i, err := strconv.Atoi(digits)
	list, _ := c.capped()
	if err != nil || i < 0 || i >= len(list) || list[i] == nil || digits != strconv.Itoa(i) {
		return nil, 0, ""
	}
	if found {
		rest = "/" + rest
	}
	return list[i], i, rest
}

// limitResource is what of a path has to do with limits, empty if it has not.
func (c Controller) limitResource(path string) string {
	switch {
	case path == powerPath:
		return c.powerResource()
	case path == controlsPath && c.enclosureLimits() != "" && c.Character.Limits == InControls:
		return collection(path, "Control", c.places(controlsPath+"/Node%dPowerLimit"))
	}
	if s := c.enclosureControl(path); s != nil {
		id := path[len(controlsPath)+1:]
		system := rootPath + "/Systems/" + strings.TrimSuffix(id, "PowerLimit")
		return controlResource(s, path, id, `"AllowableMin":%d,"AllowableMax":%d,"RelatedItem":`+references([]string{system}))
	}
	s, number, rest := c.inNodeChassis(path)
	switch own := fmt.Sprintf(nodeChassis, number); {
	case s == nil:
		return ""
	case rest == "":
		return c.nodeChassisResource(s, own, number)
	case c.Character.Limits == InNodeControls && rest == "/Controls":
		return collection(path, "Control", []string{own + limitControl})
	case c.Character.Limits == InNodeControls && rest == limitControl:
		return controlResource(s, path, "NodePowerLimit", hpeRange)
	case c.Character.Limits == InNodeControls && rest == deepControls:
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#ControlCollection.ControlCollection","Name":"Controls","Members@odata.count":1,"Members":[%s]}`,
			path, controlResource(s, own+limitControl, "NodePowerLimit", hpeRange))
	case c.Character.Limits == InEnvironment && rest == environment:
		least, most := s.PowerRange()
		point, mode := setPoint(s.PowerCap())
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#EnvironmentMetrics.v1_3_0.EnvironmentMetrics","Id":"EnvironmentMetrics","Name":"Environment Metrics",`+
			`"PowerLimitWatts":{"SetPoint":%s,"AllowableMin":%d,"AllowableMax":%d,"ControlMode":%q}}`, path, point, least, most, mode)
	}
	return ""
}

// setPoint is a limit as controls tell it.
func setPoint(watts int) (point, mode string) {
	if watts == 0 {
		return "null", "Disabled"
	}
	return strconv.Itoa(watts), "Automatic"
}

// hpeRange is the range in HPE's own properties.
const hpeRange = `"SettingRangeMin":%d,"SettingRangeMax":%d`

// controlResource is a control; span is the format of its range.
func controlResource(s Capped, path, id, span string) string {
	least, most := s.PowerRange()
	point, mode := setPoint(s.PowerCap())
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Control.v1_2_0.Control","Id":%q,"Name":"Node Power Limit","ControlType":"Power",`+
		`"PhysicalContext":"Chassis","ControlMode":%q,"SetPoint":%s,"SetPointUnits":"W",%s,`+
		`"Status":{"State":"Enabled","Health":"OK"}}`, path, id, mode, point, fmt.Sprintf(span, least, most))
}

func (c Controller) nodeChassisResource(s System, path string, number int) string {
	limit := fmt.Sprintf(`"Controls":{"@odata.id":"%s/Controls"}`, path)
	if c.Character.Limits == InEnvironment {
		limit = fmt.Sprintf(`"EnvironmentMetrics":{"@odata.id":"%s%s"}`, path, environment)
	}
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Chassis.v1_17_0.Chassis","Id":"Node%d","Name":"Node%d","ChassisType":"Module",`+
		`"Manufacturer":"Drover","Model":"%s node","SerialNumber":"NC%s%d","PowerState":%q,"Status":{"State":"Enabled","Health":"OK"},%s,`+
		`"Links":{"ComputerSystems":%s,"ContainedBy":{"@odata.id":%q},"ManagedBy":[{"@odata.id":"%s/Managers/BMC"}]}}`,
		path, number, number, c.Model, c.SerialNumber, number, s.PowerState(), limit,
		references([]string{fmt.Sprintf(rootPath+"/Systems/Node%d", number)}), enclosurePath, rootPath)
}

// powerResource is the enclosure's Power, with the limits of all systems.
func (c Controller) powerResource() string {
	list, any := c.capped()
	if !any || c.Character.Limits != InPower {
		return ""
	}
	controls := make([]string, 0, len(list))
	for i, s := range list {
		limit, least, most := "null", 0, 0
		if s != nil {
			least, most = s.PowerRange()
			if watts := s.PowerCap(); watts > 0 {
				limit = strconv.Itoa(watts)
			}
		}
		controls = append(controls, fmt.Sprintf(`{"@odata.id":"%s#/PowerControl/%d","MemberId":"%d","Name":"Node Power Control","PhysicalContext":"Chassis","PowerCapacityWatts":%d,`+
			`"PowerLimit":{"LimitInWatts":%s,"LimitException":"NoAction"},"Oem":{"Drover":{"PowerLimit":{"Min":%d,"Max":%d}}},"RelatedItem":%s}`,
			powerPath, i, i, most, limit, least, most, references([]string{fmt.Sprintf(rootPath+"/Systems/Node%d", i)})))
	}
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Power.v1_7_0.Power","Id":"Power","Name":"Power","PowerControl@odata.count":%d,"PowerControl":[%s]}`,
		powerPath, len(controls), strings.Join(controls, ","))
}

// wanted is a limit that a request asks for; nil watts are none.
type wanted struct {
	system Capped
	watts  *float64
}

type pointBody struct {
	ID          string `json:"@odata.id"`
	SetPoint    *float64
	ControlMode string
}

func (p pointBody) of(s Capped) wanted {
	if p.ControlMode == "Disabled" {
		p.SetPoint = nil
	}
	return wanted{s, p.SetPoint}
}

// changesLimit tells whether limits are changed at the path.
func (c Controller) changesLimit(path string) bool {
	if path == powerPath {
		return c.limitResource(path) != ""
	}
	if c.enclosureControl(path) != nil {
		return true
	}
	s, _, rest := c.inNodeChassis(path)
	switch c.Character.Limits {
	case InNodeControls:
		return s != nil && rest == deepControls
	case InEnvironment:
		return s != nil && rest == environment
	}
	return false
}

// limitsIn are the limits that the body of a PATCH of the path asks for; wrong
// if it names none.
func (c Controller) limitsIn(path string, body json.RawMessage) (list []wanted, wrong bool) {
	var in struct {
		pointBody
		PowerLimitWatts *pointBody
		Members         []pointBody
		PowerControl    []struct {
			PowerLimit *struct{ LimitInWatts *float64 }
		}
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, true
	}
	if s := c.enclosureControl(path); s != nil {
		return []wanted{in.of(s)}, in.SetPoint == nil && in.ControlMode == ""
	}
	s, number, _ := c.inNodeChassis(path)
	if in.PowerLimitWatts != nil && c.Character.Limits == InEnvironment {
		list = append(list, in.PowerLimitWatts.of(s))
	}
	for _, m := range in.Members {
		if m.ID != fmt.Sprintf(nodeChassis, number)+limitControl || c.Character.Limits != InNodeControls {
			return nil, true
		}
		list = append(list, m.of(s))
	}
	systems, _ := c.capped()
	for i, p := range in.PowerControl {
		switch {
		case p.PowerLimit == nil:
		case i >= len(systems) || systems[i] == nil || c.Character.Limits != InPower:
			return nil, true
		default:
			list = append(list, wanted{systems[i], p.PowerLimit.LimitInWatts})
		}
	}
	return list, len(list) == 0
}

// setLimits changes limits, all that the request asks for or none.
func (f *Face) setLimits(w http.ResponseWriter, r *http.Request, c Controller, path string) {
	var body json.RawMessage
	if !c.conditionMet(w, r, path) || !readBody(w, r, &body) {
		return
	}
	list, wrong := c.limitsIn(path, body)
	if wrong {
		refuse(w, http.StatusBadRequest, "PropertyUnknown", "The request names no power limit that is at "+path+".")
		return
	}
	for _, l := range list {
		least, most := l.system.PowerRange()
		if v := l.watts; v != nil && (*v < float64(least) || *v > float64(most) || *v != float64(int(*v))) {
			refuse(w, http.StatusBadRequest, "PropertyValueOutOfRange",
				fmt.Sprintf("The power limit %v is not in the range of acceptable values, %d to %d.", *v, least, most))
			return
		}
	}
	var no *Refusal
	for _, l := range list {
		watts := 0
		if l.watts != nil {
			watts = int(*l.watts)
		}
		if no = l.system.SetPowerCap(watts); no != nil {
			break
		}
	}
	f.done(w, c, no)
}
