// Package loopback gives each machine of a fleet addresses of its own in
// 127.0.0.0/8, with one listening socket for all of them: which machine is
// meant follows from the address that was dialled.
//
//	Net 101 ─► machine 0 at 127.101.0.1, machine 1 at 127.101.0.2, ...
//	Listen  ─► one socket on the device lo; Net.Index(conn.LocalAddr()) ─► machine
package loopback
