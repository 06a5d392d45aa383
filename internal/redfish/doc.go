// Package redfish drives BMCs (baseboard management controllers) over Redfish.
//
// There are three paths. Walk reads the whole tree of one BMC for discovery; it
// follows links and is allowed to be slow. PowerState and Reset are the hot
// path of power control: one small request each, to thousands of BMCs at once,
// over a bounded number of connections. A connection is kept for a minute, so
// that a reboot takes one; a request that a BMC may have got is never sent again
// because of a connection that it had closed, unless it only reads. Subscribe has a
// BMC tell of changes itself, at a URL that is the caller's: ReadEvent reads them.
//
//	hsm discovery ─► Walk ──────────────┐
//	pcs ───────────► Subscribe ─────────┤
//	pcs ───────────► PowerState, Reset ─┴─► Driver ─► HTTPS (HTTP on loopback), Basic auth ─► BMC
package redfish
