package pcs

import "github.com/drover-hpc/drover/internal/xname"

// tier is one stage of a transition. A tier starts when the one before is over;
// within a tier all components are driven at once.
type tier int

// The tiers in their order: what is inside goes down first and comes up last.
const (
	tierShutdownNodes tier = iota
	tierForceNodes
	tierShutdownModules
	tierForceModules
	tierShutdownChassis
	tierForceChassis
	tierRestart
	tierRestartBMCs
	tierOnChassis
	tierOnModules
	tierOnNodes
	tiers // their number
)

// step is one request to one component.
type step struct {
	tier      tier
	action    action
	resetType string
}

// route is the steps of the operation on the component, in the order of their
// tiers; nil if the hardware does not offer it. Of two steps that want the same
// power state the second is for when the first fails.
func route(op Operation, c *Component) []step {
	switch op {
	case On:
		return steps(c, actOn)
	case SoftOff:
		return steps(c, actShutdown)
	case ForceOff:
		return steps(c, actForceOff)
	case Off:
		return steps(c, actShutdown, actForceOff)
	case SoftRestart:
		if restart := steps(c, actRestart); restart != nil {
			return restart
		}
	}
	down, up := steps(c, actShutdown, actForceOff), steps(c, actOn)
	if down == nil || up == nil {
		return nil
	}
	return append(down, up...) // the restarts and Init
}

// routeOrAsk is route, but for a Soft-Off that HSM does not know the hardware to
// offer: before that is believed the BMC is asked, in a step without reset type.
func routeOrAsk(op Operation, c *Component) []step {
	if its := route(op, c); its != nil || op != SoftOff {
		return its
	}
	return []step{{tier: tierOf(actShutdown, c.Type), action: actShutdown}}
}

// steps are those of the actions that the hardware offers; nil: none.
func steps(c *Component, actions ...action) (out []step) {
	for _, a := range actions {
		if t := resetType(a, c.ResetTypes); t != "" {
			out = append(out, step{tierOf(a, c.Type), a, t})
		}
	}
	return out
}

func tierOf(a action, t xname.Type) tier {
	inner := 2 // 0: nodes, 1: modules, 2: chassis
	switch {
	case t == xname.Node:
		inner = 0
	case isModule(t):
		inner = 1
	}
	switch {
	case a == actShutdown:
		return tierShutdownNodes + tier(2*inner)
	case a == actForceOff:
		return tierForceNodes + tier(2*inner)
	case a == actOn:
		return tierOnNodes - tier(inner)
	case isBMC(t):
		return tierRestartBMCs
	}
	return tierRestart
}

// Outcomes in the words that clients know.
const (
	saysAlready     = "Component already in desired state"
	saysInvalid     = "Invalid xname"
	saysMissing     = "Missing xname"
	saysNotReserved = "Unable to reserve component"
	saysBadKey      = "Invalid deputy key and unable to reserve component"
	saysNotOn       = "Component must be on for a restart"
)

// unfit tells why nothing can be sent to the component at all; empty status if
// something can.
func unfit(op Operation, name string, c *Component) (TaskStatus, Failure, string) {
	t := xname.TypeOf(name)
	switch {
	case t == xname.Invalid:
		return TaskFailed, FailureUnknown, saysInvalid
	case !hasPower(t):
		return TaskUnsupported, FailureUnsupported, "No power control for component type " + string(t)
	case c == nil:
		return TaskFailed, FailureUnknown, saysMissing
	case c.ResetTarget == "" || routeOrAsk(op, c) == nil:
		return TaskUnsupported, FailureUnsupported, "The hardware does not offer " + string(op)
	}
	return "", "", ""
}

// firstLook tells what the BMC's first answer, in Redfish's words, means for
// the operation: done already, refused, or (empty status) go on.
func firstLook(op Operation, word string) (TaskStatus, string) {
	switch {
	case op == On && word == "On", (op == Off || op == SoftOff || op == ForceOff) && word == "Off":
		return TaskSucceeded, saysAlready
	case op.needsOn() && word != "On":
		return TaskFailed, saysNotOn
	}
	return "", ""
}

// move is what to do with a component to which a step's request has not been sent.
type move int

const (
	moveSend    move = iota
	moveDone         // it is as wanted
	moveConfirm      // it goes there by itself: wait for it
	moveWait         // it goes elsewhere and would ignore the request
	moveGiveUp       // it may have got the request before, and must not get it twice
)

// next decides, given the BMC's word. unsure: the request may have been sent
// without anybody knowing.
func (s step) next(word string, unsure bool) move {
	switch {
	case s.action == actRestart && unsure:
		return moveGiveUp
	case s.action == actRestart:
		return moveSend
	case s.reached(word):
		return moveDone
	case onItsWay(word, s.action.wants()) && (s.action != actForceOff || unsure):
		return moveConfirm
	case s.action == actOn && word == "PoweringOff", s.action == actShutdown && word == "PoweringOn":
		return moveWait
	}
	return moveSend
}

// reached tells whether the BMC's word is what the step wants, with nothing
// still going on.
func (s step) reached(word string) bool {
	if s.action.wants() == PowerOn {
		return word == "On"
	}
	return word == "Off"
}
