// Package operators moves BOS components to their desired state.
//
// Each operator is a loop under the name that administrators know. It wakes on
// hints of what it depends on and on its own deadlines, selects components by
// index, and acts on many at a time:
//
//	session-setup         pending sessions     ─► desired state of their nodes
//	status                enabled components   ─► what machine.Next says, on what PCS, CFS and the last call say
//	power-on              its PowerOn          ─► SBPS tag, BSS, CFS (disabled), PCS On
//	power-off-graceful    its SoftOff          ─► PCS Soft-Off
//	power-off-forceful    its ForceOff         ─► PCS Force-Off
//	configuration         its Configure        ─► CFS (enabled)
//	transitions           calls under way      ─► their outcome, for status to record
//	recovery              calls of another run ─► watched, or made if PCS never had them
//	discovery             HSM nodes            ─► new components
//	actual-state-cleanup  old actual states    ─► empty
//	session-completion    running sessions     ─► complete
//	session-cleanup       old sessions         ─► gone
//
// A power call is written into the record, then made, so that a node is never
// driven twice; after a crash PCS is asked what became of it. What is done to
// a node is decided in one place, package machine:
//
//	hints ─► status ─► machine.Next ─► record ─► effects ─► power-*, configuration
//	            ▲                                               │
//	            └───────────── outcomes ◄── transitions ◄── PCS ┘
package operators
