// Package roster says where many nodes stand, a record for each.
//
//	Services (a few asks each) ─► Reports ─► Join ─► Answer
//
// Join is a pure function. Services are asked for all nodes at once, never for one after the
// other; one that does not answer is named in the answer. Those that are elsewhere are asked
// over their interfaces (HSMAt and its like), others by whoever starts them.
package roster
