package bmc

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The names of parts, before their numbers.
const (
	gpu   = "/GPU"
	dimm  = "/DIMM"
	drive = "/Drives/Drive"
)

// numbered are n paths that begin alike.
func numbered(prefix string, n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = prefix + strconv.Itoa(i)
	}
	return paths
}

// partAt is the part at the path below the system, empty if there is none.
func partAt(s System, path, rest string) string {
	for _, kind := range []struct {
		prefix string
		parts  func(h Hardware) []Part
		text   func(path string, n int, p Part) string
	}{
		{"/Processors" + gpu, func(h Hardware) []Part { return h.Accelerators }, acceleratorResource},
		{"/Memory" + dimm, func(h Hardware) []Part { return h.Memory }, memoryResource},
		{"/Storage/Local" + drive, func(h Hardware) []Part { return h.Drives }, driveResource},
	} {
		number, ok := strings.CutPrefix(rest, kind.prefix)
		if !ok {
			continue
		}
		parts := kind.parts(s.Hardware())
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(parts) && number == strconv.Itoa(n) {
			return kind.text(path, n, parts[n])
		}
	}
	return ""
}

// status is the Status of the part; an empty place is Absent.
func (p Part) status() string {
	if p.SerialNumber == "" {
		return `{"State":"Absent"}`
	}
	return `{"State":"Enabled","Health":"OK"}`
}

// identity are the properties that tell a part from others.
func (p Part) identity() string {
	return fmt.Sprintf(`"Manufacturer":%q,"Model":%q,"PartNumber":%q,"SerialNumber":%q,"Status":%s`,
		p.Manufacturer, p.Model, p.PartNumber, p.SerialNumber, p.status())
}

func acceleratorResource(path string, n int, p Part) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Processor.v1_7_0.Processor","Id":"GPU%d","Name":"Accelerator","ProcessorType":"GPU",`+
		`"Socket":"GPU%d",%s}`, path, n, n, p.identity())
}

func memoryResource(path string, n int, p Part) string {
	if p.SerialNumber == "" {
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Memory.v1_11_0.Memory","Id":"DIMM%d","Name":"DIMM %d",`+
			`"MemoryLocation":{"Slot":%d},"Status":%s}`, path, n, n, n, p.status())
	}
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Memory.v1_11_0.Memory","Id":"DIMM%d","Name":"DIMM %d","MemoryType":"DRAM",`+
		`"BaseModuleType":"RDIMM","CapacityMiB":%d,"MemoryLocation":{"Slot":%d},%s}`, path, n, n, p.Bytes>>20, n, p.identity())
}

func driveResource(path string, n int, p Part) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Drive.v1_11_0.Drive","Id":"Drive%d","Name":"Drive %d","MediaType":"SSD",`+
		`"Protocol":"NVMe","CapacityBytes":%d,%s}`, path, n, n, p.Bytes, p.identity())
}

func storageResource(path string, drives int) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#Storage.v1_9_0.Storage","Id":"Local","Name":"Local storage","Drives@odata.count":%d,`+
		`"Drives":%s,"Status":{"State":"Enabled","Health":"OK"}}`, path, drives, references(numbered(path+drive, drives)))
}

// expanded is a collection with its members in the place of the links to them,
// as $expand=. asks for; what is no collection stays as it is.
func (c Controller) expanded(text string) string {
	var members []struct {
		ID string `json:"@odata.id"`
	}
	const list = `"Members":`
	begin := strings.LastIndex(text, list)
	if begin < 0 || json.Unmarshal([]byte(strings.TrimSuffix(text[begin+len(list):], "}")), &members) != nil {
		return text
	}
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = c.resource(m.ID, nil)
	}
	return text[:begin+len(list)] + "[" + strings.Join(all, ",") + "]}"
}
