// Package packages holds what deb and rpm packages of Drover are made of:
// nfpm.yaml, the unit, the user and the scripts. `make packages` builds them with
// build.sh, `make packages-check` installs, upgrades and removes them with check.sh.
//
//	drover documents ──► man pages, completions, drover.yaml ──┐
//	go build, for each architecture ──► drover ────────────────┼─► nfpm ──► .deb, .rpm
//	drover.service, sysusers.conf, scripts/ ───────────────────┘
//
// The same commit makes the same bytes. It is a module of its own: the server
// does not depend on what makes packages.
package packages
