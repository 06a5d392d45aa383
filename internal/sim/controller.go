package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/drover-hpc/drover/internal/bmc"
)

// controller is the BMC at the address.
func (f *Fleet) controller(addr netip.Addr) (bmc.Controller, bool) {
	i := bmcNet.Index(addr)
	if i < 0 || i >= f.bmcCount() {
		return bmc.Controller{}, false
	}
	per := f.opts.NodesPerBMC
	nodes := f.nodes[i*per : min((i+1)*per, len(f.nodes))]
	c := bmc.Controller{Number: i, Model: "Simulated BMC", SerialNumber: serial(i), UUID: uuid(2, i), MAC: bmcMAC(i),
		Systems: make([]bmc.System, len(nodes))}
	c.Character, _ = bmc.CharacterOf(f.character(i)) // checked by New
	for j := range nodes {
		c.Systems[j] = &nodes[j]
		c.Unreachable = c.Unreachable || nodes[j].Faults().UnreachableBMC
	}
	c.Hinder = func(read bmc.System) *bmc.Refusal { return hinder(nodes, read) }
	return c, true
}

// Hardware is what the BMC tells of the node.
func (n *Node) Hardware() bmc.Hardware {
	h := bmc.Hardware{Manufacturer: "Drover", Model: "Simulated node", SerialNumber: serial(n.place), UUID: uuid(1, n.place), BIOS: "sim.1",
		MAC: n.MAC(), ARM: n.ARM(), Processor: "Simulated processor", ProcessorSerial: "P" + serial(n.place), Cores: 64, Threads: 128, MemoryGiB: 256}
	h.Memory = []bmc.Part{n.part("M0", "Simulated DIMM", "SIM-D128", 128<<30), n.part("M1", "Simulated DIMM", "SIM-D128", 128<<30)}
	h.Drives = []bmc.Part{n.part("D0", "Simulated drive", "SIM-N960", 960e9)}
	if h.ARM {
		h.Accelerators = []bmc.Part{n.part("A0", "Simulated accelerator", "SIM-A96", 96<<30)}
	}
	return h
}

// part is one of the node's, with a serial number that begins so.
func (n *Node) part(prefix, model, number string, bytes int64) bmc.Part {
	return bmc.Part{Manufacturer: "Drover", Model: model, PartNumber: number, SerialNumber: prefix + serial(n.place), Bytes: bytes}
}

// PowerState is the node's power as its BMC tells it.
func (n *Node) PowerState() bmc.PowerState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state.Power
}

// Reset does what the BMC was asked, or says why not. A reset that finds the
// node where it leads to, or on its way, is accepted and changes nothing.
func (n *Node) Reset(kind string) *bmc.Refusal {
	n.mu.Lock()
	defer n.mu.Unlock()
	no, answer := n.hindersReset(kind)
	record := ResetRecord{n.fleet.opts.Now(), kind, answer, n.state.Power, n.read}
	n.resets = keepLast(n.resets, record, keptResets)
	n.fleet.ledger.reset(n.place, record)
	if no != nil {
		n.note(fmt.Sprintf("BMC: %s is %s: %s", kind, answer, no.Message))
		return no
	}
	n.note("BMC was asked for " + kind)
	running := n.state.Power == bmc.On
	powersOn := kind != bmc.ForceOff && kind != bmc.GracefulShutdown
	switch {
	case kind == bmc.ForceOff:
		n.state.Restart = false
		n.powerOff()
	case kind == bmc.ForceRestart && n.state.Power != bmc.Off:
		n.state.Restart = true
		n.powerOff()
	case kind == bmc.GracefulShutdown && running:
		n.shutDown(false)
	case kind == bmc.GracefulRestart && running:
		n.shutDown(true)
	case powersOn && n.state.Power == bmc.Off:
		n.powerOn()
	}
	return nil
}

// BootOverride is what the node boots instead of the network.
func (n *Node) BootOverride() bmc.BootOverride {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state.Boot
}

// SetBootOverride holds from the next boot on.
func (n *Node) SetBootOverride(o bmc.BootOverride) *bmc.Refusal {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Boot = o
	n.save()
	return nil
}

// PowerRange is what a node's power can be limited to.
func (n *Node) PowerRange() (least, most int) { return leastPower, mostPower }

const leastPower, mostPower = 350, 925

// PowerCap is the limit of the node's power.
func (n *Node) PowerCap() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state.Cap
}

// SetPowerCap holds until the next one, whether the node is on or off.
func (n *Node) SetPowerCap(watts int) *bmc.Refusal {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.faults(); f.RefusePowerCap != "" {
		n.note("BMC: the power limit is refused: " + f.RefusePowerCap)
		return &bmc.Refusal{Status: cmp.Or(f.RefuseStatus, http.StatusInternalServerError), Message: f.RefusePowerCap}
	}
	n.state.Cap = watts
	n.save()
	n.note(fmt.Sprintf("BMC was asked for a power limit of %d W", watts))
	return nil
}

// Console is what happened to the node, for want of a serial line.
func (n *Node) Console() []string {
	events := n.Events()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.Text
	}
	return lines
}
