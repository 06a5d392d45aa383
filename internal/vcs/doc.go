// Package vcs keeps git repositories and serves them over git's smart HTTP
// protocol, so that configurations need no other git server.
//
//	git clone, fetch, push ─► Handler ─► git http-backend ─► DIR/ORG/NAME.git
//	drover vcs             ─► Register ─► Service ──────────►   (bare)
//
// The directories are the only record: a repository is there if its directory
// is. One appears, and goes, with one rename.
//
// With a Mirror they are copies of what several servers share:
//
//	push ─► .push-*/ (borrows the copy's objects) ─► one pack ─► Packs
//	                                                 Record  ─► Index   here it has happened
//	                                                 copy    ─► client
//	Start: each copy becomes what the Index says; later: many packs become one
//
// A push that was answered is in the Index; one that was not may be. What a copy has
// is never shown before that. The reference transaction is the Record, so that the references
// of a copy are one file, which this package writes.
//
// What is served is what git itself makes of it; this package checks names,
// and bounds what clients may use: how many backends run at once, how long a
// connection may be silent, how large a push may be. Who may do what is not
// asked: there is no authentication.
//
// Names has git on this machine take a site's name for this server, such as
// api-gw-service-nmn.local, to this server's listener.
package vcs
