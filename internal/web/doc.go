// Package web is Drover in a browser: pages of templates, which are whole without
// scripts, and a little JavaScript that keeps them up to date. All is embedded.
//
//	GET page ─► Sources (services of this process) ─► view ─► pages/*.html ─► browser
//	                                                              ▲             │
//	        the same page again, patched into what is shown ──────┘◄─ events ───┘
//
// What pages do they ask of the services in the name of who sent a form, with the same
// check and record as if they had asked themselves; nodes are driven by plans alone, which
// are shown first. Nothing is done by GET.
//
//	/                    fleet.go, home.go: the fleet as racks, troubles, sessions that run
//	/nodes, /nodes/NODE  nodes.go, node.go: lines of nodes that stand alike; what is known of one
//	/sessions            sessions.go: those of BOS and CFS
//	/sessions/bos/NAME   boot.go: how far a boot session is
//	/?label=SESSION      views.go, tasks.go: what a CFS session did, where the link of its record leads
//	/configurations      configurations.go: layers, and whose they are
//	/tenants             tenants.go: their nodes and sessions
//	/plans/new           wish.go: the form that asks what shall be done with nodes
//	/plans/ID            plan.go: what a session would do, and the button that starts it
//	/sessions/bos/NAME/cancel  cancel.go: whether a session shall be cancelled
package web
