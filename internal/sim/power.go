package sim

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// resetTypes are the resets that a BMC offers for its systems.
var resetTypes = []string{"On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart"}

// refusal is why a BMC does not do what it was asked.
type refusal struct {
	status  int
	message string
}

// reset does what the BMC was asked, or says why not. A reset that finds the
// node where it leads to, or on its way, is accepted and changes nothing.
func (n *Node) reset(kind string) *refusal {
	n.mu.Lock()
	defer n.mu.Unlock()
	record := ResetRecord{n.fleet.opts.Now(), kind}
	n.resets = keepLast(n.resets, record, keptResets)
	n.fleet.ledger.reset(n.place, record)

	powersOn := kind != "ForceOff" && kind != "GracefulShutdown"
	if words := n.faults().RefusePowerOn; powersOn && words != "" {
		n.note("BMC refused " + kind + ": " + words)
		return &refusal{orElse(n.faults().RefuseStatus, http.StatusInternalServerError), words}
	}
	n.note("BMC was asked for " + kind)
	running := n.state.Power == On
	switch {
	case kind == "ForceOff":
		n.state.Restart = false
		n.powerOff()
	case kind == "ForceRestart" && n.state.Power != Off:
		n.state.Restart = true
		n.powerOff()
	case kind == "GracefulShutdown" && running:
		n.shutDown(false)
	case kind == "GracefulRestart" && running:
		n.shutDown(true)
	case powersOn && n.state.Power == Off:
		n.powerOn()
	}
	return nil
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// The methods below are called with n.mu held.

func (n *Node) powerOn() {
	n.setPower(PoweringOn)
	n.inTurn(n.fleet.opts.OnDelay, func() {
		n.setPower(On)
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
	n.setPower(PoweringOff)
	n.inTurn(n.fleet.opts.OffDelay, n.powerOff)
}

func (n *Node) powerOff() {
	if n.state.Power == Off {
		return
	}
	n.endLife()
	again := n.state.Restart
	n.state.Restart = false
	n.setPower(Off)
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

func (n *Node) setPower(p PowerState) {
	n.turn++
	n.state.Power = p
	n.note(fmt.Sprintf("power is %s", p))
	n.save()
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
	case PoweringOn:
		n.powerOn()
	case On:
		if n.state.System == nil {
			n.live((*Node).boot)
			return
		}
		n.live((*Node).runOn)
	case PoweringOff:
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
