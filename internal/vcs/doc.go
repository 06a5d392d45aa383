// Package vcs keeps git repositories and serves them over git's smart HTTP
// protocol, so that configurations need no other git server.
//
//	git clone, fetch, push ─► Handler ─► git http-backend ─► DIR/ORG/NAME.git
//	drover vcs             ─► Register ─► Service ──────────►   (bare)
//
// The directories are the only record: a repository is there if its directory
// is. One appears, and goes, with one rename.
//
// What is served is what git itself makes of it; this package checks names,
// and bounds what clients may use: how many backends run at once, how long a
// connection may be silent, how large a push may be. Who may do what is not
// asked: there is no authentication.
//
// Names has git on this machine take a site's name for this server, such as
// api-gw-service-nmn.local, to this server's listener.
package vcs
