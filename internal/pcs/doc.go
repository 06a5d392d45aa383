// Package pcs is the Power Control Service: it turns components on and off
// through their BMCs and knows which are on.
//
// A transition is one operation on many components. It runs tier by tier
// (nodes go down before their slots, slots come up before their nodes), and
// within a tier node by node in parallel:
//
//	POST /transitions ─► record ─► reserve ─► tier ─► tier ─► ... ─► completed
//	                                           │
//	       for each component of the tier:     ▼
//	       read PowerState ─► wanted already? ─► Reset ─► read until it is as wanted
//	       (to turn on what a transition turned off a moment ago: Reset at once)
//	                                               │
//	                                               ├─► later (503, no answer): again, until the deadline
//	                                               └─► refused: the task fails with the BMC's words
//
// A power cap task reads or sets the limits of nodes' power, all nodes at once,
// those of one BMC one after another:
//
//	PATCH /power-cap ─► record ─► read limits ─► set those that differ ─► read until they hold ─► record
//
// What a BMC says of its power, whoever asked it, goes to the recorder, which
// writes the changes to pcs_status in batches and tells HSM. A monitor asks
// every BMC now and then, and a new component at once. BMCs may be subscribed to:
// one whose events arrive is asked at once when it tells of power, and otherwise
// rarely, for as long as no look finds a change that it did not tell of.
//
// The state of a running transition is in memory and is saved often, never per
// node. What it tells is written first: a result is saved before its component
// is free, before clients see it, and before the look that reveals it is
// recorded. After a restart unfinished transitions go on: a component is asked
// for its power state before anything is sent to it again, nothing is sent
// after the deadline, and nothing at all for a component that a newer
// transition drove since.
//
// Finished transitions go after a day, and earlier, the oldest first, when they take
// too much room; never one that a restart has to know of.
//
// Whoever shares HSM with PCS is kept off by reservations in HSM, taken and
// renewed for all components of a transition at once, or by the deputy key of a
// client's own reservation.
package pcs
