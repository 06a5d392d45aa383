// Package operators moves BOS components to their desired state.
//
// Each operator is a loop under the name that administrators know. It wakes on
// hints of what it depends on and on its own deadlines, selects components by
// index, and acts on many at a time:
//
//	session_setup         pending sessions     ─► desired state of their nodes
//	status                enabled components   ─► phase, by bos.Decide on what PCS and CFS say
//	power_on              power_on_pending     ─► SBPS tag, BSS, CFS (disabled), PCS On
//	power_off_graceful    power_off_pending    ─► PCS Soft-Off
//	power_off_forceful    off called, too late ─► PCS Force-Off
//	configuration         configuring          ─► CFS (enabled)
//	transitions           called               ─► errors of PCS and the BMCs
//	discovery             HSM nodes            ─► new components
//	actual_state_cleanup  old actual states    ─► empty
//	session_completion    running sessions     ─► complete
//	session_cleanup       old sessions         ─► gone
//
// A power action is claimed in the record, then called, so that a node is
// never driven twice; after a crash PCS is asked what became of the claim.
package operators
