package virtual

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/drover-hpc/drover/internal/bmc"
)

// Node is one virtual node: a bmc.System whose power is a QEMU process.
type Node struct {
	fleet   *Fleet
	place   int
	xname   string
	console console

	turn sync.Mutex // one reset at a time

	mu      sync.Mutex
	machine *machine // the last one; nil before the first
	boot    bmc.BootOverride
}

// Xname is the node's name.
func (n *Node) Xname() string { return n.xname }

// MAC is the address from which the node boots.
func (n *Node) MAC() string { return mac(0xd2, n.place) }

// ARM is false: all virtual nodes are x86.
func (n *Node) ARM() bool { return false }

// Address is where the node answers SSH, at the fleet's port.
func (n *Node) Address() string { return n.address().String() }

func (n *Node) address() netip.Addr { return nodeNet.Address(n.place) }
func (n *Node) uuid() string        { return fmt.Sprintf("d20e0000-0300-4000-8000-%012x", n.place) }
func (n *Node) serial() string      { return fmt.Sprintf("VN%d", n.place) }

// Hardware is what the BMC tells of the node.
func (n *Node) Hardware() bmc.Hardware {
	o := &n.fleet.opts
	return bmc.Hardware{Manufacturer: "Drover", Model: "Virtual node", SerialNumber: n.serial(), UUID: n.uuid(), BIOS: "SeaBIOS",
		MAC: n.MAC(), Processor: "QEMU " + o.Accel, ProcessorSerial: "P" + n.serial(), Cores: o.CPUs, Threads: o.CPUs, MemoryGiB: float64(o.Memory) / 1024,
		Memory: []bmc.Part{{Manufacturer: "QEMU", Model: "Virtual DIMM", PartNumber: "pc-dimm", SerialNumber: "M0" + n.serial(), Bytes: int64(o.Memory) << 20}}}
}

// last is the node's last process, which may have ended; nil before the first.
func (n *Node) last() *machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine
}

// running is the node's process, nil when it is off.
func (n *Node) running() *machine {
	if m := n.last(); m != nil && m.runs() {
		return m
	}
	return nil
}

// PowerState is On while the process runs.
func (n *Node) PowerState() bmc.PowerState {
	if n.running() != nil {
		return bmc.On
	}
	return bmc.Off
}

// Reset does what the BMC was asked. A graceful one returns at once and presses
// the power button until the system has obeyed; the others return when they are
// done.
func (n *Node) Reset(kind string) *bmc.Refusal {
	n.turn.Lock()
	defer n.turn.Unlock()
	m := n.running()
	switch kind {
	case bmc.ForceOff: // also a process that has ended, lest it is started again
		if last := n.last(); last != nil {
			last.kill()
		}
		return nil
	case bmc.GracefulShutdown:
		if last := n.last(); last != nil {
			last.shutDown(false)
		}
		return nil
	case bmc.GracefulRestart:
		if m != nil {
			m.shutDown(true)
			return nil
		}
	case bmc.ForceRestart:
		if m != nil {
			m.kill()
		}
	default:
		if m != nil {
			return nil
		}
	}
	return n.powerOn()
}

// powerOn starts a process; there is none.
func (n *Node) powerOn() *bmc.Refusal {
	err := n.begin()
	if err == nil {
		return nil
	}
	n.fleet.opts.Log.Error("a virtual node does not start", "node", n.xname, "error", err)
	return &bmc.Refusal{Status: http.StatusInternalServerError, Message: err.Error()}
}

func (n *Node) begin() error {
	if n.fleet.ctx.Err() != nil {
		return errStopping
	}
	if err := n.console.begin(); err != nil {
		return err
	}
	if last := n.last(); last != nil {
		<-last.told
	}
	target, left := n.BootOverride().Next()
	m, err := start(n.arguments(target), &n.console)
	if err != nil {
		n.console.end()
		return err
	}
	if err := n.keepOverride(left); err != nil {
		n.fleet.opts.Log.Error("the boot source override stays", "node", n.xname, "error", err)
	}
	n.mu.Lock()
	n.machine = m
	n.mu.Unlock()
	n.fleet.face.Changed(n.place, 0, bmc.On)
	n.fleet.lives.Go(func() { n.watch(m) })
	n.fleet.lives.Go(func() { n.lease(m) })
	return nil
}

// awaitReset returns when no reset is under way; during the fleet's stop the
// next one is refused.
func (n *Node) awaitReset() {
	n.turn.Lock()
	defer n.turn.Unlock()
}

// watch waits until the process has ended.
func (n *Node) watch(m *machine) {
	select {
	case <-m.ended:
	case <-n.fleet.ctx.Done():
		m.kill()
	}
	n.fleet.face.Changed(n.place, 0, bmc.Off)
	close(m.told)
	if words := m.said.String(); words != "" {
		n.fleet.opts.Log.Warn("QEMU of a virtual node said", "node", n.xname, "words", words)
	}
	n.turn.Lock()
	defer n.turn.Unlock()
	if m.startsAgain() && n.running() == nil {
		n.powerOn() // a refusal is logged; nobody waits for it
	}
}

// lease has it made known where the node is reached, while it runs.
func (n *Node) lease(m *machine) {
	for try := 0; m.runs() && n.fleet.ctx.Err() == nil; try++ {
		err := n.fleet.site.Lease(n.fleet.ctx, n.MAC(), n.Address())
		if err == nil {
			return
		}
		n.fleet.opts.Log.Warn("the address of a virtual node is not known yet", "node", n.xname, "error", err)
		n.fleet.pause(m.ended, try)
	}
}

// BootOverride is what the node boots instead of the network.
func (n *Node) BootOverride() bmc.BootOverride {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.boot
}

// SetBootOverride holds from the next power-on until the one after it; a system
// that restarts by itself boots as it did before.
func (n *Node) SetBootOverride(o bmc.BootOverride) *bmc.Refusal {
	if err := n.keepOverride(o); err != nil {
		return &bmc.Refusal{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	return nil
}

func (n *Node) keepOverride(o bmc.BootOverride) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if o == n.boot {
		return nil
	}
	text, err := json.Marshal(o)
	if err == nil {
		err = os.WriteFile(n.overrideFile()+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(n.overrideFile()+".new", n.overrideFile())
	}
	if err == nil {
		n.boot = o
	}
	return err
}

func (n *Node) overrideFile() string { return filepath.Join(n.dir(), "boot.json") }

func (n *Node) dir() string { return filepath.Join(n.fleet.opts.Dir, "nodes", n.xname) }

// Console is what the node wrote since it was powered on last.
func (n *Node) Console() []string { return n.console.lines() }

// open makes the node's folder and reads what is kept there.
func (n *Node) open() error {
	if err := os.MkdirAll(n.dir(), 0o700); err != nil {
		return err
	}
	n.console.path = filepath.Join(n.dir(), "console.log")
	text, err := os.ReadFile(n.overrideFile())
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &n.boot)
	}
	return err
}

func mac(kind byte, i int) string {
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", kind, byte(i>>24), byte(i>>16), byte(i>>8), byte(i))
}
