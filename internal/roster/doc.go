// Package roster says where many nodes stand, a record for each.
//
//	Services (a few asks each) ─► Reports ─► Join ─► Answer
//
// Join is a pure function. Services are asked for all nodes at once, by pages, never
// for one after the other; one that does not answer is named in the answer.
package roster
