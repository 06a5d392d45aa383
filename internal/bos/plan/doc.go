// Package plan tells what a session of BOS would do, and does it if nothing has changed.
//
//	what is asked for ─ selection ─► nodes, who is left out
//	                                   │  HSM, PCS, CFS: where each stands
//	                                   ▼
//	             component joined ─ machine.Foresee ─► effects in their order
//	                                   │
//	                                   ▼
//	                 Group: nodes of which the same is to be said ─► Plan, kept for a day
//
// Apply makes the plan again and starts the session if each node stands as it did. Nodes
// are told apart by the same functions by which sessions are set up and nodes are driven.
package plan
