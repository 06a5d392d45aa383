// Package journal keeps what happened to each node, from whichever service
// saw it: status changes, power calls and the BMC's answers, boot scripts and
// artifacts fetched, reports, configuration. `drover explain` reads it.
//
// Append joins the caller's transaction, so that a record and the line about
// it commit together. Note is for facts that no record depends on: it buffers
// and writes many at a time.
//
//	Append ─► in the caller's transaction ─┐
//	Note ─► waits ─► many at a time ───────┴─► segments: many entries a row, with the nodes that are in it
//	                                              │
//	List(node) ◄── its part of the segments that have it
//
// A segment is written once and never changed. The oldest are removed by age
// and size.
package journal
