// Package virtual is a fleet of virtual nodes: QEMU machines behind the Redfish
// face that simulated nodes have too. They boot for real, firmware, iPXE, kernel
// and system, and have nothing of Drover's inside but what their image brings.
//
//	Redfish Reset ─► bmc.Face ─► Node ─► QEMU process ── serial line ─► console.log
//	                                          │
//	   sealed network: DHCP of QEMU ──────────┤
//	   gateway, S3 ◄── relay, from 127.122.0.x┤
//	   127.122.0.x:port (SSH) ────────────────┘
//
// The power state is whether the process runs. The processes end with the one
// that started them, however that ends: after a restart all nodes are off, as
// after a power cut.
package virtual
