// Package bmc is the Redfish face of management controllers that are programs:
// a simulated fleet's and virtual machines'. What a reset does is the matter of
// the System behind it; no client can tell them apart.
//
//	Redfish client ─► Face ─► Find(address dialled) ─► Controller ─► System
//	                   │                                              PowerState, Reset,
//	                   └─► logins, resources, errors                  boot override, console
//
// Every controller has the same account. Resources are written when they are
// asked for; nothing is kept for them but logins, tasks and subscriptions:
//
//	System's owner ─► Face.Changed ─► subscriptions ─► courier ─► subscriber
package bmc
