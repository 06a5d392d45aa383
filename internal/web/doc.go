// Package web is Drover in a browser: pages of templates, which are whole without
// scripts, and a little JavaScript that keeps them up to date. All is embedded.
//
//	GET page ─► Sources (services of this process) ─► view ─► pages/*.html ─► browser
//	                                                              ▲             │
//	        the same page again, patched into what is shown ──────┘◄─ events ───┘
//
// The pages change nothing: where something can be done they show the command.
//
//	/                    fleet.go, home.go: the fleet as racks, troubles, sessions that run
//	/nodes, /nodes/NODE  nodes.go, node.go: lines of nodes that stand alike; what is known of one
//	/sessions            sessions.go: those of BOS and CFS
//	/sessions/bos/NAME   boot.go: how far a boot session is
//	/?label=SESSION      views.go, tasks.go: what a CFS session did, where the link of its record leads
//	/configurations      configurations.go: layers, and whose they are
//	/tenants             tenants.go: their nodes and sessions
package web
