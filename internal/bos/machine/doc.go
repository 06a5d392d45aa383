// Package machine is the state machine of a BOS component as one pure function:
//
//	Next(component, facts, options, now) -> component, effect, when to look again
//
// It does no I/O and knows neither store nor HTTP. The caller writes the new
// record first and carries the effect out after that; what became of a power
// call comes back as an Outcome in the facts of a later pass.
//
//	        power  config  outcome
//	           \     |      /
//	record ──►     Next      ──► record' ──► store
//	                 │
//	                 └──► effect (PowerOn, SoftOff, ForceOff, Configure) ──► operators
//
// Which row of the table decides for a status and a fact is in Rows, from which
// docs/operations.md is made. An example: a node that is on runs an old image;
// a session of today wants another.
//
//	on_hold                      on, runs other     26  -> power_off_pending
//	power_off_pending            on, runs other     27  -> power_off_gracefully_called, SoftOff
//	power_off_gracefully_called  accepted           28  the wait begins, one attempt counted
//	power_off_gracefully_called  off                13  -> power_on_pending
//	power_on_pending             off                16  -> power_on_called, PowerOn
//	power_on_called              on, reported       38  -> configuring, Configure
//	configuring                  CFS: configured    39  -> stable, disabled
//
// "Later" is an answer that says nothing about the node: a service or BMC that
// is busy, silent or reserved. It costs no attempt and never leads to ForceOff.
package machine
