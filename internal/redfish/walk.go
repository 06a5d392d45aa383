package redfish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	// Processors is a link to their collection.
	Processors link
}

type resetAction struct {
	Target     string   `json:"target"`
	Allowed    []string `json:"ResetType@Redfish.AllowableValues"`
	ActionInfo string   `json:"@Redfish.ActionInfo"`
}

// Walk reads the BMC's tree: managers, chassis, and systems with their
// interfaces and reset actions, each list in the order of the resources'
// paths. Collections that the BMC does not have are empty; anything else that
// goes wrong ends the walk. Requests go one after another, as small BMCs want.
func (d *Driver) Walk(ctx context.Context, address string, login Login) (Inventory, error) {
	w := walker{ctx: ctx, driver: d, address: address, login: login}
	var service struct {
		RedfishVersion             string
		UUID                       string
		Managers, Chassis, Systems link
	}
	w.get(root, &service)
	inv := Inventory{RedfishVersion: service.RedfishVersion, UUID: service.UUID}
	for _, path := range w.members(service.Chassis) {
		inv.Chassis = append(inv.Chassis, w.chassis(path))
	}
	for _, path := range w.members(service.Managers) {
		inv.Managers = append(inv.Managers, w.manager(path))
	}
	for _, path := range w.members(service.Systems) {
		inv.Systems = append(inv.Systems, w.system(path))
	}
	if w.err != nil {
		return Inventory{}, fmt.Errorf("walk BMC %s: %w", address, w.err)
	}
	return inv, nil
}

// walker makes the requests of one walk. After an error it makes no more.
type walker struct {
	ctx     context.Context
	driver  *Driver
	address string
	login   Login
	err     error
}

func (w *walker) get(path string, out any) {
	if w.err == nil && path != "" {
		w.err = w.driver.get(w.ctx, w.address, w.login, path, out)
	}
}

// optional is get of what a BMC may link to without having it.
func (w *walker) optional(path string, out any) {
	w.get(path, out)
	var refused *Error
	if errors.As(w.err, &refused) && refused.Status == http.StatusNotFound {
		w.err = nil
	}
}

// members lists the paths in a collection, of all its pages.
func (w *walker) members(collection link) []string {
	var paths []string
	for next, pages := collection.OdataID, 0; next != "" && w.err == nil && pages < 1000; pages++ {
		var page struct {
			Members []link
			Next    string `json:"Members@odata.nextLink"`
		}
		w.optional(next, &page)
		for _, m := range page.Members {
			paths = append(paths, m.OdataID)
		}
		next = page.Next
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func (w *walker) chassis(path string) Chassis {
	r, target, types := w.resource(path, "#Chassis.Reset")
	return Chassis{OdataID: path, ID: r.ID, Name: r.Name, ChassisType: r.ChassisType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, PowerState: r.PowerState, StatusState: r.Status.State,
		Health: r.Status.Health, ResetTarget: target, ResetTypes: types}
}

func (w *walker) manager(path string) Manager {
	r, target, types := w.resource(path, "#Manager.Reset")
	return Manager{OdataID: path, ID: r.ID, Name: r.Name, ManagerType: r.ManagerType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, FirmwareVersion: r.FirmwareVersion, UUID: r.UUID,
		PowerState: r.PowerState, StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target,
		ResetTypes: types, Interfaces: w.interfaces(r.EthernetInterfaces)}
}

func (w *walker) system(path string) System {
	r, target, types := w.resource(path, "#ComputerSystem.Reset")
	return System{OdataID: path, ID: r.ID, Name: r.Name, SystemType: r.SystemType, Manufacturer: r.Manufacturer,
		Model: r.Model, SerialNumber: r.SerialNumber, UUID: r.UUID, PowerState: r.PowerState,
		StatusState: r.Status.State, Health: r.Status.Health, ResetTarget: target, ResetTypes: types,
		Interfaces: w.interfaces(r.EthernetInterfaces), ProcessorArchitecture: w.architecture(r.Processors)}
}

// resource reads a resource and its reset action.
func (w *walker) resource(path, action string) (r resource, target string, types []string) {
	w.get(path, &r)
	if r.ID == "" {
		r.ID = path[strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')+1:]
	}
	reset := r.Actions[action]
	return r, reset.Target, w.allowed(reset)
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
	w.optional(reset.ActionInfo, &info)
	for _, p := range info.Parameters {
		if p.Name == "ResetType" {
			return p.AllowableValues
		}
	}
	return nil
}

func (w *walker) interfaces(collection link) []Interface {
	var out []Interface
	for _, path := range w.members(collection) {
		var r struct{ ID, MACAddress, PermanentMACAddress, Description string }
		w.get(path, &r)
		if r.MACAddress == "" {
			r.MACAddress = r.PermanentMACAddress
		}
		out = append(out, Interface{OdataID: path, ID: r.ID, MAC: r.MACAddress, Description: r.Description})
	}
	return out
}

// architecture is that of the first processor which tells one; accelerators
// may be listed among the processors.
func (w *walker) architecture(collection link) string {
	for _, path := range w.members(collection) {
		var p struct{ ProcessorType, ProcessorArchitecture, InstructionSet string }
		w.get(path, &p)
		if p.ProcessorType != "" && p.ProcessorType != "CPU" {
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
