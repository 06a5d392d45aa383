// Package bos is the Boot Orchestration Service: it brings nodes from what
// they run to what they should run.
//
// A session template says which nodes should boot what. A session applies it:
// it writes the desired state of one component per node. From there each
// component moves by itself, driven by machine.Next, a pure function of the
// component, what PCS and CFS say of the node, the options and the time; the
// operators (package operators) carry out what it asks for.
//
//	template ─► session ─► component: desired ┐
//	node's report (BSS token) ──────► actual ─┤
//	PCS: power, CFS: configuration ─► seen ───┴► Next ──► phase ─► operators ─► BSS, CFS, PCS
//
//	            ┌──────────────── restart, other image ◄──────────────┐
//	 on_hold ─► power_off_pending ─► power_off_*_called ─► power_on_pending ─► power_on_called ─► configuring ─► stable
//	                      after as many tries as the retry policy allows: failed
//
// Each field has one writer: the API writes what is desired, the node's report
// what is actual, the machine phase, attempts and calls. What is wrong is kept by
// who found it (Troubles). All merge inside
// one transaction on the record. Every change of status becomes a line in the
// journal in that same transaction.
package bos
