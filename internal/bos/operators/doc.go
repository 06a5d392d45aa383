// Package operators moves BOS components to their desired state.
//
// Each operator is a loop under the name that administrators know. It wakes on
// hints of what it depends on and on its own deadlines, selects components by
// index, and acts on many at a time:
//
//	session_setup         pending sessions     ─► desired state of their nodes
//	status                enabled components   ─► what machine.Next says, on what PCS, CFS and the last call say
//	power_on              its PowerOn          ─► SBPS tag, BSS, CFS (disabled), PCS On
//	power_off_graceful    its SoftOff          ─► PCS Soft-Off
//	power_off_forceful    its ForceOff         ─► PCS Force-Off
//	configuration         its Configure        ─► CFS (enabled)
//	transitions           calls under way      ─► their outcome, for status to record
//	recovery              calls of another run ─► watched, or made if PCS never had them
//	discovery             HSM nodes            ─► new components
//	actual_state_cleanup  old actual states    ─► empty
//	session_completion    running sessions     ─► complete
//	session_cleanup       old sessions         ─► gone
//
// A power call is written into the record, then made, so that a node is never
// driven twice; after a crash PCS is asked what became of it. What is done to
// a node is decided in one place, package machine:
//
//	hints ─► status ─► machine.Next ─► record ─► effects ─► power_*, configuration
//	            ▲                                               │
//	            └───────────── outcomes ◄── transitions ◄── PCS ┘
package operators
