package sim

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/drover-hpc/drover/internal/loopback"
)

const (
	slotsPerChassis   = 8
	chassisPerCabinet = 8
	firstCabinet      = 1000
	// maxNodes keeps the BMCs' addresses (127.101.0.1 and on) below the
	// nodes' (127.111.0.1 and on), and those inside 127/8.
	maxNodes              = 500_000
	bmcNet   loopback.Net = 101
	nodeNet  loopback.Net = 111
)

// Node i sits on BMC i/perBMC as n(i%perBMC); BMC j in slot j, always b0.

func bmcXname(bmc int) string {
	slot, chassis := bmc%slotsPerChassis, bmc/slotsPerChassis
	return fmt.Sprintf("x%dc%ds%db0", firstCabinet+chassis/chassisPerCabinet, chassis%chassisPerCabinet, slot)
}

func nodeXname(node, perBMC int) string {
	return fmt.Sprintf("%sn%d", bmcXname(node/perBMC), node%perBMC)
}

func bmcAddress(bmc int) netip.Addr   { return bmcNet.Address(bmc) }
func nodeAddress(node int) netip.Addr { return nodeNet.Address(node) }

// nodeMAC and bmcMAC are locally administered addresses, distinct for each.
func nodeMAC(node int) string { return mac(0xd0, node) }
func bmcMAC(bmc int) string   { return mac(0xd1, bmc) }

func mac(kind byte, i int) string {
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", kind, byte(i>>24), byte(i>>16), byte(i>>8), byte(i))
}

// uuid is constant for the thing, so that a rediscovery finds the same one.
func uuid(kind byte, i int) string {
	return fmt.Sprintf("d20e0000-%02x00-4000-8000-%012x", kind, i)
}

func serial(i int) string { return "SN" + strconv.Itoa(i) }
