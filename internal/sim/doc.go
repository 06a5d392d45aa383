// Package sim is a simulated fleet: for each node a BMC that speaks Redfish,
// and, while the node is powered, a machine that boots over the network,
// reports as a real one does and answers SSH. No service knows that a node is
// simulated; it is reached over HTTP and SSH on the loopback device only.
//
//	Redfish Reset ─► Off ─► PoweringOn ─► On ─► network boot ─► boot delay ─► up ─► reports, SSH
//	                  ▲     (OnDelay)           (BSS, artifacts)                        │
//	                  └──────── PoweringOff (OffDelay) ◄── GracefulShutdown ◄───────────┘
//
// An idle node costs memory and nothing else: waiting is an entry in the
// fleet's clock, work is done by a few workers. All BMCs share one listening
// socket and all SSH servers another (package loopback); Redfish is package
// bmc's.
//
// Commands run on a node (package jail) share the host's network but see none
// of its files except the system folders, read-only. What they write is the
// node's layer, a folder of the data directory that is emptied at the next
// power-on, as memory would be. A command's background processes end with it.
package sim
