// Package pick finds the nodes that a user means.
//
//	"x1000c0,nid[1-4],!gpu" + Inventory (what HSM knows) ─► names of nodes, and what is unknown
//
// It is pure but for Gather, which asks HSM by way of a function.
package pick
