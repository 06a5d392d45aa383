package bmc

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// What a controller has:
//
//	/redfish/v1 ─┬─ Systems/Node0 ─┬─ EthernetInterfaces/ManagementEthernet
//	             │                 ├─ Processors/CPU0, GPU0, ... Memory/DIMM0, ... Storage/Local/Drives/Drive0, ...
//	             │                 └─ LogServices/HostLogger/Entries/0, 1, ...
//	             ├─ Chassis/Enclosure ── Controls/Node0PowerLimit (Power, NetworkAdapters/Node0, by character)
//	             ├─ Chassis/Node0 ────── Controls or EnvironmentMetrics, by character
//	             ├─ Managers/BMC ──── EthernetInterfaces/eth0
//	             ├─ AccountService/Accounts, AccountService/Roles, SessionService/Sessions
//	             └─ EventService/Subscriptions, TaskService/Tasks, UpdateService/FirmwareInventory
const (
	rootPath        = "/redfish/v1"
	sessionsPath    = rootPath + "/SessionService/Sessions"
	managerReset    = rootPath + "/Managers/BMC/Actions/Manager.Reset"
	systemReset     = "/Actions/ComputerSystem.Reset"
	hostLogger      = "/LogServices/HostLogger"
	hostEntries     = hostLogger + "/Entries"
	accountPath     = rootPath + "/AccountService/Accounts/1"
	adaptersPath    = rootPath + "/Chassis/Enclosure/NetworkAdapters"
	baseboard       = rootPath + "/Systems/Baseboard"
	submitTestEvent = rootPath + "/EventService/Actions/EventService.SubmitTestEvent"
	// simpleUpdate is what a service that is switched off would do.
	simpleUpdate = rootPath + "/UpdateService/Actions/UpdateService.SimpleUpdate"
	// lost is a member that lists name and that is not there.
	lost = "/Lost"
)

var managerResetTypes = []string{GracefulRestart, ForceRestart}

// system splits a path below Systems into the system and the rest.
func (c Controller) system(path string) (s System, rest string) {
	tail, ok := strings.CutPrefix(path, rootPath+"/Systems/Node")
	if !ok {
		return nil, ""
	}
	number, rest, found := strings.Cut(tail, "/")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(c.Systems) || number != strconv.Itoa(i) {
		return nil, ""
	}
	if found {
		rest = "/" + rest
	}
	return c.Systems[i], rest
}

// resource is the JSON at the path, empty if there is nothing.
func (c Controller) resource(path string, query url.Values) string {
	if query.Get("$expand") == "." && c.Character.expands() {
		return c.expanded(c.resource(path, nil))
	}
	if s, rest := c.system(path); s != nil {
		return c.systemResource(s, path, rest, query)
	}
	below, ok := strings.CutPrefix(path, rootPath)
	if !ok {
		if path == "/redfish" {
			return `{"v1":"/redfish/v1/"}`
		}
		return ""
	}
	if text := c.collectionAt(path, below); text != "" {
		return text
	}
	switch below {
	case "":
		return c.fill(serviceRoot)
	case "/odata":
		return `{"@odata.context":"/redfish/v1/$metadata","value":[{"name":"Service","kind":"Singleton","url":"/redfish/v1/"},` +
			`{"name":"Systems","kind":"Singleton","url":"/redfish/v1/Systems"}]}`
	case "/$metadata":
		return `<?xml version="1.0" encoding="UTF-8"?><edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"/>`
	case "/Managers/BMC/EthernetInterfaces/eth0":
		return interfaceResource(path, "eth0", "BMC network interface", c.MAC)
	case "/Systems/Baseboard":
		if c.Character.Baseboard {
			return c.fill(baseboardText)
		}
		return ""
	}
	if text := c.limitResource(path); text != "" {
		return text
	}
	if tail, ok := strings.CutPrefix(path, adaptersPath+"/"); ok {
		return c.adapterResource(path, tail)
	}
	return c.fill(services[below])
}

// collectionAt is the list at the path, empty if there is none.
func (c Controller) collectionAt(path, below string) string {
	switch below {
	case "/Systems":
		members := c.systems()
		if c.Character.Baseboard {
			members = append([]string{baseboard}, members...)
		}
		return collection(path, "ComputerSystem", members)
	case "/Chassis":
		return collection(path, "Chassis", c.withLost(path, append([]string{enclosurePath}, c.nodeChassisPaths()...)...))
	case "/Chassis/Enclosure/NetworkAdapters":
		if c.Character.Adapters {
			return collection(path, "NetworkAdapter", c.places(path+"/Node%d"))
		}
	case "/Managers":
		return collection(path, "Manager", []string{path + "/BMC"})
	case "/Managers/BMC/EthernetInterfaces":
		return collection(path, "EthernetInterface", []string{path + "/eth0"})
	case "/AccountService/Accounts":
		return collection(path, "ManagerAccount", []string{accountPath})
	case "/AccountService/Roles":
		return collection(path, "Role", []string{path + "/Administrator", path + "/Operator", path + "/ReadOnly"})
	case "/UpdateService/FirmwareInventory":
		return collection(path, "SoftwareInventory", []string{path + "/BMC"})
	}
	return ""
}

// withLost adds the member that is not there, if the character has one.
func (c Controller) withLost(path string, members ...string) []string {
	if c.Character.LostMember {
		members = append(members, path+lost)
	}
	return members
}

func (c Controller) systemResource(s System, path, rest string, query url.Values) string {
	switch rest {
	case "":
		return c.systemItself(s, path)
	case "/Processors":
		return collection(path, "Processor", c.withLost(path, append([]string{path + "/CPU0"}, numbered(path+gpu, len(s.Hardware().Accelerators))...)...))
	case "/Processors/CPU0":
		return processorResource(s.Hardware(), path)
	case "/Memory":
		return collection(path, "Memory", numbered(path+dimm, len(s.Hardware().Memory)))
	case "/Storage":
		return collection(path, "Storage", []string{path + "/Local"})
	case "/Storage/Local":
		return storageResource(path, len(s.Hardware().Drives))
	case "/LogServices":
		return collection(path, "LogService", []string{path + "/HostLogger"})
	case hostLogger:
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#LogService.v1_1_0.LogService","Id":"HostLogger","Name":"Host Logger Service",`+
			`"Description":"What the machine wrote on its serial console","Entries":{"@odata.id":%q}}`, path, path+"/Entries")
	case hostEntries:
		return consoleResource(path, s.Console(), query)
	}
	if number, ok := strings.CutPrefix(rest, hostEntries+"/"); ok {
		return consoleEntry(path, number, s.Console())
	}
	if text := partAt(s, path, rest); text != "" || c.Character.Adapters {
		return cmp.Or(text, systemAdapter(path, rest))
	}
	switch rest {
	case "/EthernetInterfaces":
		return collection(path, "EthernetInterface", c.withLost(path, path+"/ManagementEthernet"))
	case "/EthernetInterfaces/ManagementEthernet":
		return interfaceResource(path, "ManagementEthernet", "Node maintenance network", s.Hardware().MAC)
	}
	return ""
}

func processorResource(h Hardware, path string) string {
	arch, set := "x86", "x86-64"
	if h.ARM {
		arch, set = "ARM", "ARM-A64"
	}
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Processor.v1_7_0.Processor","Id":"CPU0","Name":"Processor",`+
		`"ProcessorType":"CPU","ProcessorArchitecture":%q,"InstructionSet":%q,"Manufacturer":%q,"Model":%q,`+
		`"SerialNumber":%q,"Socket":"CPU0","TotalCores":%d,"TotalThreads":%d,"Status":{"State":"Enabled","Health":"OK"}}`,
		path, arch, set, h.Manufacturer, h.Processor, h.ProcessorSerial, h.Cores, h.Threads)
}

func (c Controller) systemItself(s System, path string) string {
	h, power, boot := s.Hardware(), s.PowerState(), s.BootOverride()
	status := "Enabled"
	switch power {
	case Off:
		status = "Disabled"
	case PoweringOn:
		status = "Starting"
	}
	ports, allowed := "EthernetInterfaces", ""
	if c.Character.Adapters {
		ports = "NetworkInterfaces"
	}
	if !c.Character.Untold {
		text, _ := json.Marshal(c.Character.offers()) // strings always encode
		allowed = `,"ResetType@Redfish.AllowableValues":` + string(text)
	}
	return strings.NewReplacer("{path}", path, "{id}", path[strings.LastIndexByte(path, '/')+1:], "{power}", string(power), "{status}", status,
		"{manufacturer}", h.Manufacturer, "{model}", h.Model, "{serial}", h.SerialNumber, "{uuid}", h.UUID, "{bios}", h.BIOS, "{ports}", ports,
		"{processor}", h.Processor, "{memory}", strconv.FormatFloat(h.MemoryGiB, 'f', -1, 64), "{enabled}", cmp.Or(boot.Enabled, Disabled), "{target}", cmp.Or(boot.Target, None),
		"{root}", rootPath, "{allowed}", allowed, "{chassis}", c.chassisOf(path)).Replace(systemText)
}

// number is a query parameter between 0 and most.
func number(query url.Values, name string, otherwise, most int) int {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < 0 {
		n = otherwise
	}
	return min(n, most)
}

func (c Controller) systems() []string { return c.places(rootPath + "/Systems/Node%d") }

// places are paths with the number of each system in them.
func (c Controller) places(format string) []string {
	paths := make([]string, len(c.Systems))
	for i := range paths {
		paths[i] = fmt.Sprintf(format, i)
	}
	return paths
}

// fill puts the controller's own values into a text of this package.
func (c Controller) fill(text string) string {
	adapters := ""
	if c.Character.Adapters {
		adapters = `"NetworkAdapters":{"@odata.id":"` + adaptersPath + `"},`
	}
	events := "Enabled"
	if c.Character.NoEvents {
		events = "Disabled"
	}
	return strings.NewReplacer("{events}", strconv.FormatBool(!c.Character.NoEvents), "{eventsAre}", events, "{model}", c.Model, "{uuid}", c.UUID, "{serial}", c.SerialNumber, "{root}", rootPath,
		"{systems}", references(c.systems()), "{adapters}", adapters, "{limits}", c.enclosureLimits(), "{expands}", strconv.FormatBool(c.Character.expands())).Replace(text)
}

func collection(path, of string, members []string) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#%sCollection.%sCollection","Name":%q,"Members@odata.count":%d,"Members":%s}`,
		path, of, of, of+" Collection", len(members), references(members))
}

func references(paths []string) string {
	type ref struct {
		ID string `json:"@odata.id"`
	}
	refs := make([]ref, len(paths))
	for i, p := range paths {
		refs[i].ID = p
	}
	text, _ := json.Marshal(refs) // strings always encode
	return string(text)
}

func interfaceResource(path, id, description, mac string) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#EthernetInterface.v1_6_0.EthernetInterface","Id":%q,"Name":%q,"Description":%q,`+
		`"InterfaceEnabled":true,"MACAddress":%q,"PermanentMACAddress":%q,"Status":{"State":"Enabled","Health":"OK"}}`,
		path, id, id, description, mac, mac)
}

func sessionResource(path, id, user string) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Session.v1_2_1.Session","Id":%q,"Name":"User Session","UserName":%q}`, path, id, user)
}
