package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// The methods below are called with n.mu held.

func (n *Node) powerOn() {
	n.spells.poweredOn = n.fleet.opts.Now()
	n.setPower(bmc.PoweringOn)
	n.inTurn(n.fleet.opts.OnDelay, func() {
		n.setPower(bmc.On)
		n.live((*Node).boot)
	})
}

func (n *Node) shutDown(restart bool) {
	if n.faults().IgnoreSoftOff {
		n.note("the system ignored the shutdown")
		return
	}
	n.state.Restart = restart
	n.endLife() // the system stops its services first
	n.setPower(bmc.PoweringOff)
	n.inTurn(n.fleet.opts.OffDelay, n.powerOff)
}

func (n *Node) powerOff() {
	if n.state.Power == bmc.Off {
		return
	}
	n.endLife()
	again := n.state.Restart
	n.state.Restart = false
	n.setPower(bmc.Off)
	if again {
		n.powerOn()
	}
}

func (n *Node) endLife() {
	if n.life != nil {
		n.life.end()
	}
	n.hung, n.state.System = false, nil
}

func (n *Node) setPower(p bmc.PowerState) {
	n.turn++
	n.state.Power = p
	n.note(fmt.Sprintf("power is %s", p))
	n.save()
	per := n.fleet.opts.NodesPerBMC
	n.fleet.bmcs.Changed(n.place/per, n.place%per, p)
}

// PowerFailure cuts the power of the fleet for a moment: whatever was on boots
// again, all at once, and no BMC had a part in it.
func (f *Fleet) PowerFailure() {
	for i := range f.nodes {
		n := &f.nodes[i]
		n.mu.Lock()
		if n.state.Power == bmc.On || n.state.Power == bmc.PoweringOn {
			n.note("the power failed")
			n.state.Restart = true
			n.powerOff()
		}
		n.mu.Unlock()
	}
}

// inTurn runs do (with n.mu held) after d, unless the power changed meanwhile.
// What takes no time waits for no worker: those may all be busy with booting.
func (n *Node) inTurn(d time.Duration, do func()) {
	if d <= 0 {
		do()
		return
	}
	turn := n.turn
	n.fleet.clock.after(d, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.turn == turn {
			do()
		}
	})
}

// live begins a life, with first as its first act once the commands of the
// life before are gone.
func (n *Node) live(first func(*Node, *life)) {
	before := n.life
	l := &life{}
	l.ctx, l.end = context.WithCancel(n.fleet.ctx)
	n.life = l
	n.fleet.clock.after(0, func() {
		if before != nil {
			before.commands.Wait()
		}
		first(n, l)
	})
}

// resume puts a node, at the fleet's start, back to where it was.
func (n *Node) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.state.Power {
	case bmc.PoweringOn:
		n.powerOn()
	case bmc.On:
		if n.state.System == nil {
			n.live((*Node).boot)
			return
		}
		n.live((*Node).runOn)
	case bmc.PoweringOff:
		n.inTurn(n.fleet.opts.OffDelay, n.powerOff)
	}
}

// awaitCommands returns when the commands of a life that ended are gone.
func (n *Node) awaitCommands() {
	n.mu.Lock()
	l := n.life
	n.mu.Unlock()
	if l != nil {
		l.commands.Wait()
	}
}
