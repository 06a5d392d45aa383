// Package cli is the command line.
//
// Its compatible half has the names, options, output and exit codes of the
// cray command line: the tree is derived from the services' own OpenAPI
// documents (package derive), with the few commands that people wrote by hand
// there written by hand here. Its native half watches sessions, explains
// nodes, uploads images and discovers BMCs.
//
//	argv ─► cobra tree ─► derive.Input ─► derive.Request ─► gateway ─► format ─► stdout
package cli
