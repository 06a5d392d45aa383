// Package watch follows a boot session until it is complete.
//
//	Source.Snapshot ─► progress.Tally ─► Screen (redraws in place) or Plain (a line per change) ─► Outcome
//
// Snapshots are taken when the Source says that something changed, and at
// least every half second where it cannot tell. Pace and Frame, by which that is
// done, are for whatever else is shown again and again.
package watch
