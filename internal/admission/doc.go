// Package admission bounds what a crowd of nodes may ask of a server at once, so
// that memory stays bounded and an administrator is answered while a whole
// machine boots. Who cannot be answered is sent away with the time to come back.
//
//	connection ─► Connections: one more than Most waits in the kernel
//	           ─► Peers: one address has so many, and is told to come back on a few more
//	request    ─► Gate: answered now ─► or in its turn ─► or sent away
//	                                                       └─► Returns: in how many seconds
package admission
