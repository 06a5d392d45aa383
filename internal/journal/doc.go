// Package journal keeps what happened to each node, from whichever service
// saw it: status changes, power calls and the BMC's answers, boot scripts and
// artifacts fetched, reports, configuration. `drover explain` reads it.
//
// Append joins the caller's transaction, so that a record and the line about
// it commit together. Note is for facts that no record depends on: it buffers
// and writes many at a time.
package journal
