// Package server assembles the services into one process: the store, the
// platform, the orchestrators, the listener with the gateway's paths, and on
// request a simulated fleet.
//
// Services reach each other through their HTTP clients: an embedded one in
// memory, an external one by the URL that the configuration names.
//
//	Config ─► New: store ─► platform services ─► orchestrators ─► fleet
//	                 │             └── clients (Local or network) ──┘
//	                 └─► hub: every commit wakes whoever depends on it
package server
