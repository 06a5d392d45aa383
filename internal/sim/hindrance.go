package sim

import (
	"cmp"
	"net/http"
	"time"

	"github.com/drover-hpc/drover/internal/bmc"
)

// spells are the times from which faults count that last for a while. They do
// not outlive the process: a fault that is left then begins anew.
type spells struct {
	poweredOn            time.Time
	busyReads, busyReset time.Time // the first request that met the fault
}

// dropped is a connection that is closed without an answer.
var dropped = bmc.Refusal{Dropped: true, Message: "the connection is closed without an answer"}

// hinder is why the BMC of these nodes does not answer a request that is no
// reset; read is the node that it reads.
func hinder(nodes []Node, read bmc.System) *bmc.Refusal {
	for i := range nodes {
		if nodes[i].dropNext() {
			return &dropped
		}
	}
	if n, ok := read.(*Node); ok {
		return n.hindersRead()
	}
	return nil
}

func (n *Node) dropNext() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.useUp(func(f *Faults) *int { return &f.Drop })
}

func (n *Node) hindersRead() *bmc.Refusal {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spell(&n.spells.busyReads, func(f *Faults) *time.Duration { return &f.BusyReads }) {
		return n.busy()
	}
	n.read = n.fleet.opts.Now()
	return nil
}

// The methods below are called with n.mu held.

// hindersReset is why the BMC does not do what it was asked, nil if it does,
// and how that is recorded. A BMC that is busy does not look at the request.
func (n *Node) hindersReset(kind string) (*bmc.Refusal, Answer) {
	f := n.faults()
	powersOn := kind != bmc.ForceOff && kind != bmc.GracefulShutdown
	switch {
	case n.useUp(func(f *Faults) *int { return &f.Drop }), n.useUp(func(f *Faults) *int { return &f.DropResets }):
		return &dropped, Dropped
	case n.spell(&n.spells.busyReset, func(f *Faults) *time.Duration { return &f.BusyResets }):
		return n.busy(), Busy
	case n.fleet.opts.Now().Sub(n.spells.poweredOn) < f.ConflictAfterOn:
		return &bmc.Refusal{Status: http.StatusConflict, ID: "ResourceInUse", RetryAfter: f.RetryAfter,
			Message: "The change could not be made because the resource is in use or in transition."}, Busy
	case powersOn && f.RefusePowerOn != "":
		return &bmc.Refusal{Status: cmp.Or(f.RefuseStatus, http.StatusInternalServerError), Message: f.RefusePowerOn}, Refused
	case kind == bmc.GracefulShutdown && f.NoSoftOff:
		return &bmc.Refusal{Status: http.StatusBadRequest, ID: "ActionParameterValueNotInList",
			Message: "The value GracefulShutdown for the parameter ResetType in the action ComputerSystem.Reset is not in the list of acceptable values."}, Refused
	case kind == bmc.GracefulShutdown && f.RefuseSoftOff != "":
		return &bmc.Refusal{Status: cmp.Or(f.RefuseStatus, http.StatusInternalServerError), Message: f.RefuseSoftOff}, Refused
	}
	return nil, Accepted
}

func (n *Node) busy() *bmc.Refusal {
	return &bmc.Refusal{Status: http.StatusServiceUnavailable, ID: "ServiceTemporarilyUnavailable", RetryAfter: n.faults().RetryAfter,
		Message: "The service is temporarily unavailable."}
}

// useUp takes one of a counted fault, if any is left.
func (n *Node) useUp(count func(*Faults) *int) bool {
	f := n.faults()
	if *count(&f) == 0 {
		return false
	}
	*count(&f)--
	n.putFaults(f)
	return true
}

// spell tells whether a fault holds that lasts for a while from the first
// request that meets it, which since keeps; it is taken away once it is over.
func (n *Node) spell(since *time.Time, lasts func(*Faults) *time.Duration) bool {
	f := n.faults()
	if *lasts(&f) == 0 {
		*since = time.Time{}
		return false
	}
	now := n.fleet.opts.Now()
	if since.IsZero() {
		*since = now
	}
	if now.Sub(*since) < *lasts(&f) {
		return true
	}
	*since, *lasts(&f) = time.Time{}, 0
	n.putFaults(f)
	return false
}
