package hsm

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// hardwareKind is how the interface speaks of one type of hardware.
type hardwareKind struct {
	typ  string
	name string // in HWInvByLocNAME, HWInvByFRUNAME, NAMELocationInfo, NAMEFRUInfo
	list string // of a HWInventory
	// The properties of the Redfish resource that belong to the place and to the
	// part.
	location, part []string
}

var (
	placeWords     = []string{"Id", "Name", "Description"}
	hostWords      = []string{"Id", "Name", "Description", "Hostname"}
	makerWords     = []string{"Manufacturer", "Model", "PartNumber", "SerialNumber"}
	chassisWords   = []string{"AssetTag", "ChassisType", "Manufacturer", "Model", "PartNumber", "SKU", "SerialNumber"}
	processorWords = []string{"InstructionSet", "Manufacturer", "MaxSpeedMHz", "Model", "PartNumber", "ProcessorArchitecture", "ProcessorId",
		"ProcessorType", "SerialNumber", "TotalCores", "TotalThreads"}
	supplyWords = []string{"Manufacturer", "Model", "PartNumber", "SerialNumber", "PowerCapacityWatts", "PowerInputWatts", "PowerOutputWatts", "PowerSupplyType"}
)

// hardwareKinds are all types of hardware that the inventory has. What changes
// without anybody's doing, such as a controller's clock, is not in it.
var hardwareKinds = []hardwareKind{
	{"Cabinet", "Cabinet", "Cabinets", hostWords, chassisWords},
	{"Chassis", "Chassis", "Chassis", hostWords, chassisWords},
	{"ComputeModule", "ComputeModule", "ComputeModules", hostWords, chassisWords},
	{"RouterModule", "RouterModule", "RouterModules", hostWords, chassisWords},
	{"NodeEnclosure", "NodeEnclosure", "NodeEnclosures", hostWords, chassisWords},
	{"HSNBoard", "HSNBoard", "HSNBoards", hostWords, chassisWords},
	{"MgmtSwitch", "MgmtSwitch", "MgmtSwitches", hostWords, chassisWords},
	{"MgmtHLSwitch", "MgmtHLSwitch", "MgmtHLSwitches", hostWords, chassisWords},
	{"CDUMgmtSwitch", "CDUMgmtSwitch", "CDUMgmtSwitches", hostWords, chassisWords},
	{"Node", "Node", "Nodes", []string{"Id", "Name", "Description", "Hostname", "ProcessorSummary", "MemorySummary"},
		[]string{"AssetTag", "BiosVersion", "Manufacturer", "Model", "PartNumber", "SKU", "SerialNumber", "SystemType", "UUID"}},
	{"Processor", "Processor", "Processors", []string{"Id", "Name", "Description", "Socket"}, processorWords},
	{"NodeAccel", "NodeAccel", "NodeAccels", []string{"Id", "Name", "Description", "Socket"}, processorWords},
	{"NodeAccelRiser", "NodeAccelRiser", "NodeAccelRisers", []string{"Name", "Description"}, []string{"EngineeringChangeLevel", "Model", "PartNumber",
		"PhysicalContext", "Producer", "ProductionDate", "SerialNumber", "Version"}},
	{"Drive", "Drive", "Drives", placeWords, []string{"BlockSizeBytes", "CapableSpeedGbs", "CapacityBytes", "EncryptionAbility", "EncryptionStatus",
		"FailurePredicted", "Manufacturer", "MediaType", "Model", "NegotiatedSpeedGbs", "PartNumber", "PredictedMediaLifeLeftPercent", "Protocol",
		"RotationSpeedRPM", "SKU", "SerialNumber"}},
	{"Memory", "Memory", "Memory", []string{"Id", "Name", "Description", "MemoryLocation"}, []string{"BaseModuleType", "BusWidthBits", "CapacityMiB", "DataWidthBits",
		"ErrorCorrection", "Manufacturer", "MemoryDeviceType", "MemoryType", "Model", "OperatingSpeedMhz", "PartNumber", "RankCount", "SerialNumber"}},
	{"CabinetPDU", "PDU", "CabinetPDUs", []string{"Id", "Name", "Description", "UUID"}, []string{"AssetTag", "CircuitSummary", "DateOfManufacture",
		"EquipmentType", "FirmwareVersion", "HardwareRevision", "Manufacturer", "Model", "PartNumber", "SKU", "SerialNumber"}},
	{"CabinetPDUPowerConnector", "Outlet", "CabinetPDUPowerConnectors", placeWords,
		[]string{"NominalVoltage", "OutletType", "PhaseWiringType", "RatedCurrentAmps", "VoltageType"}},
	{"CMMRectifier", "CMMRectifier", "CMMRectifiers", []string{"Name", "FirmwareVersion"}, supplyWords},
	{"NodeEnclosurePowerSupply", "NodeEnclosurePowerSupply", "NodeEnclosurePowerSupplies", []string{"Name", "FirmwareVersion"}, supplyWords},
	{"NodeBMC", "NodeBMC", "NodeBMC", []string{"Id", "Name", "Description", "FirmwareVersion"}, append([]string{"ManagerType"}, makerWords...)},
	{"RouterBMC", "RouterBMC", "RouterBMC", []string{"Id", "Name", "Description", "FirmwareVersion"}, append([]string{"ManagerType"}, makerWords...)},
	{"NodeHsnNic", "HSNNIC", "NodeHsnNICs", placeWords, append([]string{"SKU"}, makerWords...)},
}

var kindsByType = func() map[string]*hardwareKind {
	out := make(map[string]*hardwareKind, len(hardwareKinds))
	for i := range hardwareKinds {
		out[hardwareKinds[i].typ] = &hardwareKinds[i]
	}
	return out
}()

// kindOf is the kind of the type; nil if the inventory has none.
func kindOf(typ string) *hardwareKind { return kindsByType[typ] }

func kindNames(prefix string) []any {
	out := make([]any, len(hardwareKinds))
	for i := range hardwareKinds {
		out[i] = prefix + hardwareKinds[i].name
	}
	return out
}

// partInfo is the name of the part's properties.
func (k *hardwareKind) partInfo() string {
	if k.typ == "CMMRectifier" {
		return "PowerSupplyFRUInfo"
	}
	return k.name + "FRUInfo"
}

// isInNode tells whether the kind is of what a node has inside.
func (k *hardwareKind) isInNode() bool {
	switch k.typ {
	case "Processor", "NodeAccel", "NodeAccelRiser", "Drive", "Memory", "NodeHsnNic":
		return true
	}
	return false
}

// hardware records what the resource tells of the place, if the inventory has
// such places. Without its text nothing is known.
func (m *mapper) hardware(id, path string, body json.RawMessage) {
	k := kindOf(string(xname.TypeOf(id)))
	var all properties
	if k == nil || len(body) == 0 || json.Unmarshal(body, &all) != nil {
		return
	}
	h := Hardware{ID: id, Type: k.typ, Ordinal: ordinal(id), Status: stateEmpty, Info: all.only(k.location)}
	var status struct{ State string }
	if json.Unmarshal(all["Status"], &status); status.State != "Absent" { //nolint:errcheck // no status is not absent
		info := all.only(k.part)
		h.Status, h.FRU = statePopulated, &FRU{ID: fruID(k.typ, id, info), Type: k.typ, Info: info}
	}
	m.out.hardware = append(m.out.hardware, place{Hardware: h, Endpoint: m.endpoint.ID, Path: path})
}

// only are the named properties that there are.
func (p properties) only(names []string) properties {
	out := properties{}
	for _, name := range names {
		value, ok := p[name]
		if !ok || string(value) == "null" || string(value) == `""` {
			continue
		}
		if text, err := json.Marshal(value); err == nil { // as the store spells it
			out[name] = text
		}
	}
	return out
}

// inside records what the node has inside: processors p0, p1, ..., accelerators
// a0, ..., memory d0, ..., and drives g0k0, ...
func (m *mapper) inside(node string, r *redfish.System) {
	counts := map[string]int{}
	next := func(letter string) string {
		n := counts[letter]
		counts[letter]++
		return node + letter + strconv.Itoa(n)
	}
	for _, p := range r.Processors {
		var kind struct{ ProcessorType string }
		json.Unmarshal(p.Body, &kind) //nolint:errcheck // a processor that does not say is a CPU
		switch kind.ProcessorType {
		case "GPU", "Accelerator":
			m.hardware(next("a"), p.OdataID, p.Body)
		case "", "CPU":
			m.hardware(next("p"), p.OdataID, p.Body)
		}
	}
	for _, p := range r.Memory {
		m.hardware(next("d"), p.OdataID, p.Body)
	}
	for _, s := range r.Storage {
		group := next("g")
		for k, p := range s.Drives {
			m.hardware(group+"k"+strconv.Itoa(k), p.OdataID, p.Body)
		}
	}
}

// nodeOf is the node that the place is in, itself if it is one; empty if none.
func nodeOf(id string) string {
	for ; id != "" && strings.Contains(id, "n"); id = xname.Parent(id) {
		if xname.IsNode(id) {
			return id
		}
	}
	return ""
}

// nested puts what nodes have inside into the nodes that are there.
func nested(all []Hardware) []Hardware {
	at := map[string]int{} // the nodes in out
	var out, inside []Hardware
	for i := range all {
		switch k := kindOf(all[i].Type); {
		case k.isInNode():
			inside = append(inside, all[i])
			continue
		case all[i].Type == string(xname.Node):
			at[all[i].ID] = len(out)
		}
		out = append(out, all[i])
	}
	for i := range inside {
		n, ok := at[nodeOf(inside[i].ID)]
		if !ok {
			out = append(out, inside[i])
			continue
		}
		if out[n].parts == nil {
			out[n].parts = map[string][]Hardware{}
		}
		list := kindOf(inside[i].Type).list
		out[n].parts[list] = append(out[n].parts[list], inside[i])
	}
	return out
}
