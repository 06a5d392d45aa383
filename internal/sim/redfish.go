package sim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// bmc is one BMC's view of its nodes. Its resources are written when they are
// asked for: nothing is kept for them.
//
//	/redfish/v1 ─┬─ Systems/Node0 ─┬─ EthernetInterfaces/ManagementEthernet
//	             │                 └─ Processors/CPU0
//	             ├─ Chassis/Enclosure
//	             ├─ Managers/BMC ──── EthernetInterfaces/eth0
//	             └─ AccountService, SessionService/Sessions, EventService/Subscriptions, Tasks, UpdateService
type bmc struct {
	place int
	nodes []Node
}

const (
	rootPath     = "/redfish/v1"
	sessionsPath = rootPath + "/SessionService/Sessions"
	managerReset = rootPath + "/Managers/BMC/Actions/Manager.Reset"
	systemReset  = "/Actions/ComputerSystem.Reset"
)

var managerResetTypes = []string{"GracefulRestart", "ForceRestart"}

// unreachable BMCs have a node that says so.
func (b bmc) unreachable() bool {
	for i := range b.nodes {
		if b.nodes[i].Faults().UnreachableBMC {
			return true
		}
	}
	return false
}

// system splits a path below Systems into the node and the rest.
func (b bmc) system(path string) (n *Node, rest string) {
	tail, ok := strings.CutPrefix(path, rootPath+"/Systems/Node")
	if !ok {
		return nil, ""
	}
	number, rest, found := strings.Cut(tail, "/")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(b.nodes) || number != strconv.Itoa(i) {
		return nil, ""
	}
	if found {
		rest = "/" + rest
	}
	return &b.nodes[i], rest
}

func (b bmc) resetTarget(path string) *Node {
	if n, rest := b.system(path); rest == systemReset {
		return n
	}
	return nil
}

// resource is the JSON at the path, empty if there is nothing.
func (b bmc) resource(path string) string {
	if n, rest := b.system(path); n != nil {
		return b.systemResource(n, path, rest)
	}
	below, ok := strings.CutPrefix(path, rootPath)
	if !ok {
		if path == "/redfish" {
			return `{"v1":"/redfish/v1/"}`
		}
		return ""
	}
	switch below {
	case "":
		return b.fill(serviceRoot)
	case "/odata":
		return `{"@odata.context":"/redfish/v1/$metadata","value":[{"name":"Service","kind":"Singleton","url":"/redfish/v1/"},` +
			`{"name":"Systems","kind":"Singleton","url":"/redfish/v1/Systems"}]}`
	case "/$metadata":
		return `<?xml version="1.0" encoding="UTF-8"?><edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"/>`
	case "/Systems":
		return collection(path, "ComputerSystem", b.systems())
	case "/Chassis":
		return collection(path, "Chassis", []string{path + "/Enclosure"})
	case "/Managers":
		return collection(path, "Manager", []string{path + "/BMC"})
	case "/Managers/BMC/EthernetInterfaces":
		return collection(path, "EthernetInterface", []string{path + "/eth0"})
	case "/EventService/Subscriptions":
		return collection(path, "EventDestination", nil)
	case "/AccountService/Accounts":
		return collection(path, "ManagerAccount", nil)
	case "/Tasks/Tasks":
		return collection(path, "Task", nil)
	case "/Managers/BMC/EthernetInterfaces/eth0":
		return interfaceResource(path, "eth0", "BMC network interface", bmcMAC(b.place))
	}
	return b.fill(services[below])
}

func (b bmc) systemResource(n *Node, path, rest string) string {
	switch rest {
	case "":
		return n.systemResource(path)
	case "/EthernetInterfaces":
		return collection(path, "EthernetInterface", []string{path + "/ManagementEthernet"})
	case "/EthernetInterfaces/ManagementEthernet":
		return interfaceResource(path, "ManagementEthernet", "Node maintenance network", n.MAC())
	case "/Processors":
		return collection(path, "Processor", []string{path + "/CPU0"})
	case "/Processors/CPU0":
		arch, set := n.processor()
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Processor.v1_7_0.Processor","Id":"CPU0","Name":"Processor",`+
			`"ProcessorType":"CPU","ProcessorArchitecture":%q,"InstructionSet":%q,"Manufacturer":"Drover","Model":"Simulated processor",`+
			`"TotalCores":64,"TotalThreads":128,"Status":{"State":"Enabled","Health":"OK"}}`, path, arch, set)
	case "/Memory":
		return collection(path, "Memory", nil)
	}
	return ""
}

func (n *Node) processor() (architecture, instructions string) {
	if n.ARM() {
		return "ARM", "ARM-A64"
	}
	return "x86", "x86-64"
}

func (n *Node) systemResource(path string) string {
	power := n.PowerState()
	status := "Enabled"
	switch power {
	case Off:
		status = "Disabled"
	case PoweringOn:
		status = "Starting"
	}
	return strings.NewReplacer("{path}", path, "{id}", path[strings.LastIndexByte(path, '/')+1:], "{power}", string(power),
		"{status}", status, "{uuid}", uuid(1, n.place), "{serial}", strconv.Itoa(n.place), "{root}", rootPath).Replace(systemText)
}

func (b bmc) systems() []string {
	paths := make([]string, len(b.nodes))
	for i := range paths {
		paths[i] = fmt.Sprintf("%s/Systems/Node%d", rootPath, i)
	}
	return paths
}

// fill puts the BMC's own values into a text of this package.
func (b bmc) fill(text string) string {
	return strings.NewReplacer("{uuid}", uuid(2, b.place), "{serial}", strconv.Itoa(b.place), "{root}", rootPath,
		"{systems}", references(b.systems())).Replace(text)
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
