// Package proc is how the bench speaks to the processes whose cost it counts:
// each tells by itself what it has used.
//
//	bench ── {"do":"usage"} ─► stdin    child ── Answer ─► its operations
//	      ◄── {"answer":...} ── stdout         └─ Tell ──► events between answers
//
// A child ends when its standard input does, so that none is left behind by a
// bench that was killed.
package proc
