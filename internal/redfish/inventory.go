package redfish

import "encoding/json"

// Login is an account on a BMC.
type Login struct {
	Username string
	Password string
	// Fingerprint is the SHA-256 of the BMC's certificate in hexadecimal, by which
	// alone it is known; empty: it is known by an authority.
	Fingerprint string
}

// Inventory is what one BMC says of itself and of what it manages.
type Inventory struct {
	RedfishVersion string
	UUID           string // of the service root
	Managers       []Manager
	Chassis        []Chassis
	Systems        []System
	Services       []Service
	// Problems are what could not be read, in the order of the walk.
	Problems []Problem
}

// Problem is a resource that could not be read: it, and what is below it, may
// be there all the same.
type Problem struct {
	Path string
	Text string // status, resource and the BMC's words
}

// System is a ComputerSystem: a node.
type System struct {
	OdataID      string // path of the resource, such as "/redfish/v1/Systems/Node0"
	ID           string // its last element
	Name         string
	SystemType   string // "Physical" for a node
	Manufacturer string
	Model        string
	SerialNumber string
	UUID         string
	PowerState   string // "On", "Off", "PoweringOn", "PoweringOff", "Paused"
	StatusState  string // Status.State, such as "Enabled" or "Absent"
	Health       string // Status.Health
	// ProcessorArchitecture is the first processor's, as Redfish spells it
	// ("x86", "ARM"); empty if the BMC does not tell.
	ProcessorArchitecture string
	ResetTarget           string   // path to POST a reset to; empty if there is none
	ResetTypes            []string // allowed values of ResetType; empty if the BMC does not tell
	Interfaces            []Interface
	Processors            []Part // accelerators among them
	Memory                []Part
	Storage               []Storage
	Body                  json.RawMessage // all that the BMC tells of it
}

// Part is a processor, a memory module or a drive: a resource that HSM does not
// ask anything but what it is.
type Part struct {
	OdataID string
	Body    json.RawMessage // all that the BMC tells of it
}

// Storage is what drives are attached to.
type Storage struct {
	OdataID string
	Drives  []Part
}

// Service is a service of the BMC itself.
type Service struct {
	Type    string // "AccountService", "TaskService" and so on
	OdataID string
	Name    string
	UUID    string
}

// Interface is an Ethernet interface of a system or a manager. Of a system that
// lists none with a MAC it is a function or a port of a network adapter.
type Interface struct {
	OdataID     string
	ID          string
	MAC         string // as the BMC spells it; may be "Not Available"
	Description string
}

// Chassis is an enclosure, a blade or a rack-mounted box.
type Chassis struct {
	OdataID      string
	ID           string
	Name         string
	ChassisType  string
	Manufacturer string
	Model        string
	SerialNumber string
	PowerState   string
	StatusState  string
	Health       string
	ResetTarget  string
	ResetTypes   []string
	Body         json.RawMessage // all that the BMC tells of it
}

// Manager is a management controller, the BMC itself among them.
type Manager struct {
	OdataID         string
	ID              string
	Name            string
	ManagerType     string
	Manufacturer    string
	Model           string
	SerialNumber    string
	FirmwareVersion string
	UUID            string
	PowerState      string
	StatusState     string
	Health          string
	ResetTarget     string
	ResetTypes      []string
	Interfaces      []Interface
	Body            json.RawMessage // all that the BMC tells of it
}
