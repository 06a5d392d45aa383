// Package progress says how far a boot session is.
//
//	Gateway ─► Follower.Snapshot ─► Count ─► Tally: rows of phases, what went wrong, who is late, the outcome
//
// Command line and pages show the same of it. Count is a pure function.
package progress
