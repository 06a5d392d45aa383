// Package watch follows a boot session until it is complete.
//
//	Source.Snapshot ─► Tally ─► Screen (redraws in place) or Plain (a line per change) ─► Outcome
//
// Snapshots are taken when the Source says that something changed, and at
// least every half second where it cannot tell.
package watch
