// Command soak lets a cluster suffer and judges what it did: sessions on
// overlapping nodes, BMCs that are busy, that drop connections or will not shut
// a node down, and a server that is killed again and again. The fleet lives in
// this process, so that the BMCs outlive the server; what they were asked for is
// their own record, and the witness.
//
//	storm: sessions, faults, kills ─► drover serve ─► BMCs of the fleet
//	          │                          │                │ requests, answers
//	          └──────────► Evidence ◄────┴ transitions, sessions, journal
//	                          │
//	                        judge ─► violations (exit code 1)
//
// A client notes besides what can never change once it was told, and asks again at
// the end.
//
// The judge is pure: its rules are functions of Evidence alone.
package main
