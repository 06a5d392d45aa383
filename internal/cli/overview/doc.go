// Package overview shows where many nodes stand in few lines.
//
//	roster.Answer ─► Keep (filters) ─► Sort ─► Fold (equal lines are one) ─► Table
//
// It is pure: package cli asks for the answer and prints.
package overview
