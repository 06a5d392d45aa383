package redfish

import (
	"context"
	"fmt"
	"strings"
)

// root is where every Redfish service begins.
const root = "/redfish/v1/"

type link struct {
	OdataID string `json:"@odata.id"`
}

// resource is the part that the resources of interest have in common.
type resource struct {
	ID           string
	Name         string
	Manufacturer string
	Model        string
	SerialNumber string
	UUID         string
	PowerState   string
	Status       struct{ State, Health string }
	Actions      map[string]resetAction
	// EthernetInterfaces is a link to their collection.
	EthernetInterfaces link

	SystemType, ChassisType, ManagerType, FirmwareVersion string
	// Processors, NetworkInterfaces (of a system) and NetworkAdapters (of a
	// chassis) are links to collections.
	Processors, NetworkInterfaces, NetworkAdapters link

	Links struct{ Chassis, ComputerSystems []link }
}

type resetAction struct {
	Target     string   `json:"target"`
	Allowed    []string `json:"ResetType@Redfish.AllowableValues"`
	ActionInfo string   `json:"@Redfish.ActionInfo"`
}

// Walk reads the BMC's tree: managers, chassis, and systems with their
// interfaces and reset actions, each list in the order of the resources'
// paths, numbers in them as numbers. Collections that the BMC does not have are
// empty. The service root, the list of systems and each system must be readable,
// for nodes are numbered by them; what else is not becomes one of the
// inventory's problems. A BMC that says "later" is waited for, a minute in all.
// Requests go one after another, as small BMCs want.
func (d *Driver) Walk(ctx context.Context, address string, login Login) (Inventory, error) {
	w := walker{ctx: ctx, driver: d, address: address, login: login}
	inv := w.walk()
	if w.silent > 0 { // a resource without an answer, or a BMC that went away?
		w.read(root, &struct{}{}, required)
	}
	if w.err != nil {
		return Inventory{}, fmt.Errorf("walk BMC %s: %w", address, w.err)
	}
	inv.Problems = w.problems
	return inv, nil
}

func (w *walker) walk() Inventory {
	var service struct {
		RedfishVersion             string
		UUID                       string
		Managers, Chassis, Systems link
	}
	w.read(root, &service, required)
	inv := Inventory{RedfishVersion: service.RedfishVersion, UUID: service.UUID}
	for _, path := range w.members(service.Chassis, desiredList) {
		w.chassis(path, &inv)
	}
	for _, path := range w.members(service.Managers, desiredList) {
		w.manager(path, &inv)
	}
	for _, path := range w.members(service.Systems, requiredList) {
		w.system(path, &inv)
	}
	w.seekMACs(&inv)
	return inv
}

func (w *walker) chassis(path string, inv *Inventory) {
	r, target, types, ok := w.resource(path, "#Chassis.Reset", desired)
	if !ok {
		return
	}
	w.boxes = append(w.boxes, box{path, r})
	inv.Chassis = append(inv.Chassis, Chassis{OdataID: path, ID: r.ID, Name: r.Name, ChassisType: r.ChassisType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, PowerState: r.PowerState, StatusState: r.Status.State,
		Health: r.Status.Health, ResetTarget: target, ResetTypes: types})
}

func (w *walker) manager(path string, inv *Inventory) {
	r, target, types, ok := w.resource(path, "#Manager.Reset", desired)
	if !ok {
		return
	}
	inv.Managers = append(inv.Managers, Manager{OdataID: path, ID: r.ID, Name: r.Name, ManagerType: r.ManagerType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, FirmwareVersion: r.FirmwareVersion, UUID: r.UUID,
		PowerState: r.PowerState, StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target,
		ResetTypes: types, Interfaces: w.interfaces(r.EthernetInterfaces)})
}

func (w *walker) system(path string, inv *Inventory) {
	r, target, types, ok := w.resource(path, "#ComputerSystem.Reset", required)
	if !ok {
		return
	}
	w.systems = append(w.systems, r)
	inv.Systems = append(inv.Systems, System{OdataID: path, ID: r.ID, Name: r.Name, SystemType: r.SystemType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, UUID: r.UUID, PowerState: r.PowerState,
		StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target, ResetTypes: types,
		Interfaces: w.interfaces(r.EthernetInterfaces), ProcessorArchitecture: w.architecture(r.Processors)})
}

// resource reads a resource and its reset action.
func (w *walker) resource(path, action string, how need) (r resource, target string, types []string, ok bool) {
	if !w.read(path, &r, how) {
		return r, "", nil, false
	}
	if r.ID == "" {
		r.ID = path[strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')+1:]
	}
	reset := r.Actions[action]
	return r, reset.Target, w.allowed(reset), true
}

// allowed are the ResetTypes of the action. BMCs that do not list them in the
// action describe them in a document of their own.
func (w *walker) allowed(reset resetAction) []string {
	if len(reset.Allowed) > 0 || reset.ActionInfo == "" {
		return reset.Allowed
	}
	var info struct {
		Parameters []struct {
			Name            string
			AllowableValues []string
		}
	}
	w.read(reset.ActionInfo, &info, desiredList)
	for _, p := range info.Parameters {
		if p.Name == "ResetType" {
			return p.AllowableValues
		}
	}
	return nil
}

func (w *walker) interfaces(collection link) []Interface {
	var out []Interface
	for _, path := range w.members(collection, desiredList) {
		var r struct{ ID, MACAddress, PermanentMACAddress, Description string }
		if !w.read(path, &r, desired) {
			continue
		}
		if _, ok := parseMAC(r.MACAddress); !ok && r.PermanentMACAddress != "" {
			r.MACAddress = r.PermanentMACAddress
		}
		out = append(out, Interface{OdataID: path, ID: r.ID, MAC: r.MACAddress, Description: r.Description})
	}
	return out
}

// architecture is that of the first processor which tells one; accelerators
// may be listed among the processors.
func (w *walker) architecture(collection link) string {
	for _, path := range w.members(collection, desiredList) {
		var p struct{ ProcessorType, ProcessorArchitecture, InstructionSet string }
		if !w.read(path, &p, desired) || p.ProcessorType != "" && p.ProcessorType != "CPU" {
			continue
		}
		if p.ProcessorArchitecture != "" {
			return p.ProcessorArchitecture
		}
		if p.InstructionSet != "" {
			return p.InstructionSet
		}
	}
	return ""
}
