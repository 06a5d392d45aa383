package hsm

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/store"
)

// chassisOf is a machine whose parts can be pulled out.
type chassisOf struct {
	mu sync.Mutex
	bmc.Hardware
}

func (m *chassisOf) set(change func(h *bmc.Hardware)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.Hardware)
}

type shelf struct{ *chassisOf }

func (m shelf) Hardware() bmc.Hardware {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.chassisOf.Hardware
}
func (shelf) PowerState() bmc.PowerState                    { return bmc.Off }
func (shelf) Reset(string) *bmc.Refusal                     { return nil }
func (shelf) BootOverride() bmc.BootOverride                { return bmc.BootOverride{} }
func (shelf) SetBootOverride(bmc.BootOverride) *bmc.Refusal { return nil }
func (shelf) Console() []string                             { return nil }

func testPart(serial string) bmc.Part {
	return bmc.Part{Manufacturer: "Maker Inc.", Model: "M", PartNumber: "PN-1", SerialNumber: serial, Bytes: 64 << 30}
}

// twoBMCs are the services of two BMCs that a real walker discovers: x1000c0s0b0
// and x1000c0s1b0, of characters that tell lists whole or by links only.
func twoBMCs(t *testing.T) (b *bench, nodes [2]*chassisOf) {
	b = newBench(t, redfish.New(8)).started()
	lost, _ := bmc.CharacterOf("lost-member")
	byAddress := map[netip.Addr]bmc.Controller{}
	face := bmc.NewFace(func(a netip.Addr) (bmc.Controller, bool) { c, ok := byAddress[a]; return c, ok }, "root", "secret")
	t.Cleanup(face.Close)
	var listeners []net.Listener
	for i, address := range []string{"127.40.1.1", "127.40.1.2"} {
		nodes[i] = &chassisOf{Hardware: bmc.Hardware{Manufacturer: "Maker Inc.", Model: "Node", SerialNumber: "N" + address[9:], UUID: "u", MAC: "02:00:00:00:01:0" + address[9:],
			Processor: "P", ProcessorSerial: "C" + address[9:], Memory: []bmc.Part{testPart("DIMM-" + address[9:]), {}},
			Drives: []bmc.Part{testPart("DRIVE-" + address[9:])}, Accelerators: []bmc.Part{testPart("GPU-" + address[9:])}}}
		c := bmc.Controller{Number: i, Model: "BMC", SerialNumber: "B" + address[9:], UUID: "b" + address[9:], MAC: "02:00:00:00:02:0" + address[9:], Systems: []bmc.System{shelf{nodes[i]}}}
		if i == 1 {
			c.Character = lost
		}
		byAddress[netip.MustParseAddr(address)] = c
		l, err := net.Listen("tcp", address+":0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
	}
	for i, l := range listeners {
		go face.Serve(l) //nolint:errcheck // ends with Close
		bmc := []string{"x1000c0s0b0", "x1000c0s1b0"}[i]
		b.ok("POST", redfishEndpointsPath, `{"ID":"`+bmc+`","FQDN":"`+l.Addr().String()+`","User":"root","Password":"secret","RediscoverOnUpdate":true}`)
	}
	b.rediscovered()
	return b, nodes
}

// rediscovered waits until both are.
func (b *bench) rediscovered() {
	b.t.Helper()
	for _, bmc := range []string{"x1000c0s0b0", "x1000c0s1b0"} {
		b.discovered(bmc, DiscoverOK)
	}
}

func (b *bench) rediscover() {
	b.t.Helper()
	if err := b.client.Discover(b.t.Context(), nil); err != nil {
		b.t.Fatal(err)
	}
	b.rediscovered()
}

// story is a history in short: events with place or part.
func (b *bench) story(path string) string {
	b.t.Helper()
	var h HardwareHistory
	if err := json.Unmarshal([]byte(b.ok("GET", path, "")), &h); err != nil {
		b.t.Fatal(err)
	}
	lines := make([]string, len(h.History))
	for i, e := range h.History {
		other := e.FRUID
		if strings.Contains(path, "ByFRU") {
			other = e.ID
		}
		lines[i] = e.EventType + " " + other
	}
	return strings.Join(lines, ", ")
}

func TestDiscoveryFillsTheHardwareInventory(t *testing.T) {
	b, _ := twoBMCs(t)
	var all []Hardware
	if err := json.Unmarshal([]byte(b.ok("GET", hardwarePath, "")), &all); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, h := range all {
		ids = append(ids, h.ID)
	}
	want := words("x1000c0s0b0 x1000c0s0b0n0 x1000c0s0b0n0a0 x1000c0s0b0n0d0 x1000c0s0b0n0d1 x1000c0s0b0n0g0k0 x1000c0s0b0n0p0 x1000c0s0e0 " +
		"x1000c0s1b0 x1000c0s1b0n0 x1000c0s1b0n0a0 x1000c0s1b0n0d0 x1000c0s1b0n0d1 x1000c0s1b0n0g0k0 x1000c0s1b0n0p0 x1000c0s1e0")
	if !slices.Equal(ids, want) {
		t.Errorf("places %v", ids)
	}
	const dimm = `{"ID":"x1000c0s0b0n0d0","Type":"Memory","Ordinal":0,"Status":"Populated","HWInventoryByLocationType":"HWInvByLocMemory",` +
		`"MemoryLocationInfo":{"Id":"DIMM0","MemoryLocation":{"Slot":0},"Name":"DIMM 0"},"PopulatedFRU":{"FRUID":"Memory.MakerInc..PN-1.DIMM-1","Type":"Memory",` +
		`"HWInventoryByFRUType":"HWInvByFRUMemory","MemoryFRUInfo":{"BaseModuleType":"RDIMM","CapacityMiB":65536,"Manufacturer":"Maker Inc.","MemoryType":"DRAM","Model":"M","PartNumber":"PN-1","SerialNumber":"DIMM-1"}}}`
	if got := b.ok("GET", hardwarePath+"/x1000c0s0b0n0d0", ""); got != dimm {
		t.Error(got)
	}
	const empty = `{"ID":"x1000c0s1b0n0d1","Type":"Memory","Ordinal":1,"Status":"Empty","HWInventoryByLocationType":"HWInvByLocMemory",` +
		`"MemoryLocationInfo":{"Id":"DIMM1","MemoryLocation":{"Slot":1},"Name":"DIMM 1"}}`
	if got := b.ok("GET", hardwarePath+"/x1000c0s1b0n0d1", ""); got != empty {
		t.Error(got)
	}
	for query, count := range map[string]int{"?type=Memory": 4, "?serialnumber=DIMM-2": 1, "?manufacturer=maker+inc.": 10, "?partnumber=PN-1&type=Drive": 2,
		"?id=x1000c0s0b0n0": 1, "?fruid=Memory.MakerInc..PN-1.DIMM-2": 1, "?fruid=none": 0} {
		if got := strings.Count(b.ok("GET", hardwarePath+query, ""), `"Ordinal"`); got != count {
			t.Errorf("%s: %d places, want %d", query, got, count)
		}
	}
	if got := b.ok("GET", fruPath+"/Drive.MakerInc..PN-1.DRIVE-2", ""); !strings.Contains(got, `"DriveFRUInfo":{"CapacityBytes":68719476736`) {
		t.Error(got)
	}
	if got := b.story(hardwarePath + "/History/x1000c0s0b0n0d0"); got != "Detected Memory.MakerInc..PN-1.DIMM-1" {
		t.Error(got)
	}
	b.refused("GET", hardwarePath+"/x9c0s0b0n0", "", 404, "x9c0s0b0n0")
	b.refused("GET", hardwarePath+"/foo", "", 400, "foo")
	b.refused("GET", hardwarePath+"?type=foo", "", 400, "Type")
	b.refused("GET", fruPath+"/none", "", 404, "none")
	b.refused("GET", hardwarePath+"/History?eventtype=lost", "", 400, "eventtype")
	b.refused("GET", hardwarePath+"/History?starttime=yesterday", "", 400, "starttime")
}

func TestAPartThatMovesToAnotherNodeIsInBothHistories(t *testing.T) {
	b, nodes := twoBMCs(t)
	const fru = "Memory.MakerInc..PN-1.DIMM-1"
	b.advance(time.Hour)
	nodes[0].set(func(h *bmc.Hardware) { h.Memory = []bmc.Part{{}, {}} })
	b.rediscover()
	if got := b.ok("GET", fruPath+"/"+fru, ""); !strings.Contains(got, `"SerialNumber":"DIMM-1"`) {
		t.Errorf("the part that is in no place: %s", got)
	}
	b.advance(time.Hour)
	nodes[1].set(func(h *bmc.Hardware) { h.Memory = []bmc.Part{testPart("DIMM-2"), testPart("DIMM-1")} })
	b.rediscover()
	for path, want := range map[string]string{
		hardwarePath + "/History/x1000c0s0b0n0d0":                                       "Detected " + fru + ", Removed " + fru,
		hardwarePath + "/History/x1000c0s1b0n0d1":                                       "Added " + fru,
		fruPath + "/History/" + fru:                                                     "Detected x1000c0s0b0n0d0, Removed x1000c0s0b0n0d0, Added x1000c0s1b0n0d1",
		fruPath + "/History/" + fru + "?eventtype=Added&starttime=2026-03-01T12:30:00Z": "Added x1000c0s1b0n0d1",
		fruPath + "/History/" + fru + "?endtime=2026-03-01T12:30:00Z":                   "Detected x1000c0s0b0n0d0",
	} {
		if got := b.story(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := b.ok("GET", hardwarePath+"?fruid="+fru, ""); !strings.Contains(got, `"ID":"x1000c0s1b0n0d1"`) {
		t.Error(got)
	}
	if n, err := b.loose.List(t.Context(), store.Query{}); err != nil || len(n) != 0 {
		t.Errorf("parts in no place: %v %v", n, err)
	}
	b.advance(25 * time.Hour)
	b.rediscover()
	if got := b.story(hardwarePath + "/History/x1000c0s1b0n0d1"); got != "Added "+fru+", Scanned "+fru {
		t.Errorf("after a day: %s", got)
	}
	b.ok("DELETE", fruPath+"/History/"+fru, "")
	if got := b.story(fruPath + "/History/" + fru); got != "" {
		t.Errorf("deleted history: %s", got)
	}
	if got := b.story(hardwarePath + "/History/x1000c0s1b0n0d0"); !strings.HasPrefix(got, "Detected") {
		t.Errorf("the history of another part: %s", got)
	}
}

func TestInventoryAtInAndAroundAPlace(t *testing.T) {
	b, _ := twoBMCs(t)
	b.ok("POST", "/partitions", `{"name":"p1","members":{"ids":["x1000c0s1b0n0"]}}`)
	for path, want := range map[string]map[string]int{
		"/x1000c0s0b0n0":                                    {"Nodes": 1},
		"/x1000c0s0b0n0?format=FullyFlat":                   {"Nodes": 1, "Processors": 1, "NodeAccels": 1, "Memory": 2, "Drives": 1},
		"/x1000c0s0b0n0?children=false":                     {"Nodes": 1},
		"/x1000c0s0b0n0d0?parents=true&children=false":      {"Nodes": 1, "NodeBMC": 1},
		"/s0?type=Memory":                                   {"Memory": 4},
		"/all":                                              {"Nodes": 2, "NodeBMC": 2, "NodeEnclosures": 2},
		"/p1?format=fullyflat":                              {"Nodes": 1, "Processors": 1, "NodeAccels": 1, "Memory": 2, "Drives": 1},
		"/x1000c0s0?partition=p1":                           {},
		"/x1000c0s1?partition=p1&type=Processor&type=Drive": {"Processors": 1, "Drives": 1},
	} {
		var lists map[string]json.RawMessage
		if err := json.Unmarshal([]byte(b.ok("GET", hardwarePath+"/Query"+path, "")), &lists); err != nil {
			t.Fatal(err)
		}
		delete(lists, "XName")
		delete(lists, "Format")
		got := map[string]int{}
		for name, list := range lists {
			var all []Hardware
			if err := json.Unmarshal(list, &all); err != nil {
				t.Fatal(err)
			}
			got[name] = len(all)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s: %v, want %v", path, got, want)
			}
		}
	}
	if got := b.ok("GET", hardwarePath+"/Query/x1000c0s0b0n0", ""); strings.Count(got, `"Memory":[{`) != 1 || !strings.Contains(got, `"x1000c0s0b0n0g0k0"`) {
		t.Errorf("nested: %s", got)
	}
	b.refused("GET", hardwarePath+"/Query/s0?format=Tree", "", 400, "format")
}

func TestPostedHardwareIsHistoryToo(t *testing.T) {
	b := newBench(t, nil)
	const nic = `{"Hardware":[{"ID":"x3000c0s23b4n4h0","HWInventoryByLocationType":"HWInvByLocHSNNIC","HSNNICLocationInfo":{"Id":"HPCNet3"},` +
		`"PopulatedFRU":{"HWInventoryByFRUType":"HWInvByFRUHSNNIC","HSNNICFRUInfo":{"Model":"CX5","SerialNumber":"HG1","PartNumber":"10","Manufacturer":"M"}}}]}`
	if got := b.ok("POST", hardwarePath, nic); got != `{"code":0,"message":"Created/Modified 1 entry"}` {
		t.Error(got)
	}
	b.advance(time.Minute)
	b.ok("POST", hardwarePath, nic)
	if got := b.story(hardwarePath + "/History/x3000c0s23b4n4h0"); got != "Detected NodeHsnNic.M.10.HG1, Scanned NodeHsnNic.M.10.HG1" {
		t.Error(got)
	}
	b.refused("POST", hardwarePath, `{"Hardware":[{"ID":"x3000c0s23b4n4h0"},{"ID":"foo"}]}`, 400, "foo")
	b.refused("POST", hardwarePath, `{"Hardware":[{"ID":"s0"}]}`, 400, "s0")
	b.refused("POST", hardwarePath, `{}`, 400, "Hardware")
	// What contradicts the name is refused, and what stands beside it with it.
	for field, record := range map[string]string{
		"Type":                              `"Type":"Node","HWInventoryByLocationType":"HWInvByLocHSNNIC"`,
		"HWInventoryByLocationType":         `"HWInventoryByLocationType":"HWInvByLocProcessor"`,
		"PopulatedFRU.Type":                 `"HWInventoryByLocationType":"HWInvByLocHSNNIC","PopulatedFRU":{"Type":"Memory","HWInventoryByFRUType":"HWInvByFRUHSNNIC"}`,
		"PopulatedFRU.HWInventoryByFRUType": `"HWInventoryByLocationType":"HWInvByLocHSNNIC","PopulatedFRU":{"HWInventoryByFRUType":"HWInvByFRUDrive"}`,
	} {
		b.refused("POST", hardwarePath, `{"Hardware":[{"ID":"x3000c0s9b0n0h0","HWInventoryByLocationType":"HWInvByLocHSNNIC"},{"ID":"x3000c0s9b0n0h1",`+record+`}]}`,
			400, "'x3000c0s9b0n0h1' is a NodeHsnNic, and its "+field+" is ")
	}
	b.refused("GET", hardwarePath+"/x3000c0s9b0n0h0", "", 404, "")
	b.ok("POST", hardwarePath, `{"Hardware":[`+b.ok("GET", hardwarePath+"/x3000c0s23b4n4h0", "")+`]}`) // what is answered is taken
	b.ok("DELETE", hardwarePath+"/x3000c0s23b4n4h0", "")
	if got := b.ok("GET", fruPath, ""); strings.Count(got, "HG1") != 2 {
		t.Errorf("the part of a deleted place: %s", got)
	}
	b.ok("POST", hardwarePath, nic)
	b.ok("DELETE", fruPath+"/NodeHsnNic.M.10.HG1", "")
	if got := b.ok("GET", hardwarePath+"/x3000c0s23b4n4h0", ""); !strings.Contains(got, `"Status":"Empty"`) {
		t.Errorf("the place of a deleted part: %s", got)
	}
	b.ok("DELETE", hardwarePath+"/History", "")
	b.ok("DELETE", hardwarePath, "")
	for _, path := range []string{hardwarePath, fruPath, hardwarePath + "/History"} {
		b.refused("DELETE", path, "", 404, "no entries to delete")
	}
}
