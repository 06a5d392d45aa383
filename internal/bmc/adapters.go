package bmc

import (
	"fmt"
	"strconv"
	"strings"
)

// Controllers with adapters do not list Ethernet interfaces of their systems:
//
//	Systems/Node0/NetworkInterfaces/1 ─► Chassis/Enclosure/NetworkAdapters/Node0 ─► NetworkDeviceFunctions/1, with the MAC

// systemAdapter is what a system has in place of Ethernet interfaces.
func systemAdapter(path, rest string) string {
	switch rest {
	case "/NetworkInterfaces":
		return collection(path, "NetworkInterface", []string{path + "/1"})
	case "/NetworkInterfaces/1":
		node, _, _ := strings.Cut(strings.TrimPrefix(path, rootPath+"/Systems/"), "/")
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#NetworkInterface.v1_2_0.NetworkInterface","Id":"1","Name":"Network interface",`+
			`"Links":{"NetworkAdapter":{"@odata.id":"%s/%s"}},"Status":{"State":"Enabled","Health":"OK"}}`, path, adaptersPath, node)
	}
	return ""
}

// adapterResource is what is below the network adapters of the chassis.
func (c Controller) adapterResource(path, tail string) string {
	node, rest, _ := strings.Cut(tail, "/")
	i, err := strconv.Atoi(strings.TrimPrefix(node, "Node"))
	if !c.Character.Adapters || err != nil || i < 0 || i >= len(c.Systems) || node != "Node"+strconv.Itoa(i) {
		return ""
	}
	switch rest {
	case "":
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#NetworkAdapter.v1_5_0.NetworkAdapter","Id":%q,"Name":"Network adapter",`+
			`"NetworkDeviceFunctions":{"@odata.id":"%s/NetworkDeviceFunctions"},"Status":{"State":"Enabled","Health":"OK"}}`, path, node, path)
	case "NetworkDeviceFunctions":
		return collection(path, "NetworkDeviceFunction", []string{path + "/1"})
	case "NetworkDeviceFunctions/1":
		mac := c.Systems[i].Hardware().MAC
		return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#NetworkDeviceFunction.v1_5_0.NetworkDeviceFunction","Id":"1","Name":"Network function",`+
			`"NetDevFuncType":"Ethernet","Ethernet":{"MACAddress":%q,"PermanentMACAddress":%q},"Status":{"State":"Enabled","Health":"OK"}}`, path, mac, mac)
	}
	return ""
}
