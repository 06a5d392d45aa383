// Package boa is the Boot Orchestration Agent: a program that carries out one
// session of BOS v1 and ends. It speaks to services only as any client does.
//
//	order.json ─► Agent ─► one bootSet each, all at once, whose nodes move in lock step:
//	  nodes (HSM), image (S3)
//	  configure: stage in CFS ─────────────────────────────► wait for CFS
//	  boot:      stage ─────────────► BSS, CAPMC on, Ready ─► wait for CFS
//	  reboot:    stage ─► CAPMC off ─► BSS, CAPMC on, Ready ─► wait for CFS
//	  shutdown:           CAPMC off
//	what became of each node ─► BOS v1, as the session's status
//
// No node counts as succeeded in a phase before it was seen to be there. One
// that failed in a phase is excluded from those that follow, with the reason.
package boa
