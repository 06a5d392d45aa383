package redfish

import (
	"bytes"
	"context"
	"encoding/json"
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
	// Processors, Memory, Storage, NetworkInterfaces (of a system) and
	// NetworkAdapters (of a chassis) are links to collections.
	Processors, Memory, Storage, NetworkInterfaces, NetworkAdapters link

	Links struct{ Chassis, ComputerSystems []link }

	body json.RawMessage
}

// UnmarshalJSON keeps the text beside what is understood of it.
func (r *resource) UnmarshalJSON(text []byte) error {
	type understood resource
	err := json.Unmarshal(text, (*understood)(r))
	r.body = bytes.Clone(text)
	return err
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
		ProtocolFeaturesSupported  struct{ ExpandQuery struct{ NoLinks bool } }
		serviceLinks
	}
	w.read(root, &service, required)
	w.expands = service.ProtocolFeaturesSupported.ExpandQuery.NoLinks
	inv := Inventory{RedfishVersion: service.RedfishVersion, UUID: service.UUID}
	for _, m := range w.list(service.Chassis) {
		w.chassis(m, &inv)
	}
	for _, m := range w.list(service.Managers) {
		w.manager(m, &inv)
	}
	for _, path := range w.members(service.Systems, requiredList) {
		w.system(path, &inv)
	}
	w.seekMACs(&inv)
	inv.Services = w.services(service.serviceLinks)
	return inv
}

func (w *walker) chassis(m member, inv *Inventory) {
	path := m.path
	r, target, types, ok := w.resource(m, "#Chassis.Reset", desired)
	if !ok {
		return
	}
	w.boxes = append(w.boxes, box{path, r})
	inv.Chassis = append(inv.Chassis, Chassis{OdataID: path, ID: r.ID, Name: r.Name, ChassisType: r.ChassisType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, PowerState: r.PowerState, StatusState: r.Status.State,
		Health: r.Status.Health, ResetTarget: target, ResetTypes: types, Body: r.body})
}

func (w *walker) manager(m member, inv *Inventory) {
	path := m.path
	r, target, types, ok := w.resource(m, "#Manager.Reset", desired)
	if !ok {
		return
	}
	inv.Managers = append(inv.Managers, Manager{OdataID: path, ID: r.ID, Name: r.Name, ManagerType: r.ManagerType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, FirmwareVersion: r.FirmwareVersion, UUID: r.UUID,
		PowerState: r.PowerState, StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target,
		ResetTypes: types, Interfaces: w.interfaces(r.EthernetInterfaces), Body: r.body})
}

func (w *walker) system(path string, inv *Inventory) {
	r, target, types, ok := w.resource(member{path: path}, "#ComputerSystem.Reset", required)
	if !ok {
		return
	}
	w.systems = append(w.systems, r)
	interfaces, processors := w.interfaces(r.EthernetInterfaces), w.parts(r.Processors)
	inv.Systems = append(inv.Systems, System{OdataID: path, ID: r.ID, Name: r.Name, SystemType: r.SystemType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, UUID: r.UUID, PowerState: r.PowerState,
		StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target, ResetTypes: types,
		Interfaces: interfaces, ProcessorArchitecture: architecture(processors), Processors: processors,
		Memory: w.parts(r.Memory), Storage: w.storage(r.Storage), Body: r.body})
}

// resource reads a resource and its reset action.
func (w *walker) resource(m member, action string, how need) (r resource, target string, types []string, ok bool) {
	path := m.path
	if !w.readMember(m, &r, how) {
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
	for _, m := range w.list(collection) {
		path := m.path
		var r struct{ ID, MACAddress, PermanentMACAddress, Description string }
		if !w.readMember(m, &r, desired) {
			continue
		}
		if _, ok := parseMAC(r.MACAddress); !ok && r.PermanentMACAddress != "" {
			r.MACAddress = r.PermanentMACAddress
		}
		out = append(out, Interface{OdataID: path, ID: r.ID, MAC: r.MACAddress, Description: r.Description})
	}
	return out
}
