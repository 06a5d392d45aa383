// Package overview shows where many nodes stand in few lines.
//
//	roster.Answer ─► Keep (filters) ─► Sort ─► Fold (equal lines are one) ─► Table
//
// It is pure: who asks for the answer prints it.
package overview
